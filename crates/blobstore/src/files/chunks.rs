//! Chunks of memory that are used again once nobody reads them any more.

use std::fs::File;
use std::io::IoSliceMut;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::ReadWriteFlags;

/// Chunks that one stream keeps for use again: two that wait behind the one
/// that is being sent, and the next.
const KEPT: usize = 4;

/// Chunks that were handed out; free again when nobody else holds them.
#[derive(Default)]
pub(crate) struct Chunks(Vec<Arc<Vec<u8>>>);

/// A chunk as the one who sends it sees it.
struct Lent(Arc<Vec<u8>>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Chunks {
    /// A chunk of at least `size` bytes that nobody reads any more, or a new one.
    pub(crate) fn take(&mut self, size: usize) -> Vec<u8> {
        // The newest that is free: its bytes are the likeliest to lie in the cache of the processor.
        let free = self.0.iter().rposition(|kept| Arc::strong_count(kept) == 1);
        let kept = free.map(|index| self.0.remove(index)).and_then(Arc::into_inner);
        kept.filter(|chunk| chunk.len() >= size).unwrap_or_else(|| vec![0; size])
    }

    /// Hands out `range` of a chunk, which must lie within it.
    pub(crate) fn lend(&mut self, chunk: Vec<u8>, range: Range<usize>) -> Bytes {
        let chunk = Arc::new(chunk);
        if self.0.len() == KEPT {
            self.0.swap_remove(0);
        }
        self.0.push(Arc::clone(&chunk));
        Bytes::from_owner(Lent(chunk)).slice(range)
    }
}

/// Reads what the page cache holds; `None` if the disk must be asked, or if
/// there was an error that the disk will repeat.
pub(crate) fn read_cached(file: &File, part: &mut [u8], at: u64) -> Option<usize> {
    rustix::io::preadv2(file, &mut [IoSliceMut::new(part)], at, ReadWriteFlags::NOWAIT).ok()
}
