//! Building answers.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use oci::Digest;
use serde::Serialize;
use store::ByteStream;

use crate::http::body::Body;

/// The digest header of the protocol.
pub(crate) const DOCKER_CONTENT_DIGEST: HeaderName =
    HeaderName::from_static("docker-content-digest");
/// The upload's id, as clients of the original read it.
pub(crate) const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// Says that the subject was understood.
pub(crate) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// Names an accepted tag parameter.
pub(crate) const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
/// Names applied filters.
pub(crate) const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// An answer in the making.
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

impl Answer {
    /// An answer without a body.
    pub(crate) fn status(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::with_capacity(12), body: Body::empty() }
    }

    pub(crate) fn ok() -> Self {
        Self::status(StatusCode::OK)
    }

    pub(crate) fn set(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn text(self, name: HeaderName, value: impl AsRef<str>) -> Self {
        self.set(name, header(value.as_ref()))
    }

    /// The text of a header that was set.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Adds one more value under `name`.
    pub(crate) fn append(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.append(name, header(value));
        self
    }

    pub(crate) fn digest(self, digest: &Digest) -> Self {
        self.text(DOCKER_CONTENT_DIGEST, digest.to_string())
    }

    /// The digest, and the same as the entity's tag.
    pub(crate) fn entity(self, tag: EntityTag) -> Self {
        let quoted = Bytes::from(tag.quoted);
        let plain = quoted.slice(1..quoted.len().saturating_sub(1).max(1));
        self.set(DOCKER_CONTENT_DIGEST, shared(plain)).set(ETAG, shared(quoted))
    }

    pub(crate) fn json(self, value: &impl Serialize) -> Self {
        let mut bytes = serde_json::to_vec(value).unwrap_or_default();
        bytes.push(b'\n');
        self.set(CONTENT_TYPE, HeaderValue::from_static("application/json")).full(bytes)
    }

    pub(crate) fn full(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = Body::full(bytes);
        self
    }

    pub(crate) fn stream(mut self, stream: ByteStream, length: Option<u64>) -> Self {
        self.body = Body::stream(stream, length);
        self
    }

    /// Says how long the body of a GET would be, without one.
    pub(crate) fn length_only(self, length: u64) -> Self {
        self.set(CONTENT_LENGTH, HeaderValue::from(length))
    }

    /// Finishes the answer; to HEAD without its body, but with its length.
    pub(crate) fn into_response(mut self, head: bool) -> Response<Body> {
        if !self.headers.contains_key(CONTENT_LENGTH)
            && !matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            && let Some(length) = self.body.length()
        {
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        if head {
            self.body = Body::empty();
        }
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// The entity tag of content: its digest in quotes. Written once for all that
/// asks for it, because that takes longer than most of the rest of an answer.
pub(crate) struct EntityTag {
    quoted: String,
}

impl EntityTag {
    pub(crate) fn of(digest: &Digest) -> Self {
        let (algorithm, hex) = (digest.algorithm().as_str(), digest.hex());
        // Not formatted: a text that grows piece by piece is moved at each.
        Self { quoted: ["\"", algorithm, ":", &hex, "\""].concat() }
    }

    /// The digest, as conditions name it.
    pub(crate) fn digest(&self) -> &str {
        self.quoted.trim_matches('"')
    }
}

/// A header value that shares its bytes with another.
fn shared(bytes: Bytes) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A header value; one that cannot be is left empty rather than failing a request.
pub(crate) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
