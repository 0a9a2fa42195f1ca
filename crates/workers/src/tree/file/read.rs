//! Reading one file: a link, the size of a blob, the bytes of a manifest.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use oci::Digest;
use store::Timestamp;

use super::layout::Layout;
use crate::Problem;
use crate::tree::keys::{own_key, own_place};
use crate::tree::link::{self, Link, MAX_LINK};
use crate::tree::{BlobFile, BlobLook, ManifestRead};

/// Reads a link; `None` if there is no such file.
pub(super) fn link(path: &Path) -> Result<Option<Link>, Problem> {
    let unreadable = |error: std::io::Error| Problem::Unreadable(error.to_string());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let at = modified(&file.metadata().map_err(unreadable)?);
    let mut content = Vec::new();
    file.take(MAX_LINK + 1).read_to_end(&mut content).map_err(unreadable)?;
    let digest = link::parse(&content)?;
    Ok(Some(Link { digest, at }))
}

/// The modification time of a file in milliseconds.
pub(super) fn modified(metadata: &std::fs::Metadata) -> Timestamp {
    let millis =
        metadata.mtime().saturating_mul(1000).saturating_add(metadata.mtime_nsec() / 1_000_000);
    Timestamp::from_millis(millis)
}

/// The size and key of a blob's bytes.
pub(super) fn blob(layout: &Layout, sha256: &Digest) -> BlobLook {
    match std::fs::metadata(layout.path(&own_place(sha256))) {
        Ok(metadata) if metadata.is_file() => {
            Ok(Some(BlobFile { size: metadata.len(), key: own_key(sha256) }))
        }
        Ok(_) => Ok(None),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(Problem::Unreadable(error.to_string())),
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The bytes of a manifest.
pub(super) fn manifest(layout: &Layout, sha256: &Digest, limit: u64) -> ManifestRead {
    match bounded(&layout.path(&own_place(sha256)), limit) {
        Ok(read) => read,
        Err(error) if is_absent(&error) => ManifestRead::Absent,
        Err(error) => ManifestRead::Unreadable(error.to_string()),
    }
}

fn bounded(path: &Path, limit: u64) -> std::io::Result<ManifestRead> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > limit {
        return Ok(ManifestRead::TooLarge { size });
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Ok(ManifestRead::TooLarge { size: bytes.len() as u64 }),
        false => Ok(ManifestRead::Bytes(bytes.into())),
    }
}
