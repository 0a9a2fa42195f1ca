//! Several ranges in one answer: `multipart/byteranges` (RFC 9110 §14.6).

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use oci::ByteRange;
use store::{ByteStream, StoreError};

/// Separates the parts. The digest in front of it makes it unlikely in any
/// content; clients read lengths, not boundaries, anyway.
pub(crate) const BOUNDARY: &str = "berth-7d1c8e4f0a6b2953";

/// A body of several parts.
pub(crate) struct Multipart {
    parts: VecDeque<(Bytes, ByteStream)>,
    current: Option<ByteStream>,
    done: bool,
}

/// What stands before a part.
fn head(range: ByteRange, size: u64) -> Bytes {
    let ByteRange { start, end_inclusive } = range;
    Bytes::from(format!(
        "\r\n--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\n\
         Content-Range: bytes {start}-{end_inclusive}/{size}\r\n\r\n"
    ))
}

fn tail() -> Bytes {
    Bytes::from(format!("\r\n--{BOUNDARY}--\r\n"))
}

/// Length in bytes of the body for `ranges` of a blob of `size` bytes.
pub(crate) fn length(ranges: &[ByteRange], size: u64) -> u64 {
    let part = |range: &ByteRange| head(*range, size).len() as u64 + range.length();
    ranges.iter().map(part).sum::<u64>() + tail().len() as u64
}

impl Multipart {
    /// A body of these parts of a blob of `size` bytes.
    pub(crate) fn new(parts: Vec<(ByteRange, ByteStream)>, size: u64) -> Self {
        let parts = parts.into_iter().map(|(range, stream)| (head(range, size), stream)).collect();
        Self { parts, current: None, done: false }
    }
}

impl Stream for Multipart {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(current) = &mut self.current {
            match ready!(current.as_mut().poll_next(context)) {
                Some(item) => return Poll::Ready(Some(item)),
                None => self.current = None,
            }
        }
        if let Some((head, stream)) = self.parts.pop_front() {
            self.current = Some(stream);
            return Poll::Ready(Some(Ok(head)));
        }
        if std::mem::replace(&mut self.done, true) {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(tail())))
    }
}
