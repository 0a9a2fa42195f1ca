//! The body of an answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use store::{ByteStream, StoreError};

/// Told how an answer went, once its body is gone.
pub(crate) trait Witness: Send + Sync {
    /// `written` bytes were handed to the socket; `complete` unless the client
    /// left or the stream failed.
    fn ended(&mut self, written: u64, complete: bool);
}

enum Content {
    Empty,
    Full(Bytes),
    Stream(ByteStream),
}

/// The body of an answer, with its length if it is known.
pub(crate) struct Body {
    content: Content,
    /// Bytes still to come; `None` if unknown.
    left: Option<u64>,
    written: u64,
    witness: Option<Box<dyn Witness>>,
}

impl Body {
    /// No bytes.
    pub(crate) fn empty() -> Self {
        Self { content: Content::Empty, left: Some(0), written: 0, witness: None }
    }

    /// These bytes.
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let left = Some(bytes.len() as u64);
        Self { content: Content::Full(bytes), left, written: 0, witness: None }
    }

    /// Bytes to come, exactly `length` if that is known.
    pub(crate) fn stream(stream: ByteStream, length: Option<u64>) -> Self {
        Self { content: Content::Stream(stream), left: length, written: 0, witness: None }
    }

    /// Bytes to come; `None` if unknown.
    pub(crate) fn length(&self) -> Option<u64> {
        self.left
    }

    pub(crate) fn with_witness(mut self, witness: Box<dyn Witness>) -> Self {
        self.witness = Some(witness);
        self
    }

    fn sent(&mut self, bytes: &Bytes) {
        let length = bytes.len() as u64;
        self.written += length;
        self.left = self.left.map(|left| left.saturating_sub(length));
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoreError>>> {
        let item = match &mut self.content {
            Content::Empty => None,
            Content::Full(bytes) if bytes.is_empty() => None,
            Content::Full(bytes) => Some(Ok(std::mem::take(bytes))),
            Content::Stream(stream) => std::task::ready!(stream.as_mut().poll_next(context)),
        };
        Poll::Ready(item.map(|item| {
            item.map(|bytes| {
                self.sent(&bytes);
                Frame::data(bytes)
            })
            .inspect_err(|error| tracing::error!(%error, "an answer was cut short"))
        }))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Full(bytes) => bytes.is_empty(),
            Content::Stream(_) => self.left == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(mut witness) = self.witness.take() {
            let complete = match &self.content {
                Content::Empty => true,
                Content::Full(bytes) => bytes.is_empty(),
                Content::Stream(_) => self.left.is_none_or(|left| left == 0),
            };
            witness.ended(self.written, complete);
        }
    }
}
