//! Each kind of request that a bucket is asked, once.

use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use object_store::multipart::PartId;
use object_store::signer::Method;
use object_store::{
    GetOptions, GetRange, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload,
};
use store::{ObjectRecord, StoreError};

use super::bucket::{Bucket, SLOWEST, STALL};
use super::calls::Call;
use super::failure::{self, Trouble};

impl Bucket {
    /// Writes an object; with `new` only if there is none, which is refused
    /// with [`Trouble::Taken`].
    pub(super) async fn write(
        &self,
        key: &str,
        content: PutPayload,
        new: bool,
    ) -> Result<(), Trouble> {
        let path = self.path(key).map_err(Trouble::Other)?;
        let size = content.content_length() as u64;
        let mode = if new { PutMode::Create } else { PutMode::Overwrite };
        let attributes = self.clients().attributes.clone();
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        let work = self.clients().objects.put_opts(&path, content, options);
        self.call(Call::Put, key, size, work).await.map(drop)
    }

    /// Size and date; `None` only if there certainly is no such object.
    pub(crate) async fn head(&self, key: &str) -> Result<Option<ObjectRecord>, StoreError> {
        let path = self.path(key)?;
        match self.call(Call::Look, key, 0, self.clients().objects.head(&path)).await {
            Ok(meta) => Ok(self.record(&meta)),
            Err(Trouble::Missing(_)) => Ok(None),
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// As [`Bucket::head`], for where nothing found means that something is
    /// gone for good: the answer to a look has no body, so it is the same for an
    /// object and for a whole bucket that is missing. A list tells them apart.
    pub(super) async fn certainly(&self, key: &str) -> Result<Option<ObjectRecord>, StoreError> {
        if let Some(record) = self.head(key).await? {
            return Ok(Some(record));
        }
        let listed = self.names(key, None, 1).await?;
        Ok(listed.into_iter().find(|record| record.key == key))
    }

    /// Opens the content, or a range of it.
    pub(super) async fn open(
        &self,
        key: &str,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<object_store::GetResult, Trouble> {
        let path = self.path(key).map_err(Trouble::Other)?;
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        self.call(Call::Get, key, 0, self.clients().objects.get_opts(&path, options)).await
    }

    /// A whole content of at most `limit` bytes.
    pub(super) async fn content(&self, key: &str, limit: u64) -> Result<Option<Bytes>, StoreError> {
        let found = match self.open(key, None).await {
            Err(Trouble::Missing(_)) => return Ok(None),
            other => other.map_err(StoreError::from)?,
        };
        let size = found.meta.size;
        if size > limit {
            let text = format!("object {key} has {size} bytes, more than {limit}");
            return Err(StoreError::Damaged(text));
        }
        let mut content = BytesMut::with_capacity(usize::try_from(size).unwrap_or(0));
        let mut body = found.into_stream();
        loop {
            let piece = self.piece(key, body.next()).await?;
            let Some(piece) = piece else { break };
            content.extend_from_slice(&piece);
        }
        if content.len() as u64 != size {
            let text = format!("object {key} ended after {} of {size} bytes", content.len());
            return Err(StoreError::Busy(text));
        }
        Ok(Some(content.freeze()))
    }

    /// The next piece of a body, within the time for it.
    pub(super) async fn piece(
        &self,
        key: &str,
        next: impl Future<Output = Option<object_store::Result<Bytes>>>,
    ) -> Result<Option<Bytes>, StoreError> {
        let doing = format!("reading {} in {}", key, self.clients().name);
        match tokio::time::timeout(STALL, next).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(piece))) => Ok(Some(piece)),
            Ok(Some(Err(error))) => Err(failure::sorted(&doing, &error).into()),
            Err(_) => Err(failure::stalled(&doing)),
        }
    }

    /// Removes an object; one that is gone is a success.
    pub(super) async fn erase(&self, key: &str) -> Result<(), StoreError> {
        let path = self.path(key)?;
        match self.call(Call::Remove, key, 0, self.clients().objects.delete(&path)).await {
            Ok(()) | Err(Trouble::Missing(_)) => Ok(()),
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// Begins an upload in parts and returns the store's name of it.
    pub(super) async fn begin(&self, key: &str) -> Result<String, StoreError> {
        let path = self.path(key)?;
        let attributes = self.clients().attributes.clone();
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let work = self.clients().multipart.create_multipart_opts(&path, options);
        Ok(self.call(Call::Begin, key, 0, work).await?)
    }

    /// Writes part `number`, counted from 0, and returns what names it.
    pub(super) async fn part(
        &self,
        key: &str,
        upload: &str,
        number: usize,
        content: PutPayload,
    ) -> Result<String, Trouble> {
        let path = self.path(key).map_err(Trouble::Other)?;
        let (upload, size) = (upload.to_owned(), content.content_length() as u64);
        let work = self.clients().multipart.put_part(&path, &upload, number, content);
        Ok(self.call(Call::Part, key, size, work).await?.content_id)
    }

    /// Makes the parts one object.
    pub(super) async fn complete(
        &self,
        key: &str,
        upload: &str,
        parts: impl Iterator<Item = String>,
    ) -> Result<(), Trouble> {
        let path = self.path(key).map_err(Trouble::Other)?;
        let upload = upload.to_owned();
        let parts: Vec<_> = parts.map(|content_id| PartId { content_id }).collect();
        // Some stores put the object together before they answer.
        let carried = parts.len() as u64 * SLOWEST / 10;
        let work = self.clients().multipart.complete_multipart(&path, &upload, parts);
        self.call(Call::Complete, key, carried, work).await.map(drop)
    }

    /// Gives up an upload in parts; one that is gone is a success.
    pub(super) async fn abort(&self, key: &str, upload: &str) -> Result<(), StoreError> {
        let path = self.path(key)?;
        let upload = upload.to_owned();
        let work = self.clients().multipart.abort_multipart(&path, &upload);
        match self.call(Call::Abort, key, 0, work).await {
            Ok(()) | Err(Trouble::Missing(_)) => Ok(()),
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// An address that is good for one method and a while.
    pub(super) async fn signed(
        &self,
        key: &str,
        method: Method,
        lifetime: Duration,
    ) -> Result<Option<String>, StoreError> {
        let Some(signer) = &self.clients().signer else { return Ok(None) };
        let path = self.path(key)?;
        let work = signer.signed_url(method, &path, lifetime);
        let doing = format!("signing an address of {key} in {}", self.clients().name);
        match tokio::time::timeout(STALL, work).await {
            Ok(Ok(url)) => Ok(Some(url.into())),
            Ok(Err(error)) => Err(failure::sorted(&doing, &error).into()),
            Err(_) => Err(failure::stalled(&doing)),
        }
    }
}
