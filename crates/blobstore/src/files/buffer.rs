//! Page-aligned buffers, bounded over all uploads: large ones from a common
//! stock, and a small one for an upload that finds none.
//!
//! They are anonymous maps, not heap memory: aligned as direct writes want
//! it, and given back to the system for certain when the last upload ends.

use std::io;
use std::sync::Arc;

use memmap2::MmapMut;
use parking_lot::Mutex;

/// Bytes in a buffer of the common stock.
pub(super) const SIZE: usize = 1 << 20;

/// Bytes in a buffer that an upload gets beyond the stock. Hundreds of uploads
/// may have one.
const SMALL: usize = 128 << 10;

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
    /// Where it goes back to, if it is of the stock.
    stock: Option<Arc<Buffers>>,
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

    /// A buffer of the stock, if there is one.
    pub(super) fn try_take(self: &Arc<Self>) -> io::Result<Option<Buffer>> {
        let kept = {
            let mut pool = self.pool.lock();
            if pool.lent >= self.limit {
                return Ok(None);
            }
            pool.lent += 1;
            pool.free.pop()
        };
        // From here on the loan is counted; dropping `buffer` gives it back.
        let mut buffer = Buffer { map: kept, stock: Some(Arc::clone(self)) };
        if buffer.map.is_none() {
            buffer.map = Some(MmapMut::map_anon(SIZE)?);
        }
        Ok(Some(buffer))
    }
}

impl Buffer {
    /// A small one beyond the stock: for one who holds none and could not go on.
    pub(super) fn small() -> io::Result<Self> {
        Ok(Self { map: Some(MmapMut::map_anon(SMALL)?), stock: None })
    }

    /// All of its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    /// All of its bytes, to be filled.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.map.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(stock) = &self.stock else { return };
        let mut pool = stock.pool.lock();
        pool.lent -= 1;
        if pool.users > 0 {
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

// A part is a whole number of blocks, or the next one would not begin with one.
const _: () = assert!(SIZE.is_multiple_of(BLOCK) && SMALL.is_multiple_of(BLOCK));

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
        let own = Buffer::small().unwrap();
        assert_eq!(own.bytes().len(), SMALL);
        drop((first, second, own));
        assert_eq!(buffers.pool.lock().lent, 0);
        assert_eq!(buffers.pool.lock().free.len(), 2);
        drop(user);
        assert!(buffers.pool.lock().free.is_empty());
    }
}
