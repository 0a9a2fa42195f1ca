//! A stream that ends in an error instead of completing wrong bytes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use oci::{Digest, Hasher};
use store::{ByteStream, StoreError};

/// Hashes what passes and holds the newest chunk back until the one after it,
/// so that nothing is complete before its digest is known.
pub(super) struct Verifying {
    inner: ByteStream,
    hasher: Option<Hasher>,
    expected: Digest,
    held: Option<Bytes>,
    /// A chunk that may be given out.
    ready: Option<Bytes>,
}

impl Verifying {
    pub(super) fn new(inner: ByteStream, expected: Digest) -> Self {
        let hasher = Some(Hasher::new(expected.algorithm()));
        Self { inner, hasher, expected, held: None, ready: None }
    }

    /// Reads up to the first chunk, so that small damage is an error before it
    /// is half an answer.
    pub(super) async fn begun(mut self) -> Result<Self, StoreError> {
        let first = std::future::poll_fn(|context| Pin::new(&mut self).poll_next(context)).await;
        self.ready = first.transpose()?;
        Ok(self)
    }

    fn end(&mut self) -> Option<Result<Bytes, StoreError>> {
        let actual = self.hasher.take()?.finish();
        if actual == self.expected {
            return self.held.take().map(Ok);
        }
        self.held = None;
        let text = format!("blob {} holds bytes with digest {actual}", self.expected);
        Some(Err(StoreError::Damaged(text)))
    }
}

impl Stream for Verifying {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(chunk) = self.ready.take() {
            return Poll::Ready(Some(Ok(chunk)));
        }
        while self.hasher.is_some() {
            match ready!(self.inner.as_mut().poll_next(context)) {
                None => return Poll::Ready(self.end()),
                Some(Err(error)) => {
                    self.hasher = None;
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(chunk)) => {
                    if let Some(hasher) = &mut self.hasher {
                        hasher.update(&chunk);
                    }
                    if let Some(earlier) = self.held.replace(chunk) {
                        return Poll::Ready(Some(Ok(earlier)));
                    }
                }
            }
        }
        Poll::Ready(None)
    }
}
