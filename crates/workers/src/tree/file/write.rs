//! Putting blobs and links into the tree, whole or not at all.
//!
//! A batch is prepared under temporary names, flushed once, then renamed in order. A flush per file
//! would cost some milliseconds each, and a registry has a hundred thousand links. The temporary
//! names are always the same, so what a crash leaves behind is taken over by the next run.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use oci::{Digest, RepositoryName};
use store::{BlobKey, StoreError, Timestamp};

use super::layout::Layout;
use super::{read, sync};
use crate::tree::{TreeWrite, Written, keys};
use crate::{Finding, Problem};

/// A file under its temporary name.
struct Prepared {
    temporary: PathBuf,
    place: PathBuf,
}

/// Puts all in their places.
pub(super) fn all(
    layout: &Layout,
    name: &RepositoryName,
    writes: Vec<TreeWrite>,
) -> Result<Written, StoreError> {
    let mut written = Written::default();
    let mut prepared = Vec::new();
    for write in writes {
        let (place, outcome) = prepare(layout, name, write);
        match outcome {
            Ok(Some(temporary)) => prepared.push(Prepared { temporary, place }),
            Ok(None) => {}
            Err(Failure::Missing(problem)) => {
                written.findings.push(Finding { path: layout.shown(&place), problem });
            }
            Err(Failure::Io(error)) => return Err(failed(layout, &place, &error)),
        }
    }
    if prepared.is_empty() {
        return Ok(written);
    }
    sync(layout.root())?;
    for Prepared { temporary, place } in &prepared {
        fs::rename(temporary, place).map_err(|error| failed(layout, place, &error))?;
    }
    written.changed = prepared.len() as u64;
    Ok(written)
}

fn failed(layout: &Layout, place: &Path, error: &std::io::Error) -> StoreError {
    StoreError::io(format!("writing {}", layout.shown(place)), error)
}

enum Failure {
    Io(std::io::Error),
    Missing(Problem),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes one thing under a temporary name, unless it is right already.
fn prepare(
    layout: &Layout,
    name: &RepositoryName,
    write: TreeWrite,
) -> (PathBuf, Result<Option<PathBuf>, Failure>) {
    match write {
        TreeWrite::Bytes { sha256, bytes } => {
            let place = layout.path(&keys::own_place(&sha256));
            let outcome = file(&place, &bytes, None).map_err(Failure::Io);
            (place, outcome)
        }
        TreeWrite::Stored { sha256, key } => {
            let place = layout.path(&keys::own_place(&sha256));
            let outcome = second_name(layout, &place, &sha256, &key);
            (place, outcome)
        }
        TreeWrite::Link { name: link, sha256, at } => {
            let place = layout.path(&keys::link(name, &link));
            let outcome = file(&place, sha256.to_string().as_bytes(), at).map_err(Failure::Io);
            (place, outcome)
        }
    }
}

/// Prepares a small file, unless one with this content is there; then only its time is put right.
fn file(place: &Path, content: &[u8], at: Option<Timestamp>) -> std::io::Result<Option<PathBuf>> {
    if holds(place, content)? {
        if let Some(at) = at
            && read::modified(&fs::metadata(place)?) != at
        {
            File::options().write(true).open(place)?.set_modified(system_time(at))?;
        }
        return Ok(None);
    }
    let temporary = temporary(place)?;
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    if let Some(at) = at {
        file.set_modified(system_time(at))?;
    }
    Ok(Some(temporary))
}

fn holds(place: &Path, content: &[u8]) -> std::io::Result<bool> {
    match fs::metadata(place) {
        Ok(metadata) if metadata.len() != content.len() as u64 => Ok(false),
        Ok(_) => Ok(fs::read(place)? == content),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Prepares a second name for the file of `key`, or a copy where the file system has no such thing.
fn second_name(
    layout: &Layout,
    place: &Path,
    sha256: &Digest,
    key: &BlobKey,
) -> Result<Option<PathBuf>, Failure> {
    let missing = || Failure::Missing(Problem::NoBytes(*sha256));
    let source = layout.key_file(key).ok_or_else(missing)?;
    let metadata = match fs::metadata(&source) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing()),
        other => other?,
    };
    let same = |there: fs::Metadata| (there.dev(), there.ino()) == (metadata.dev(), metadata.ino());
    if fs::metadata(place).is_ok_and(same) {
        return Ok(None);
    }
    let temporary = temporary(place)?;
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error.into());
    }
    if fs::hard_link(&source, &temporary).is_err() {
        fs::copy(&source, &temporary)?;
    }
    Ok(Some(temporary))
}

/// The temporary name of a place, whose directory is made.
fn temporary(place: &Path) -> std::io::Result<PathBuf> {
    if let Some(directory) = place.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut name = place.as_os_str().to_owned();
    name.push(".berth.tmp");
    Ok(name.into())
}

fn system_time(at: Timestamp) -> std::time::SystemTime {
    let millis = Duration::from_millis(at.millis().unsigned_abs());
    let moment = match at.millis() < 0 {
        true => UNIX_EPOCH.checked_sub(millis),
        false => UNIX_EPOCH.checked_add(millis),
    };
    moment.unwrap_or(UNIX_EPOCH)
}
