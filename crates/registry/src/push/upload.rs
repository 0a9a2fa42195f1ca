//! Blob uploads: start, append, status, cancel, finish.

use oci::{Algorithm, ContentRange, Digest};
use store::{Digests, UploadId};

use super::open::OpenUpload;
use super::session::Opened;
use super::{Source, UploadHint};
use crate::access::Push;
use crate::{Error, Granted, Registry};

impl Registry {
    /// A new upload id. Nothing is written before the first byte arrives.
    pub fn start_upload(&self, granted: &Granted<Push>, hint: UploadHint) -> UploadId {
        self.sessions.start(granted.repository(), hint)
    }

    /// Bytes that the upload holds.
    pub async fn upload_offset(
        &self,
        granted: &Granted<Push>,
        id: &UploadId,
    ) -> Result<u64, Error> {
        self.sessions.offset(id, granted.repository()).await
    }

    /// Appends a body and returns the new offset. A `range` must begin at the
    /// offset and tell the body's true length.
    pub async fn append(
        &self,
        granted: &Granted<Push>,
        id: &UploadId,
        range: Option<ContentRange>,
        source: &mut dyn Source,
    ) -> Result<u64, Error> {
        match self.sessions.open(id, granted.repository(), None).await? {
            Opened::Finished(_) => Err(Error::UploadUnknown(id.clone())),
            Opened::Open(mut upload) => {
                receive(&mut upload, range, source).await?;
                let offset = upload.offset();
                upload.rest().await?;
                Ok(offset)
            }
        }
    }

    /// Cancels an upload and forgets its bytes.
    pub async fn cancel_upload(&self, granted: &Granted<Push>, id: &UploadId) -> Result<(), Error> {
        match self.sessions.open(id, granted.repository(), None).await? {
            Opened::Finished(_) => Err(Error::UploadUnknown(id.clone())),
            Opened::Open(upload) => upload.cancel().await,
        }
    }

    /// Appends a last body, checks the digest and makes the blob a member of
    /// the repository. The same call again gets the same success for a while,
    /// also while another process is at it.
    pub async fn finish_upload(
        &self,
        granted: &Granted<Push>,
        id: &UploadId,
        range: Option<ContentRange>,
        source: &mut dyn Source,
        digest: Digest,
    ) -> Result<(), Error> {
        match self.finish_here(granted, id, range, source, digest).await {
            Err(Error::UploadBusy) if self.settings.shared => {
                self.sessions.closed_elsewhere(id, digest).await
            }
            ended => ended,
        }
    }

    async fn finish_here(
        &self,
        granted: &Granted<Push>,
        id: &UploadId,
        range: Option<ContentRange>,
        source: &mut dyn Source,
        digest: Digest,
    ) -> Result<(), Error> {
        let closed = Some(digest);
        let mut upload = match self.sessions.open(id, granted.repository(), closed).await? {
            Opened::Finished(known) if known == digest => return Ok(()),
            Opened::Finished(_) => return Err(Error::UploadUnknown(id.clone())),
            Opened::Open(upload) => upload,
        };
        receive(&mut upload, range, source).await?;
        let size = upload.offset();
        let digests = upload.digests(digest.algorithm()).await?;
        if let Err(mismatch) = verify(digest, &digests) {
            upload.cancel().await?;
            return Err(mismatch);
        }
        let (live, closing) = upload.close().await?;
        let upload = Some((closing.upload(), closing.blob()));
        let published = self.publish(granted.repository(), digests, size, live, upload).await;
        match published {
            Ok(()) => closing.succeeded(),
            Err(_) => closing.failed().await,
        }
        published
    }

    /// A whole blob in one request, without a session.
    pub async fn push_blob(
        &self,
        granted: &Granted<Push>,
        source: &mut dyn Source,
        digest: Digest,
    ) -> Result<(), Error> {
        let hint = UploadHint(digest.algorithm());
        let mut live = self.sessions.anonymous(granted.repository(), hint)?;
        let result = self.receive_whole(&mut live, source, digest).await;
        match result {
            Ok(digests) => {
                let size = live.offset();
                self.publish(granted.repository(), digests, size, live, None).await
            }
            Err(error) => {
                let staged = live.is_staged().then(|| live.staging().clone());
                drop(live);
                if let Some(staging) = staged {
                    self.blobs.discard(&staging).await?;
                }
                Err(error)
            }
        }
    }

    async fn receive_whole(
        &self,
        live: &mut super::live::Live,
        source: &mut dyn Source,
        digest: Digest,
    ) -> Result<Digests, Error> {
        while let Some(chunk) = source.chunk().await? {
            live.append(&*self.blobs, chunk).await?;
        }
        let digests = live.digests(digest.algorithm()).await?;
        verify(digest, &digests)?;
        Ok(digests)
    }

    /// Writes down open uploads that nobody touched for `idle`; all of them
    /// with zero, at a clean stop. Returns how many.
    pub async fn settle_uploads(&self, idle: std::time::Duration) -> Result<usize, Error> {
        self.sessions.settle(idle).await
    }
}

async fn receive(
    upload: &mut OpenUpload<'_>,
    range: Option<ContentRange>,
    source: &mut dyn Source,
) -> Result<(), Error> {
    upload.expect_start(range)?;
    let got = upload.receive(source).await?;
    match range {
        Some(range) if range.length() != got => {
            Err(Error::SizeInvalid { expected: range.length(), got })
        }
        _ => Ok(()),
    }
}

/// The digest must be that of the bytes, in its own algorithm.
fn verify(expected: Digest, digests: &Digests) -> Result<(), Error> {
    let actual = match expected.algorithm() {
        Algorithm::Sha256 => digests.sha256,
        Algorithm::Sha512 => digests.sha512.unwrap_or(digests.sha256),
    };
    if actual == expected { Ok(()) } else { Err(Error::DigestMismatch { expected, actual }) }
}
