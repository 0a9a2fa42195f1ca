//! Page-aligned buffers of 1 MiB, bounded over all uploads.
//!
//! They are anonymous maps, not heap memory: aligned as direct writes want
//! it, and given back to the system for certain when the last upload ends.

use std::io;
use std::sync::Arc;

use memmap2::MmapMut;
use parking_lot::Mutex;

/// Bytes in a buffer.
pub(super) const SIZE: usize = 1 << 20;

/// What direct writes must be multiples of; no smaller than any page or sector
/// that matters here.
pub(super) const BLOCK: usize = 4096;

/// Lends buffers and keeps returned ones while anybody uploads.
#[derive(Debug)]
pub(super) struct Buffers {
    limit: usize,
    pool: Mutex<Pool>,
}

#[derive(Debug, Default)]
struct Pool {
    free: Vec<MmapMut>,
    lent: usize,
    users: usize,
}

/// A buffer on loan.
#[derive(Debug)]
pub(super) struct Buffer {
    /// Gone only while dropping.
    map: Option<MmapMut>,
    buffers: Arc<Buffers>,
}

/// Says that somebody uploads, so that returned buffers are worth keeping.
#[derive(Debug)]
pub(super) struct User(Arc<Buffers>);

impl Buffers {
    /// Lends at most `limit` buffers freely.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, pool: Mutex::default() })
    }

    /// Signs a user on.
    pub(super) fn user(self: &Arc<Self>) -> User {
        self.pool.lock().users += 1;
        User(Arc::clone(self))
    }

    /// A buffer, if fewer than the limit are lent.
    pub(super) fn try_take(self: &Arc<Self>) -> io::Result<Option<Buffer>> {
        self.take_below(self.limit)
    }

    /// A buffer in any case: for one who holds none and could not go on.
    pub(super) fn take(self: &Arc<Self>) -> io::Result<Buffer> {
        match self.take_below(usize::MAX)? {
            Some(buffer) => Ok(buffer),
            None => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }

    fn take_below(self: &Arc<Self>, limit: usize) -> io::Result<Option<Buffer>> {
        let kept = {
            let mut pool = self.pool.lock();
            if pool.lent >= limit {
                return Ok(None);
            }
            pool.lent += 1;
            pool.free.pop()
        };
        // From here on the loan is counted; dropping `buffer` gives it back.
        let mut buffer = Buffer { map: kept, buffers: Arc::clone(self) };
        if buffer.map.is_none() {
            buffer.map = Some(MmapMut::map_anon(SIZE)?);
        }
        Ok(Some(buffer))
    }
}

impl Buffer {
    /// All of its [`SIZE`] bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    /// All of its [`SIZE`] bytes, to be filled.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.map.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut pool = self.buffers.pool.lock();
        pool.lent -= 1;
        if pool.users > 0 && pool.free.len() + pool.lent < self.buffers.limit {
            pool.free.extend(self.map.take());
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let unneeded = {
            let mut pool = self.0.pool.lock();
            pool.users -= 1;
            if pool.users == 0 { std::mem::take(&mut pool.free) } else { Vec::new() }
        };
        drop(unneeded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_bounded_and_freed_with_the_last_user() {
        let buffers = Buffers::new(2);
        let user = buffers.user();
        let first = buffers.try_take().unwrap().unwrap();
        let second = buffers.try_take().unwrap().unwrap();
        assert_eq!(first.bytes().as_ptr() as usize % BLOCK, 0);
        assert_eq!(second.bytes().len(), SIZE);
        assert!(buffers.try_take().unwrap().is_none());
        let own = buffers.take().unwrap();
        drop((first, second, own));
        assert_eq!(buffers.pool.lock().lent, 0);
        assert!((1..=2).contains(&buffers.pool.lock().free.len()));
        drop(user);
        assert!(buffers.pool.lock().free.is_empty());
    }
}
