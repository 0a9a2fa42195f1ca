//! The tree: which path belongs to which key, and that no key leads out of it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use oci::{Algorithm, Digest};
use store::{BlobKey, StagingId, StoreError};

use super::directory;
use super::failure::While;

/// Below this, relative to the root, lie the blobs of the original.
pub(super) const BLOBS: &str = "docker/registry/v2/blobs";

/// The directories of one store.
#[derive(Debug)]
pub(super) struct Layout {
    root: PathBuf,
    staging: PathBuf,
}

impl Layout {
    pub(super) fn new(root: PathBuf, staging: PathBuf) -> Self {
        Self { root, staging }
    }

    /// Makes and syncs what must exist before the first blob arrives.
    pub(super) fn make(&self) -> Result<(), StoreError> {
        let blobs = self.root.join(BLOBS).join("sha256");
        directory::make_durable(&blobs, &self.root)?;
        let inside = self.staging.starts_with(&self.root);
        directory::make_durable(&self.staging, if inside { &self.root } else { &self.staging })?;
        let device = |path: &Path| {
            let facts = std::fs::metadata(path).doing("reading the state of", path, &self.root)?;
            Ok::<u64, StoreError>(facts.dev())
        };
        if device(&blobs)? != device(&self.staging)? {
            let (staging, blobs) = (self.staging.display(), blobs.display());
            return Err(StoreError::Failed(format!(
                "staging directory {staging} lies on another file system than {blobs}: \
                 choose one on the same file system, files are renamed between them"
            )));
        }
        Ok(())
    }

    /// The root, for shortening paths in messages.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of all staging files.
    pub(super) fn staging_directory(&self) -> &Path {
        &self.staging
    }

    /// The file that receives one upload.
    pub(super) fn staging(&self, id: &StagingId) -> PathBuf {
        self.staging.join(id.as_str())
    }

    /// The file of a blob. A key is text from a database row: one that is not
    /// of the form this store makes is damage and reaches no file.
    pub(super) fn blob(&self, key: &BlobKey) -> Result<PathBuf, StoreError> {
        if is_blob_key(key.as_str()) {
            return Ok(self.root.join(key.as_str()));
        }
        let shown = oci::quoted(key.as_str());
        Err(StoreError::Damaged(format!("blob key {shown} does not name a blob file")))
    }
}

/// The key of a blob in its own place, or beside it under a unique name.
pub(super) fn key(sha256: &Digest, unique: Option<&StagingId>) -> BlobKey {
    let hex = sha256.hex();
    let fan = hex.get(..2).unwrap_or_default();
    let beside = unique.map(|unique| format!(".{unique}")).unwrap_or_default();
    BlobKey::new(format!("{BLOBS}/sha256/{fan}/{hex}/data{beside}"))
}

/// Whether a key has the form `…/<algorithm>/<hh>/<hex>/data[.<unique>]`.
fn is_blob_key(key: &str) -> bool {
    let Some(rest) = key.strip_prefix(BLOBS).and_then(|rest| rest.strip_prefix('/')) else {
        return false;
    };
    let mut parts = rest.split('/');
    let (Some(algorithm), Some(fan), Some(hex), Some(file), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let known = algorithm.parse::<Algorithm>().is_ok();
    let digest = format!("{algorithm}:{hex}").parse::<Digest>().is_ok();
    known && digest && fan.len() == 2 && hex.starts_with(fan) && is_blob_file(file)
}

fn is_blob_file(file: &str) -> bool {
    match file.strip_prefix("data") {
        Some("") => true,
        Some(rest) => rest.strip_prefix('.').and_then(StagingId::parse).is_some(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_the_store_makes_are_accepted() {
        let digest = Digest::sha256(b"x");
        let unique = StagingId::parse("019a-b").unwrap();
        assert!(is_blob_key(key(&digest, None).as_str()));
        assert!(is_blob_key(key(&digest, Some(&unique)).as_str()));
    }

    #[test]
    fn keys_that_could_lead_elsewhere_are_refused() {
        let good = key(&Digest::sha256(b"x"), None);
        let good = good.as_str();
        let hex = Digest::sha256(b"x").hex();
        let bad = [
            String::new(),
            "/etc/passwd".to_owned(),
            format!("/{good}"),
            format!("{good}/../data"),
            format!("{good}/"),
            format!("{good}./x"),
            format!("{good}.a/b"),
            format!("{good}.."),
            good.replace("/data", "/link"),
            good.replace("v2/blobs", "v2/../blobs"),
            format!("docker/registry/v2/blobs/sha256/../{hex}/data"),
            format!("docker/registry/v2/blobs/sha256/zz/{hex}/data"),
            good.to_uppercase(),
        ];
        for key in bad {
            assert!(!is_blob_key(&key), "{key}");
        }
    }
}
