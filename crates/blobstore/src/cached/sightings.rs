//! Which blobs were read lately, before they are worth a place on the disk.
//!
//! Most blobs are read once in a while: keeping each of them would drive out the hot ones. So the
//! first read of a blob is only remembered. It is also where the digest of a blob is learned whose
//! name does not tell it: two reads that agree are as good as can be had.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use oci::{Algorithm, Digest, Hasher};
use store::{ByteStream, StoreError};

use super::layout::Name;

/// First reads that are remembered, some 150 bytes each.
const REMEMBERED: u64 = 65_536;

/// First reads, and the digests that they had.
pub(super) struct Sightings(Cache<Name, Option<Digest>>);

impl Sightings {
    pub(super) fn new() -> Self {
        let policy = EvictionPolicy::lru();
        Self(Cache::builder().max_capacity(REMEMBERED).eviction_policy(policy).build())
    }

    /// Remembers a read; `true` if it is the first.
    pub(super) fn is_first(&self, name: Name) -> bool {
        self.0.entry(name).or_insert(None).is_fresh()
    }

    /// The digest that an earlier read had.
    pub(super) fn digest(&self, name: &Name) -> Option<Digest> {
        self.0.get(name).flatten()
    }

    pub(super) fn forget(&self, name: &Name) {
        self.0.invalidate(name);
    }

    /// Passes a whole blob of `size` bytes along and remembers its digest when the last byte has gone.
    pub(super) fn watched(
        self: &Arc<Self>,
        name: Name,
        size: u64,
        inner: ByteStream,
    ) -> ByteStream {
        let hasher = Some(Hasher::new(Algorithm::Sha256));
        Box::pin(Watched { inner, hasher, left: size, name, sightings: Arc::clone(self) })
    }
}

struct Watched {
    inner: ByteStream,
    hasher: Option<Hasher>,
    left: u64,
    name: Name,
    sightings: Arc<Sightings>,
}

impl Stream for Watched {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = ready!(self.inner.as_mut().poll_next(context));
        if let Some(Ok(piece)) = &piece {
            self.left = self.left.saturating_sub(piece.len() as u64);
            if let Some(hasher) = &mut self.hasher {
                hasher.update(piece);
            }
            if self.left == 0
                && let Some(hasher) = self.hasher.take()
            {
                self.sightings.0.insert(self.name, Some(hasher.finish()));
            }
        }
        Poll::Ready(piece)
    }
}
