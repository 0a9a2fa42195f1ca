//! Copies inside of the bucket. One call takes at most 5 GiB in S3; beyond a
//! threshold the object is copied in parts, by signed requests.

use std::ops::Range;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderName, HeaderValue};
use object_store::ObjectStoreExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector,
};
use object_store::signer::{Method, SignedUrlOptions};
use store::StoreError;

use super::bucket::{Bucket, PartCopy};
use super::calls::Call;
use super::failure::{self, Trouble};

/// How often a part is tried.
const ATTEMPTS: u32 = 5;

/// How long a part may take: the bytes move inside of the store.
const PATIENCE: Duration = Duration::from_secs(300);

/// Most parts of an object.
const PARTS: u64 = 10_000;

impl Bucket {
    /// Copies an object; `false` if there is none.
    pub(super) async fn duplicate(&self, from: &str, to: &str) -> Result<bool, StoreError> {
        let Some(source) = self.head(from).await? else { return Ok(false) };
        if let Some(parts) = &self.clients().part_copy
            && source.size > parts.threshold
        {
            self.duplicate_in_parts(parts, from, to, source.size).await?;
            return Ok(true);
        }
        let (from_path, to_path) = (self.path(from)?, self.path(to)?);
        let work = self.clients().objects.copy(&from_path, &to_path);
        match self.call(Call::Copy, from, source.size, work).await {
            Ok(()) => Ok(true),
            Err(Trouble::Missing(_)) => Ok(false),
            Err(trouble) => Err(trouble.into()),
        }
    }

    async fn duplicate_in_parts(
        &self,
        parts: &PartCopy,
        from: &str,
        to: &str,
        size: u64,
    ) -> Result<(), StoreError> {
        let upload = self.begin(to).await?;
        let result = self.copy_parts(parts, from, to, &upload, size).await;
        let result = match result {
            Ok(ids) => self.complete(to, &upload, ids.into_iter()).await.map_err(StoreError::from),
            Err(error) => Err(error),
        };
        let made = match result {
            // The reply may have been lost on its way.
            Err(error) => match self.head(to).await {
                Ok(Some(record)) if record.size == size => Ok(()),
                _ => Err(error),
            },
            Ok(()) => Ok(()),
        };
        if made.is_err()
            && let Err(error) = self.abort(to, &upload).await
        {
            tracing::warn!(%error, key = to, "parts of a copy stay behind");
        }
        made
    }

    async fn copy_parts(
        &self,
        parts: &PartCopy,
        from: &str,
        to: &str,
        upload: &str,
        size: u64,
    ) -> Result<Vec<String>, StoreError> {
        let client = ReqwestConnector::default()
            .connect(&parts.options)
            .map_err(|error| StoreError::from(failure::sorted("preparing a copy", &error)))?;
        let chunk = parts.chunk.max(size.div_ceil(PARTS));
        let ranges = (0..size.div_ceil(chunk))
            .map(|number| number * chunk..((number + 1) * chunk).min(size));
        stream::iter(ranges.enumerate())
            .map(|(number, range)| {
                let request =
                    PartRequest { parts, client: &client, from, to, upload, number, range };
                async move { self.copy_part(&request).await }
            })
            .buffered(parts.concurrency)
            .try_collect()
            .await
    }

    async fn copy_part(&self, request: &PartRequest<'_>) -> Result<String, StoreError> {
        let mut pause = Duration::from_millis(200);
        let mut attempt = 1;
        loop {
            self.calls().count(Call::Copy);
            let sent = tokio::time::timeout(PATIENCE, request.send(self)).await;
            let error = match sent {
                Ok(Ok(id)) => return Ok(id),
                Ok(Err(error @ (StoreError::Failed(_) | StoreError::Full(_)))) => {
                    return Err(error);
                }
                Ok(Err(error)) => error,
                Err(_) => failure::stalled(&format!("copying a part of {}", request.from)),
            };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

/// One part of a copy.
struct PartRequest<'a> {
    parts: &'a PartCopy,
    client: &'a HttpClient,
    from: &'a str,
    to: &'a str,
    upload: &'a str,
    number: usize,
    range: Range<u64>,
}

impl PartRequest<'_> {
    async fn send(&self, bucket: &Bucket) -> Result<String, StoreError> {
        let doing = format!("copying part {} of {}", self.number, self.from);
        let failed = |text: &dyn std::fmt::Display| StoreError::Failed(format!("{doing}: {text}"));
        let mut signed = SignedUrlOptions::default().with_query([
            ("partNumber".to_owned(), (self.number + 1).to_string()),
            ("uploadId".to_owned(), self.upload.to_owned()),
        ]);
        let source = format!("{}/{}", self.parts.bucket, bucket.path(self.from)?);
        let range = format!("bytes={}-{}", self.range.start, self.range.end.saturating_sub(1));
        let headers = [("x-amz-copy-source", source), ("x-amz-copy-source-range", range)];
        let mut request = http::Request::builder().method("PUT");
        for (name, value) in headers {
            let value = HeaderValue::from_str(&value).map_err(|error| failed(&error))?;
            signed = signed.with_signed_header(HeaderName::from_static(name), value.clone());
            request = request.header(name, value);
        }
        let to = bucket.path(self.to)?;
        let lifetime = Duration::from_secs(600);
        let url = self
            .parts
            .signer
            .signed_url_opts(Method::PUT, &to, lifetime, &signed)
            .await
            .map_err(|error| StoreError::from(failure::sorted(&doing, &error)))?;
        let request: HttpRequest = request
            .uri(url.as_str())
            .body(HttpRequestBody::empty())
            .map_err(|error| failed(&error))?;
        let answer = self
            .client
            .execute(request)
            .await
            // The error's text would tell the signed address.
            .map_err(|_| StoreError::Busy(format!("{doing}: the connection broke")))?;
        let status = answer.status();
        let body = answer.into_body().bytes().await;
        let body = body.map_err(|_| StoreError::Busy(format!("{doing}: the answer broke off")))?;
        let text = String::from_utf8_lossy(&body);
        match failure::between(&text, "<ETag>", "</ETag>") {
            Some(tag) if status.is_success() => {
                Ok(tag.replace("&quot;", "\"").replace("&#34;", "\""))
            }
            // A copy may fail after its 200 was sent.
            _ => {
                let text = format!("status code: {} {text}", status.as_u16());
                Err(failure::other(&doing, &text))
            }
        }
    }
}
