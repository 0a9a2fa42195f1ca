//! The way of an upload's bytes: one lane hashes, another writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci::Hasher;
use rustix::fs::Advice;
use store::{Checkpoint, StoreError};

use super::buffer::BLOCK;
use super::direct;
use super::failure::While;
use super::lane::{Lane, Part, Work};
use super::lease::Lease;
use super::points::Points;

/// Parts of one upload that may be open at a time.
const DEPTH: usize = 8;

/// Bytes after which the page cache is told to begin writing them out, so that
/// the final sync has little left to do.
const FLUSH: u64 = 8 << 20;

/// Hashes and writes parts side by side.
#[derive(Debug)]
pub(super) struct Pipe {
    hash: Arc<Lane<Hashing>>,
    write: Arc<Lane<Writing>>,
    points: Arc<Points>,
}

/// The file of an upload.
#[derive(Debug)]
pub(super) struct Target {
    /// The staging file.
    pub(super) file: Arc<File>,
    /// Whether full buffers are to go around the page cache.
    pub(super) direct: bool,
    /// Where it lies.
    pub(super) path: PathBuf,
    /// The store's root, for messages.
    pub(super) root: PathBuf,
}

#[derive(Debug)]
struct Hashing {
    hashers: Vec<Hasher>,
    points: Arc<Points>,
}

#[derive(Debug)]
struct Writing {
    target: Target,
    /// For direct writes; opened for the first full buffer, so that small uploads do without.
    direct: Option<File>,
    flushed: u64,
    points: Arc<Points>,
    /// Nobody else may open the file while a write may be under way.
    _lease: Arc<Lease>,
}

impl Pipe {
    pub(super) fn new(target: Target, hashers: Vec<Hasher>, lease: Arc<Lease>) -> Self {
        let points = Arc::new(Points::default());
        let hashing = Hashing { hashers, points: Arc::clone(&points) };
        let writing = Writing {
            target,
            direct: None,
            flushed: 0,
            points: Arc::clone(&points),
            _lease: lease,
        };
        Self { hash: Lane::new(hashing), write: Lane::new(writing), points }
    }

    /// Sends a part on its way.
    pub(super) fn push(&self, part: Part) {
        let part = Arc::new(part);
        self.write.push(Arc::clone(&part));
        self.hash.push(part);
    }

    /// Waits until there is room for another part.
    pub(super) async fn room(&self) -> Result<(), StoreError> {
        self.write.until(DEPTH - 1).await?;
        self.hash.until(DEPTH - 1).await
    }

    /// The newest end of a full buffer that is hashed and written.
    pub(super) fn passed(&self) -> Option<Checkpoint> {
        self.points.newest()
    }

    /// Forgets the points so far: the caller knows a newer one.
    pub(super) fn forget_points(&self) {
        self.points.clear();
    }

    /// Waits until all parts are hashed and written; the hash states then.
    pub(super) async fn rest(&self) -> Result<Vec<Hasher>, StoreError> {
        self.write.until(0).await?;
        self.hash.until(0).await?;
        self.hash
            .resting(|hashing| hashing.hashers.clone())
            .ok_or_else(|| StoreError::Failed("an upload was hashed by two at once".to_owned()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.hash.abandon();
        self.write.abandon();
    }
}

impl Work for Hashing {
    fn part(&mut self, part: &Part) -> Result<(), StoreError> {
        let fresh = part.buffer.bytes().get(part.known..part.length).unwrap_or_default();
        for hasher in &mut self.hashers {
            hasher.update(fresh);
        }
        if part.is_full() {
            self.points.hashed(part.end(), &self.hashers);
        }
        Ok(())
    }
}

impl Work for Writing {
    fn part(&mut self, part: &Part) -> Result<(), StoreError> {
        let written = match self.target.direct && part.is_full() {
            true => self.write_directly(part),
            false => self.write_cached(part),
        };
        let Target { path, root, .. } = &self.target;
        written.doing("writing", path, root)?;
        self.points.written(part.end());
        Ok(())
    }
}

impl Writing {
    /// Writes a full buffer, which may begin with bytes that are in the file already: the block
    /// that the part before could not fill.
    fn write_directly(&mut self, part: &Part) -> io::Result<()> {
        let file = match self.direct.take() {
            Some(file) => file,
            None => direct::open(&self.target.path)?,
        };
        match file.write_all_at(part.buffer.bytes(), part.at) {
            Err(error) if direct::is_refusal(&error) => {
                self.target.direct = false;
                return self.write_cached(part);
            }
            other => other?,
        }
        self.direct = Some(file);
        Ok(())
    }

    fn write_cached(&mut self, part: &Part) -> io::Result<()> {
        let fresh = part.buffer.bytes().get(part.known..part.length).unwrap_or_default();
        self.target.file.write_all_at(fresh, part.at + part.known as u64)?;
        self.flush(part.end());
        Ok(())
    }

    /// Starts write-back of what the page cache holds, without waiting.
    ///
    /// "Don't need" is the call that does so without unsafe code; pages that
    /// are still dirty or under write-back stay in memory.
    fn flush(&mut self, end: u64) {
        if self.target.direct || end < self.flushed + FLUSH {
            return;
        }
        let length = std::num::NonZeroU64::new(end - self.flushed);
        // A hint: the sync that counts comes before the name.
        let _ = rustix::fs::fadvise(&self.target.file, self.flushed, length, Advice::DontNeed);
        self.flushed = end;
    }
}

/// The bytes of the last, unfinished block before `offset`: the next part
/// begins with them, so that it begins with a block.
pub(super) fn tail(
    file: &File,
    offset: u64,
    path: &Path,
    root: &Path,
) -> Result<Vec<u8>, StoreError> {
    let length = offset % BLOCK as u64;
    let mut tail = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut tail, offset - length).doing("reading", path, root)?;
    Ok(tail)
}
