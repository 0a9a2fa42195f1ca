//! Listing blob files, whether or not anybody knows them.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use oci::Digest;
use store::{BlobKey, StagingId, StoreError, StoredRecord, Timestamp};

use super::failure::While;
use super::layout::Layout;

/// Blob files in the order of their keys, after the key `after`. In memory for
/// one of the 256 folders at a time.
pub(super) fn list(
    layout: &Layout,
    own_places: bool,
    after: Option<&BlobKey>,
    limit: usize,
) -> Result<Vec<StoredRecord>, StoreError> {
    let mut listing = Listing { layout, own_places, after, limit, found: Vec::new() };
    let folder = layout.blobs();
    for fan in listing.names(&folder)? {
        let fan = folder.join(fan);
        // A key is its path, so whole folders lie before or after another key.
        if listing.is_behind(&fan) {
            continue;
        }
        for hex in listing.names(&fan)? {
            if listing.found.len() >= limit {
                return Ok(listing.found);
            }
            listing.digest(&fan.join(&hex), &hex)?;
        }
    }
    Ok(listing.found)
}

struct Listing<'a> {
    layout: &'a Layout,
    own_places: bool,
    after: Option<&'a BlobKey>,
    limit: usize,
    found: Vec<StoredRecord>,
}

impl Listing<'_> {
    /// The files of one digest.
    fn digest(&mut self, folder: &Path, hex: &str) -> Result<(), StoreError> {
        let Ok(sha256) = format!("sha256:{hex}").parse::<Digest>() else { return Ok(()) };
        if self.is_behind(folder) {
            return Ok(());
        }
        for name in self.names(folder)? {
            if self.found.len() >= self.limit {
                return Ok(());
            }
            let path = folder.join(&name);
            let (Some(key), true) = (self.key(&path), self.own_places || name != "data") else {
                continue;
            };
            let is_later = self.after.is_none_or(|after| key > *after);
            if is_later && self.layout.blob(&key).is_ok() {
                self.found.extend(self.look(&path, key, sha256)?);
            }
        }
        Ok(())
    }

    /// Whether everything in the folder lies before the first key wanted.
    fn is_behind(&self, folder: &Path) -> bool {
        match (self.after, self.key(folder)) {
            (Some(after), Some(folder)) => {
                let folder = folder.as_str();
                after.as_str().get(..folder.len()).is_some_and(|start| folder < start)
            }
            _ => false,
        }
    }

    fn key(&self, path: &Path) -> Option<BlobKey> {
        path.strip_prefix(self.layout.root()).ok()?.to_str().map(BlobKey::new)
    }

    /// `None` for what is no file, or was one a moment ago.
    fn look(
        &self,
        path: &Path,
        key: BlobKey,
        sha256: Digest,
    ) -> Result<Option<StoredRecord>, StoreError> {
        let facts = match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.doing("reading the state of", path, self.layout.root())?,
        };
        // A file keeps the time of its last write when it gets its name, and a copy may keep that of
        // its original; the time of the last change of either is when it became a blob.
        let millis = facts.mtime().max(facts.ctime()).saturating_mul(1000);
        let modified = Timestamp::from_millis(millis);
        let staging = key.as_str().rsplit_once("/data.").and_then(|(_, id)| StagingId::parse(id));
        let size = facts.len();
        let record = StoredRecord { key, sha256: Some(sha256), staging, size, modified };
        Ok(facts.is_file().then_some(record))
    }

    /// Names in a folder, sorted; none if it is gone or no folder.
    fn names(&self, folder: &Path) -> Result<Vec<String>, StoreError> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if is_no_folder(&error) => return Ok(Vec::new()),
            other => other.doing("listing", folder, self.layout.root())?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.doing("listing", folder, self.layout.root())?;
            names.extend(entry.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }
}

fn is_no_folder(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

impl Layout {
    /// The folder above the 256 folders of blobs.
    fn blobs(&self) -> PathBuf {
        self.root().join(super::layout::BLOBS).join("sha256")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "docker/registry/v2/blobs/sha256";

    fn house() -> (tempfile::TempDir, Layout, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        let mut keys = Vec::new();
        for content in ["a", "b", "c"] {
            let hex = Digest::sha256(content.as_bytes()).hex();
            let folder = format!("{OLD}/{}/{hex}", &hex[..2]);
            std::fs::create_dir_all(root.path().join(&folder)).unwrap();
            for name in ["data", "data.019a-1", "data.019a-2"] {
                std::fs::write(root.path().join(&folder).join(name), content).unwrap();
                keys.push(format!("{folder}/{name}"));
            }
            std::fs::write(root.path().join(&folder).join("note.txt"), content).unwrap();
        }
        keys.sort();
        let layout = Layout::new(root.path().to_owned(), root.path().join("berth/uploads"));
        (root, layout, keys)
    }

    fn pages(layout: &Layout, own_places: bool, limit: usize) -> Vec<String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = list(layout, own_places, after.as_ref(), limit).unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { return all };
            after = Some(last.key.clone());
            all.extend(page.iter().map(|one| one.key.as_str().to_owned()));
        }
    }

    #[test]
    fn every_file_is_on_exactly_one_page() {
        let (_root, layout, keys) = house();
        for limit in 1..=10 {
            assert_eq!(pages(&layout, true, limit), keys, "{limit}");
        }
    }

    #[test]
    fn places_that_others_may_have_written_are_listed_only_when_asked_for() {
        let (_root, layout, keys) = house();
        let ours: Vec<_> = keys.into_iter().filter(|key| !key.ends_with("/data")).collect();
        assert_eq!(pages(&layout, false, 2), ours);
    }
}
