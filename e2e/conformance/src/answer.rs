//! One answer of the registry and the checks that tests make on it. Each check that fails names
//! the request, the status and what was expected.

use crate::failure::{Failure, ensure, failed};
use serde_json::Value;
use std::fmt;

/// The error codes of the specification and those that registries have always added.
pub(crate) const ERROR_CODES: &[&str] = &[
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
    "TAG_INVALID",
    "MANIFEST_UNVERIFIED",
    "PAGINATION_NUMBER_INVALID",
    "RANGE_INVALID",
    "UNAVAILABLE",
    "UNKNOWN",
];

/// An HTTP answer, read completely.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) request: String,
    pub(crate) status: u16,
    /// Names in lower case, in the order they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.request, self.status)?;
        if self.status >= 400 && !self.body.is_empty() {
            let text: String = String::from_utf8_lossy(&self.body).chars().take(160).collect();
            write!(f, " {}", text.trim().replace(['\n', '\r'], " "))?;
        }
        Ok(())
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    pub(crate) fn headers_named(&self, name: &str) -> Vec<&str> {
        let same = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }

    /// The header's value, or a failure that names it.
    pub(crate) fn need(&self, name: &str) -> Result<&str, Failure> {
        self.header(name).ok_or_else(|| failed(format!("{self}: no {name} header")))
    }

    pub(crate) fn expect(self, status: u16) -> Result<Self, Failure> {
        self.one_of(&[status])
    }

    pub(crate) fn one_of(self, statuses: &[u16]) -> Result<Self, Failure> {
        ensure!(statuses.contains(&self.status), "{self}, expected {}", list(statuses));
        Ok(self)
    }

    /// A refusal of the client: any 4xx.
    pub(crate) fn refused(self) -> Result<Self, Failure> {
        ensure!((400..500).contains(&self.status), "{self}, expected a refusal (4xx)");
        Ok(self)
    }

    /// The header is there with exactly this value.
    pub(crate) fn has(self, name: &str, value: &str) -> Result<Self, Failure> {
        let found = self.need(name)?;
        ensure!(found == value, "{self}: {name} is {found:?}, expected {value:?}");
        Ok(self)
    }

    /// The header is not there.
    pub(crate) fn lacks(self, name: &str) -> Result<Self, Failure> {
        let found = self.header(name);
        ensure!(found.is_none(), "{self}: {name} is {found:?}, expected none");
        Ok(self)
    }

    /// The body is exactly these bytes.
    pub(crate) fn body_is(self, bytes: &[u8]) -> Result<Self, Failure> {
        let (got, want) = (self.body.len(), bytes.len());
        ensure!(
            self.body == bytes,
            "{self}: the body ({got} bytes) differs from the expected one ({want} bytes)"
        );
        Ok(self)
    }

    pub(crate) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| failed(format!("{self}: the body is not JSON: {error}")))
    }

    /// The code of the first error of an OCI error body, after a look at its whole shape.
    pub(crate) fn error_code(&self) -> Result<String, Failure> {
        let json = self.json()?;
        let errors = json.get("errors").and_then(Value::as_array);
        let errors = errors.ok_or_else(|| failed(format!("{self}: no errors[] in the body")))?;
        for error in errors {
            let code = error.get("code").and_then(Value::as_str).unwrap_or_default();
            ensure!(!code.is_empty(), "{self}: an error without code");
            let plain = code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            ensure!(plain, "{self}: {code:?} is not of upper-case letters and underscores");
            let message = error.get("message");
            ensure!(
                message.is_none_or(Value::is_string),
                "{self}: the message of {code} is not a string"
            );
        }
        let first = errors.first().and_then(|e| e.get("code")).and_then(Value::as_str);
        first.map(str::to_owned).ok_or_else(|| failed(format!("{self}: errors[] is empty")))
    }

    /// An OCI error body whose first code is one of these.
    pub(crate) fn code(self, codes: &[&str]) -> Result<Self, Failure> {
        let code = self.error_code()?;
        ensure!(
            codes.contains(&code.as_str()),
            "{self}: code {code}, expected {}",
            codes.join(" or ")
        );
        Ok(self)
    }

    /// If there is an error body, it is an OCI one with a known code.
    pub(crate) fn oci_error_if_any(self) -> Result<Self, Failure> {
        if self.status < 400 || self.body.is_empty() {
            return Ok(self);
        }
        self.code(ERROR_CODES)
    }

    /// The strings of an array in the JSON body, such as `tags`.
    pub(crate) fn strings(&self, key: &str) -> Result<Vec<String>, Failure> {
        let json = self.json()?;
        let array = json.get(key).and_then(Value::as_array);
        let array = array.ok_or_else(|| failed(format!("{self}: {key} is not an array")))?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let strings: Option<Vec<_>> = array.iter().map(text).collect();
        strings.ok_or_else(|| failed(format!("{self}: {key} holds something else than strings")))
    }

    /// The target of `Link: <…>; rel="next"`, when there is one.
    pub(crate) fn next_page(&self) -> Result<Option<String>, Failure> {
        let Some(link) = self.header("link") else { return Ok(None) };
        let inner = link.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        let (url, parameters) =
            inner.ok_or_else(|| failed(format!("{self}: Link {link:?} has no <…>")))?;
        let compact = parameters.replace([' ', '"'], "");
        ensure!(compact.contains("rel=next"), "{self}: Link {link:?} has no rel=\"next\"");
        if url.starts_with('/') || url.starts_with("http://") {
            return Ok(Some(url.to_owned()));
        }
        // RFC 3986: a reference of a query alone keeps the path.
        let path = self.request.split_once(' ').map_or("", |(_, path)| path);
        let path = path.split('?').next().unwrap_or_default();
        ensure!(url.starts_with('?'), "{self}: Link {link:?} is neither a path nor a query");
        Ok(Some(format!("{path}{url}")))
    }
}

fn list(statuses: &[u16]) -> String {
    let words: Vec<String> = statuses.iter().map(u16::to_string).collect();
    words.join(" or ")
}
