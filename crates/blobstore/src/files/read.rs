//! Reading a range of a blob: from the page cache on the caller's thread, from
//! the disk on a blocking one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use oci::ByteRange;
use store::{BlobKey, ByteStream, StoreError};
use tokio::task::JoinHandle;

use super::chunks::{Chunks, read_cached};
use super::failure::{While, sorted};
use super::layout::Layout;

/// Most bytes in one chunk.
const CHUNK: usize = 256 << 10;

/// Opens a blob. One that is missing or too short for the range is damage:
/// the metadata said that it is there.
pub(super) fn open(
    layout: &Layout,
    key: &BlobKey,
    range: ByteRange,
) -> Result<ByteStream, StoreError> {
    let (path, root) = (layout.blob(key)?, layout.root());
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::Damaged(format!("{} is missing", key.as_str())));
        }
        other => other.doing("opening", &path, root)?,
    };
    let length = file.metadata().doing("reading the state of", &path, root)?.len();
    let end = range.end_inclusive.saturating_add(1);
    if length < end {
        return Err(too_short(key, length, end));
    }
    let file = Arc::new(file);
    let stream = Reading {
        file,
        key: key.clone(),
        next: range.start,
        end,
        chunks: Chunks::default(),
        cold: None,
    };
    Ok(Box::pin(stream))
}

/// Hands the first `length` bytes of a file to `each`, in order.
pub(super) fn in_chunks(file: &File, length: u64, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut next = 0;
    while next < length {
        let size = wanted(next, length);
        let part = chunk.get_mut(..size).unwrap_or_default();
        file.read_exact_at(part, next)?;
        each(part);
        next += size as u64;
    }
    Ok(())
}

fn wanted(next: u64, end: u64) -> usize {
    usize::try_from(end.saturating_sub(next)).map_or(CHUNK, |left| left.min(CHUNK))
}

fn too_short(key: &BlobKey, length: u64, end: u64) -> StoreError {
    let name = key.as_str();
    StoreError::Damaged(format!("{name} has {length} bytes where {end} were written"))
}

/// The bytes `next..end` of a blob.
struct Reading {
    file: Arc<File>,
    key: BlobKey,
    next: u64,
    end: u64,
    chunks: Chunks,
    /// A read that had to go to the disk.
    cold: Option<JoinHandle<(Vec<u8>, io::Result<usize>)>>,
}

impl Stream for Reading {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let reading = &mut *self;
        if reading.next >= reading.end {
            return Poll::Ready(None);
        }
        let result = ready!(reading.poll_chunk(context));
        if result.is_err() {
            reading.next = reading.end;
        }
        Poll::Ready(Some(result))
    }
}

impl Reading {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, StoreError>> {
        if self.cold.is_none() {
            let size = wanted(self.next, self.end);
            let mut chunk = self.chunks.take(size);
            match read_cached(&self.file, chunk.get_mut(..size).unwrap_or_default(), self.next) {
                Some(count) => return Poll::Ready(self.hand_out(chunk, count)),
                None => self.cold = Some(self.read_cold(chunk, size)),
            }
        }
        let Some(cold) = self.cold.as_mut() else { return Poll::Pending };
        let done = ready!(Pin::new(cold).poll(context));
        self.cold = None;
        Poll::Ready(match done {
            Ok((chunk, Ok(count))) => self.hand_out(chunk, count),
            Ok((_, Err(error))) => Err(sorted("reading", self.key.as_str(), &error)),
            Err(_) => Err(StoreError::Busy("file storage is shutting down".to_owned())),
        })
    }

    fn hand_out(&mut self, chunk: Vec<u8>, count: usize) -> Result<Bytes, StoreError> {
        if count == 0 {
            return Err(too_short(&self.key, self.next, self.end));
        }
        self.next += count as u64;
        Ok(self.chunks.lend(chunk, 0..count))
    }

    fn read_cold(
        &self,
        mut chunk: Vec<u8>,
        size: usize,
    ) -> JoinHandle<(Vec<u8>, io::Result<usize>)> {
        let (file, at) = (Arc::clone(&self.file), self.next);
        tokio::task::spawn_blocking(move || {
            let part = chunk.get_mut(..size).unwrap_or_default();
            let count = file.read_at(part, at);
            (chunk, count)
        })
    }
}
