//! Reading a file of the cache, block by block, each compared with its checksum.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use store::Timestamp;

use super::entry::Entry;
use super::fill::{Fill, NoBlock};
use super::layout::{self, BLOCK};
use crate::files::{Chunks, read_cached};

/// A file that was used tells so to the next process at most this often.
const TOUCH: Duration = Duration::from_secs(3600);

/// An entry that is being read. Its file may be removed meanwhile.
pub(super) struct Copy {
    source: Source,
    size: u64,
    chunks: Chunks,
}

enum Source {
    Whole(Arc<File>, Vec<u32>),
    Growing(Arc<Fill>),
}

/// Why the rest must come from elsewhere.
#[derive(Debug)]
pub(super) enum Lost {
    /// The fill does not go on, or too slowly.
    Late,
    /// The bytes of the fill are not those of the blob: there is no rest.
    Mismatch,
    /// The disk failed, or holds other bytes than were written.
    Broken(String),
}

impl Copy {
    /// Opens the file of an entry. Blocks.
    pub(super) fn open(entry: &Entry, now: Timestamp) -> io::Result<Self> {
        let source = match entry.fill() {
            Some(fill) => Source::Growing(fill),
            None => {
                let file = File::open(entry.file())?;
                let sums = sums(&file, entry)?;
                touch(&file, now);
                Source::Whole(Arc::new(file), sums)
            }
        };
        Ok(Self { source, size: entry.size, chunks: Chunks::default() })
    }

    /// The bytes from `next` to the end of its block, or to `end`.
    pub(super) async fn piece(&mut self, next: u64, end: u64) -> Result<Bytes, Lost> {
        let number = next / BLOCK;
        let begin = number * BLOCK;
        let length = in_memory(BLOCK.min(self.size.saturating_sub(begin)));
        let sum = match &self.source {
            Source::Whole(_, sums) => sums.get(in_memory(number)).copied(),
            Source::Growing(fill) => Some(fill.block(number).await.map_err(|no| match no {
                NoBlock::Late => Lost::Late,
                NoBlock::Mismatch => Lost::Mismatch,
            })?),
        };
        let sum = sum.ok_or_else(|| Lost::Broken("a block has no checksum".to_owned()))?;
        let chunk = self.chunks.take(length);
        let chunk = self.read(chunk, length, begin).await;
        let chunk = chunk.map_err(|error| Lost::Broken(error.to_string()))?;
        if layout::sum(chunk.get(..length).unwrap_or_default()) != sum {
            return Err(Lost::Broken(format!("block {number} is not what was written")));
        }
        let until = in_memory(end.saturating_sub(begin)).min(length);
        let from = in_memory(next - begin).min(until);
        Ok(self.chunks.lend(chunk, from..until))
    }

    async fn read(&self, mut chunk: Vec<u8>, length: usize, at: u64) -> io::Result<Vec<u8>> {
        let part = chunk.get_mut(..length).unwrap_or_default();
        if read_cached(self.file(), part, at) == Some(length) {
            return Ok(chunk);
        }
        let shared = self.shared();
        let read = tokio::task::spawn_blocking(move || {
            let file: &File = match &shared {
                Source::Whole(file, _) => file,
                Source::Growing(fill) => &fill.file,
            };
            file.read_exact_at(chunk.get_mut(..length).unwrap_or_default(), at).map(|()| chunk)
        });
        read.await.map_err(io::Error::other)?
    }

    fn file(&self) -> &File {
        match &self.source {
            Source::Whole(file, _) => file,
            Source::Growing(fill) => &fill.file,
        }
    }

    /// The file alone, for another thread.
    fn shared(&self) -> Source {
        match &self.source {
            Source::Whole(file, _) => Source::Whole(Arc::clone(file), Vec::new()),
            Source::Growing(fill) => Source::Growing(Arc::clone(fill)),
        }
    }
}

fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn sums(file: &File, entry: &Entry) -> io::Result<Vec<u32>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a file is not what was written");
    let size = layout::file_size(entry.size);
    if file.metadata()?.len() != size {
        return Err(damaged());
    }
    let mut end = vec![0; in_memory(size - entry.size)];
    file.read_exact_at(&mut end, entry.size)?;
    layout::sums(&entry.name, entry.size, &end).ok_or_else(damaged)
}

/// Keeps the order of use across a restart, roughly. A disk that does not take it is no harm.
fn touch(file: &File, now: Timestamp) {
    let Ok(millis) = u64::try_from(now.millis()) else { return };
    let now = UNIX_EPOCH + Duration::from_millis(millis);
    let used = file.metadata().and_then(|metadata| metadata.modified());
    let is_old = used.is_ok_and(|used| now.duration_since(used).is_ok_and(|age| age > TOUCH));
    if is_old {
        let _ = file.set_modified(now);
    }
}
