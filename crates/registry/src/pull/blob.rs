//! Reading a blob: one query, then a stream.

use bytes::Bytes;
use oci::{ByteRange, Digest};
use store::{AddressRequest, BlobPlace, BlobRecord, ByteStream, StoreError};

use super::stale::Found;
use super::verifying::Verifying;
use crate::access::Pull;
use crate::{Error, Granted, Registry};

/// A blob that the caller may read.
#[derive(Debug, Clone)]
pub struct Blob {
    /// As the client named it.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// Whether the metadata is away and this is what it said lately.
    pub stale: bool,
    record: BlobRecord,
}

/// How large a blob is that the caller may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobSize {
    /// Bytes.
    pub size: u64,
    /// As [`Blob::stale`].
    pub stale: bool,
}

impl Registry {
    /// Finds a member blob, ready to be read.
    pub async fn blob(&self, granted: &Granted<Pull>, digest: &Digest) -> Result<Blob, Error> {
        let repository = granted.repository();
        let asking = self.content.blob(repository, digest);
        let found = match &self.stale {
            None => asking.await?.map(Found::fresh),
            Some(stale) => stale.blob(&*self.clock, (repository, digest), asking).await?,
        };
        match found {
            Some(Found { record, stale }) => {
                Ok(Blob { digest: *digest, size: record.size, stale, record })
            }
            None => Err(unknown(granted, digest)),
        }
    }

    /// The size of a member blob, without a look at its content.
    pub async fn blob_size(
        &self,
        granted: &Granted<Pull>,
        digest: &Digest,
    ) -> Result<BlobSize, Error> {
        let repository = granted.repository();
        let asking = self.content.blob_size(repository, digest);
        let found = match &self.stale {
            None => asking.await?.map(Found::fresh),
            Some(stale) => stale.blob_size(&*self.clock, (repository, digest), asking).await?,
        };
        match found {
            Some(Found { record: size, stale }) => Ok(BlobSize { size, stale }),
            None => Err(unknown(granted, digest)),
        }
    }

    /// Reads `range` of a blob; `None` reads all of it. An imported blob that
    /// nobody has hashed yet is hashed on the way, and cut before its last
    /// byte if it is not what it should be.
    pub async fn read_blob(
        &self,
        blob: &Blob,
        range: Option<ByteRange>,
    ) -> Result<ByteStream, Error> {
        let Some(last) = blob.size.checked_sub(1) else {
            if blob.record.verified || blob.record.sha256 == Digest::sha256(b"") {
                return Ok(one(Bytes::new()));
            }
            let text = format!("blob {} holds nothing", blob.record.sha256);
            return Err(StoreError::Damaged(text).into());
        };
        let whole = ByteRange { start: 0, end_inclusive: last };
        let wanted = range.unwrap_or(whole);
        match &blob.record.place {
            BlobPlace::Inline(bytes) => Ok(one(cut(bytes, wanted)?)),
            BlobPlace::Stored(key) => {
                let stream = self.blobs.read(key, wanted).await?;
                if blob.record.verified || wanted != whole {
                    return Ok(stream);
                }
                Ok(Box::pin(Verifying::new(stream, blob.digest).begun().await?))
            }
        }
    }

    /// Whether clients may be sent elsewhere for bytes at all.
    pub fn sends_away(&self) -> bool {
        self.settings.sends_away
    }

    /// Where the caller is to fetch the blob, if not here. Bytes that nobody
    /// has hashed yet never leave unseen.
    pub async fn blob_address(
        &self,
        blob: &Blob,
        request: AddressRequest,
    ) -> Result<Option<String>, Error> {
        match &blob.record.place {
            BlobPlace::Stored(key) if self.sends_away() && blob.record.verified => {
                Ok(self.blobs.address(key, request).await?)
            }
            _ => Ok(None),
        }
    }
}

fn unknown(granted: &Granted<Pull>, digest: &Digest) -> Error {
    Error::BlobUnknown { repository: granted.repository().clone(), digest: *digest }
}

fn cut(bytes: &Bytes, range: ByteRange) -> Result<Bytes, StoreError> {
    let start = usize::try_from(range.start).ok();
    let end = usize::try_from(range.end_inclusive).ok().and_then(|end| end.checked_add(1));
    match (start, end) {
        (Some(start), Some(end)) if start <= end && end <= bytes.len() => {
            Ok(bytes.slice(start..end))
        }
        _ => Err(StoreError::Damaged("an inline blob is shorter than its size says".into())),
    }
}

/// A stream of one chunk.
fn one(bytes: Bytes) -> ByteStream {
    Box::pin(One(Some(bytes).filter(|bytes| !bytes.is_empty())))
}

struct One(Option<Bytes>);

impl futures_core::Stream for One {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.take().map(Ok))
    }
}
