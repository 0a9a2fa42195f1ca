//! The registry protocol in a few calls, for what no client does on request: chosen bytes, chosen
//! moments, and a look at what is stored.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// What a client that understands everything accepts; the original hides a manifest whose type is missing.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, */*";

/// An answer of a registry: status, header look-up, body.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    headers: ureq::http::HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of this header, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON, or null.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Why no answer came: the connection was refused or broke.
pub type Broken = ureq::Error;

/// A connection to one registry.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    /// For the registry at `url`, without a slash at its end.
    pub fn new(url: &str) -> Self {
        Self::with_patience(url, Duration::from_secs(120))
    }

    /// One that calls an answer that takes longer than `patience` a broken connection.
    pub fn with_patience(url: &str, patience: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(patience))
            .build();
        Self { agent: config.into(), url: url.to_owned() }
    }

    /// Any request: `path` may be a whole URL, as a Location header may be.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, Broken> {
        let url = if path.starts_with("http") { path.to_owned() } else { self.url.clone() + path };
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let bodyless = matches!(method, "GET" | "HEAD" | "DELETE");
        let mut response = if bodyless {
            self.agent.run(request.body(()).map_err(Broken::Http)?)?
        } else {
            self.agent.run(request.body(body).map_err(Broken::Http)?)?
        };
        let whole = response.body_mut().with_config().limit(4 << 30).read_to_vec()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: whole })
    }

    /// A GET that accepts every type of manifest.
    pub fn try_get(&self, path: &str) -> Result<Answer, Broken> {
        self.send("GET", path, &[("Accept", ACCEPT)], &[])
    }

    /// A GET that must be answered.
    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap()
    }

    /// Pushes a blob with POST, PATCH and PUT; the closing answer.
    pub fn push_blob(&self, repository: &str, bytes: &[u8]) -> Result<Answer, Broken> {
        let begun = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], &[])?;
        if begun.status != 202 {
            return Ok(begun);
        }
        let octets = [("Content-Type", "application/octet-stream")];
        let sent = self.send("PATCH", begun.header("Location"), &octets, bytes)?;
        if sent.status != 202 {
            return Ok(sent);
        }
        self.send("PUT", &closing(sent.header("Location"), &digest(bytes)), &[], &[])
    }

    /// Pushes a manifest under a tag or digest.
    pub fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        bytes: &[u8],
    ) -> Result<Answer, Broken> {
        let kind = [("Content-Type", "application/vnd.oci.image.manifest.v1+json")];
        self.send("PUT", &format!("/v2/{repository}/manifests/{reference}"), &kind, bytes)
    }
}

/// The URL that closes an upload: a Location may have a query of its own or not.
pub fn closing(location: &str, digest: &str) -> String {
    let joint = if location.contains('?') { '&' } else { '?' };
    format!("{location}{joint}digest={digest}")
}

/// `sha256:…` of these bytes.
pub fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
