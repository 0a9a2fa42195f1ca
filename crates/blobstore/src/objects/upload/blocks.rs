//! Bytes that were received and not yet given to a part.

use bytes::{Bytes, BytesMut};

use super::budget::Grant;

/// Bytes of a full block.
pub(super) const BLOCK: usize = 1 << 20;

/// Blocks in order, the last one growing.
#[derive(Default)]
pub(super) struct Blocks {
    full: Vec<Bytes>,
    growing: BytesMut,
    /// Bytes of `full` and `growing`.
    length: u64,
    grants: Vec<Grant>,
}

impl Blocks {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Room in the block that is growing; with none a new one may begin.
    pub(super) fn room(&self) -> usize {
        if self.growing.is_empty() { 0 } else { BLOCK - self.growing.len() }
    }

    /// Accounts for a new block.
    pub(super) fn granted(&mut self, grant: Grant) {
        self.grants.push(grant);
    }

    /// Adds bytes that fit the block, and returns the block if it is full.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Option<Bytes> {
        if self.growing.capacity() == 0 && !self.full.is_empty() {
            // The first block may stay small; later ones will not.
            self.growing.reserve(BLOCK);
        }
        self.growing.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
        (self.growing.len() >= BLOCK).then(|| self.cut())
    }

    /// Adds whole bytes that came from elsewhere.
    pub(super) fn add_block(&mut self, block: Bytes, grant: Grant) {
        self.length += block.len() as u64;
        self.full.push(block);
        self.grants.push(grant);
    }

    /// Ends the growing block, if there is one.
    pub(super) fn flush(&mut self) -> Option<Bytes> {
        (!self.growing.is_empty()).then(|| self.cut())
    }

    fn cut(&mut self) -> Bytes {
        let block = std::mem::take(&mut self.growing).freeze();
        self.full.push(block.clone());
        block
    }

    /// The bytes from `from` on. Call after [`Blocks::flush`].
    pub(super) fn since(&self, from: u64) -> Vec<Bytes> {
        let mut skip = usize::try_from(from).unwrap_or(usize::MAX);
        let mut rest = Vec::with_capacity(self.full.len());
        for block in &self.full {
            if skip >= block.len() {
                skip -= block.len();
                continue;
            }
            rest.push(block.slice(skip..));
            skip = 0;
        }
        rest
    }

    /// The first `limit` bytes. Call after [`Blocks::flush`].
    pub(super) fn front(&self, limit: usize) -> Bytes {
        let mut front = BytesMut::with_capacity(limit.min(BLOCK));
        for block in &self.full {
            let missing = limit - front.len();
            front.extend_from_slice(block.get(..missing).unwrap_or(block));
        }
        front.freeze()
    }
}
