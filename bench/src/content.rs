//! What is pushed: contents that are unique, do not compress, and whose digests cost the client next
//! to nothing, so that the client does not bound the result.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::random::Random;

/// `sha256:` and 64 hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    named(Sha256::new_with_prefix(bytes))
}

fn named(state: Sha256) -> String {
    let hex = state.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{hex}")
}

/// Blobs of one size that differ only in their last bytes: the hash of the common beginning is
/// computed once, so the digest of the next one costs one or two blocks.
#[derive(Clone)]
pub(crate) struct UniqueBlobs {
    beginning: Arc<[u8]>,
    hashed: Sha256,
    random: Random,
}

/// One of them, in the two parts that are written to the socket.
pub(crate) struct UniqueBlob {
    pub(crate) beginning: Arc<[u8]>,
    pub(crate) end: [u8; UniqueBlobs::END],
    pub(crate) digest: String,
}

impl UniqueBlobs {
    const END: usize = 64;

    /// Blobs of `size` bytes; another seed gives other blobs.
    pub(crate) fn new(size: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut beginning = vec![0; size.saturating_sub(Self::END)];
        random.fill(&mut beginning);
        let hashed = Sha256::new_with_prefix(&beginning);
        Self { beginning: beginning.into(), hashed, random }
    }

    /// A blob that no other call has given.
    pub(crate) fn next(&mut self) -> UniqueBlob {
        let mut end = [0; Self::END];
        self.random.fill(&mut end);
        let mut hashed = self.hashed.clone();
        hashed.update(end);
        UniqueBlob { beginning: Arc::clone(&self.beginning), end, digest: named(hashed) }
    }
}

impl UniqueBlob {
    pub(crate) fn size(&self) -> usize {
        self.beginning.len() + self.end.len()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.beginning, self.end.as_slice()].concat()
    }
}

/// The large blob: one random block again and again, so that it need not be held whole.
pub(crate) struct LargeBlob {
    pub(crate) block: Vec<u8>,
    pub(crate) blocks: u64,
    pub(crate) digest: String,
}

impl LargeBlob {
    /// Small enough to stay in the processor's cache while it is sent.
    pub(crate) const BLOCK: usize = 1 << 20;

    pub(crate) fn new(mebibytes: u64, seed: u64) -> Self {
        let mut block = vec![0; Self::BLOCK];
        Random::new(seed).fill(&mut block);
        let mut hashed = Sha256::new();
        for _ in 0..mebibytes {
            hashed.update(&block);
        }
        Self { block, blocks: mebibytes, digest: named(hashed) }
    }

    /// In bytes.
    pub(crate) fn size(&self) -> u64 {
        self.blocks * Self::BLOCK as u64
    }

    pub(crate) fn gibibytes(&self) -> f64 {
        self.blocks as f64 / 1024.0
    }

    /// True if `bytes` are what stands at `offset` of this blob.
    pub(crate) fn matches(&self, offset: u64, bytes: &[u8]) -> bool {
        let within = usize::try_from(offset % Self::BLOCK as u64).unwrap_or_default();
        let mut expected = self.block.get(within..).unwrap_or_default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = rest.len().min(expected.len());
            let (now, later) = rest.split_at(length);
            if expected.get(..length) != Some(now) {
                return false;
            }
            rest = later;
            expected = &self.block;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{LargeBlob, UniqueBlobs, digest};

    #[test]
    fn a_unique_blob_has_its_size_and_the_digest_of_its_bytes() {
        let mut blobs = UniqueBlobs::new(4096, 1);
        let (first, second) = (blobs.next(), blobs.next());
        assert_eq!(first.bytes().len(), 4096);
        assert_eq!(first.size(), 4096);
        assert_eq!(first.digest, digest(&first.bytes()));
        assert_ne!(first.digest, second.digest);
    }

    #[test]
    fn the_large_blob_knows_its_bytes_at_every_offset() {
        let blob = LargeBlob::new(2, 1);
        let whole = blob.block.repeat(2);
        assert_eq!(blob.digest, digest(&whole));
        let across = &whole[LargeBlob::BLOCK - 10..LargeBlob::BLOCK + 10];
        assert!(blob.matches(LargeBlob::BLOCK as u64 - 10, across));
        assert!(!blob.matches(LargeBlob::BLOCK as u64 - 9, across));
    }
}
