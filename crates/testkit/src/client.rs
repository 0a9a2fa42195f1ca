//! A client of the distribution protocol: one request on one connection.

use std::net::SocketAddr;

use oci::Digest;

use crate::wire::{Answer, Wire};

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Request {
    /// The verb.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// In order, `Host` and `Content-Length` apart.
    pub headers: Vec<(String, String)>,
    /// The body; `None` sends no `Content-Length`.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, path: impl Into<String>) -> Self {
        Self { method: method.into(), path: path.into(), headers: Vec::new(), body: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// As it goes over the wire, the body included.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            text += "Host: registry.test\r\n";
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = &self.body {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        text += "\r\n";
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// Speaks to one registry.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

impl Client {
    /// A client of the registry at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, headers: Vec::new() }
    }

    /// Sends a header with every request.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A connection without a request.
    pub async fn wire(&self) -> Wire {
        Wire::connect(self.address).await
    }

    /// Sends a request and reads its answer.
    pub async fn send(&self, mut request: Request) -> Answer {
        request.headers.extend(self.headers.iter().cloned());
        let bytes = request.bytes();
        let mut wire = self.wire().await;
        // A server may answer and close before it has read everything.
        let _ = wire.send(bytes).await;
        wire.answer(request.method == "HEAD").await
    }

    /// GET.
    pub async fn get(&self, path: impl Into<String>) -> Answer {
        self.send(Request::new("GET", path)).await
    }

    /// HEAD.
    pub async fn head(&self, path: impl Into<String>) -> Answer {
        self.send(Request::new("HEAD", path)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: impl Into<String>) -> Answer {
        self.send(Request::new("DELETE", path)).await
    }

    /// POST without a body.
    pub async fn post(&self, path: impl Into<String>) -> Answer {
        self.send(Request::new("POST", path).body([])).await
    }

    /// PUT.
    pub async fn put(&self, path: impl Into<String>, body: impl Into<Vec<u8>>) -> Answer {
        self.send(Request::new("PUT", path).body(body)).await
    }

    /// PATCH.
    pub async fn patch(&self, path: impl Into<String>, body: impl Into<Vec<u8>>) -> Answer {
        self.send(Request::new("PATCH", path).body(body)).await
    }

    /// Opens an upload; its path.
    pub async fn open_upload(&self, repository: &str) -> String {
        let answer = self.post(format!("/v2/{repository}/blobs/uploads/")).await.expect(202);
        answer.location().to_owned()
    }

    /// Closes an upload, with a last part.
    pub async fn close_upload(
        &self,
        upload: &str,
        digest: &Digest,
        rest: impl Into<Vec<u8>>,
    ) -> Answer {
        self.put(format!("{upload}?digest={digest}"), rest).await
    }

    /// Pushes a blob with POST and PUT.
    pub async fn push_blob(&self, repository: &str, bytes: &[u8]) -> Answer {
        let answer = self.post(format!("/v2/{repository}/blobs/uploads/")).await;
        if answer.status != 202 {
            return answer;
        }
        self.close_upload(answer.location(), &Digest::sha256(bytes), bytes).await
    }

    /// Reads a blob.
    pub async fn blob(&self, repository: &str, digest: &Digest) -> Answer {
        self.get(format!("/v2/{repository}/blobs/{digest}")).await
    }

    /// Pushes a manifest under a tag or digest.
    pub async fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.send(Request::new("PUT", path).with("Content-Type", media_type).body(bytes)).await
    }

    /// Reads a manifest.
    pub async fn manifest(&self, repository: &str, reference: &str) -> Answer {
        self.get(format!("/v2/{repository}/manifests/{reference}")).await
    }
}
