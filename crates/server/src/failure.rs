//! Error → status, code, public text: one table, and the one place that logs.

use http::header::{ALLOW, CONTENT_RANGE, LOCATION, RANGE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, StatusCode};
use oci::ErrorCode;
use registry::access::{AuthenticationError, ChallengeReason};
use registry::{Error, SourceError};
use serde_json::{Value, json};
use store::StoreError;

use crate::answer::{Answer, header};

/// Most digests that one error names.
const MAX_DETAILS: usize = 100;

/// An answer that says no.
#[derive(Debug)]
pub(crate) struct Failure {
    pub status: StatusCode,
    pub errors: Vec<Problem>,
    pub headers: HeaderMap,
    /// What only the log may know.
    pub cause: Option<String>,
    /// Why the client is asked to sign in, if it is.
    pub asking: Option<ChallengeReason>,
    /// What OAuth calls it, where clients of the token endpoint look for that.
    pub oauth: Option<&'static str>,
    /// Whether too many wrong passwords are the reason.
    pub is_throttled: bool,
}

/// One entry of the error body.
#[derive(Debug)]
pub(crate) struct Problem {
    pub code: &'static str,
    pub message: String,
    pub detail: Option<Value>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self::named(status, code.as_str(), message)
    }

    /// With a code of our own, which the specification allows for.
    pub(crate) fn named(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let problem = Problem { code, message: message.into(), detail: None };
        Self {
            status,
            errors: vec![problem],
            headers: HeaderMap::new(),
            cause: None,
            asking: None,
            oauth: None,
            is_throttled: false,
        }
    }

    pub(crate) fn bad_request(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// A verb that the path does not have; `allowed` may be empty.
    pub(crate) fn method(allowed: &[&str], read_only: bool) -> Self {
        let text = if read_only {
            "the registry is read-only; storage.maintenance.readonly says so"
        } else {
            "this path does not have that method"
        };
        let allowed = if allowed.is_empty() && read_only { &["GET", "HEAD"] } else { allowed };
        Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported, text)
            .with(ALLOW, allowed.join(", "))
    }

    /// A range of a blob of `size` bytes that lies outside it.
    pub(crate) fn unsatisfiable(size: u64) -> Self {
        let failure = Self::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::RangeInvalid, "");
        Self { errors: Vec::new(), ..failure }.with(CONTENT_RANGE, format!("bytes */{size}"))
    }

    /// 412, without a body.
    pub(crate) fn precondition() -> Self {
        let failure = Self::new(StatusCode::PRECONDITION_FAILED, ErrorCode::Unsupported, "");
        Self { errors: Vec::new(), ..failure }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        self.headers.insert(name, header(value.as_ref()));
        self
    }

    pub(crate) fn detail(mut self, detail: Value) -> Self {
        if let Some(problem) = self.errors.first_mut() {
            problem.detail = Some(detail);
        }
        self
    }

    pub(crate) fn because(mut self, cause: impl ToString) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Names it in the words of OAuth as well.
    pub(crate) fn oauth(mut self, error: &'static str) -> Self {
        self.oauth = Some(error);
        self
    }

    fn asking(mut self, reason: ChallengeReason) -> Self {
        self.asking = Some(reason);
        self
    }

    /// Adds how to sign in. Where that would not help, 403 says so: most
    /// clients take a 401 for a wrong password.
    pub(crate) fn challenged(mut self, challenge: Option<&str>) -> Self {
        match (challenge, self.asking) {
            (Some(challenge), _) => self.with(WWW_AUTHENTICATE, challenge),
            (None, Some(ChallengeReason::Insufficient)) => {
                self.status = StatusCode::FORBIDDEN;
                self
            }
            (None, _) => self,
        }
    }

    /// Whether somebody tried to sign in and could not.
    pub(crate) fn is_failed_login(&self) -> bool {
        self.asking == Some(ChallengeReason::Invalid) || self.is_throttled
    }

    /// The code for the log.
    pub(crate) fn code(&self) -> &'static str {
        self.errors.first().map_or("", |problem| problem.code)
    }

    /// The text for the log.
    pub(crate) fn message(&self) -> &str {
        self.errors.first().map_or("", |problem| &problem.message)
    }

    pub(crate) fn into_answer(self) -> Answer {
        let mut answer = Answer::status(self.status);
        if !self.errors.is_empty() {
            let text = self.message().to_owned();
            let errors: Vec<Value> = self.errors.into_iter().map(Problem::into_json).collect();
            answer = match self.oauth {
                None => answer.json(&json!({ "errors": errors })),
                Some(error) => answer
                    .json(&json!({ "errors": errors, "error": error, "error_description": text })),
            };
        }
        for (name, value) in self.headers {
            if let Some(name) = name {
                answer = answer.set(name, value);
            }
        }
        answer
    }
}

impl Problem {
    fn into_json(self) -> Value {
        let mut entry = json!({ "code": self.code, "message": self.message });
        if let (Some(detail), Some(entry)) = (self.detail, entry.as_object_mut()) {
            entry.insert("detail".into(), detail);
        }
        entry
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use ErrorCode as Code;
        let text = error.to_string();
        match error {
            Error::Denied(denied) => {
                let (code, reason) = match denied.is_known() {
                    true => (Code::Denied, ChallengeReason::Insufficient),
                    false => (Code::Unauthorized, ChallengeReason::NoCredentials),
                };
                Self::new(StatusCode::UNAUTHORIZED, code, text).asking(reason)
            }
            Error::TagsTaken { .. } => Self::new(StatusCode::FORBIDDEN, Code::Denied, text),
            Error::NameUnknown(name) => {
                Self::not_found(Code::NameUnknown, text).detail(json!({ "name": name.as_str() }))
            }
            Error::ManifestUnknown { reference, .. } => {
                Self::not_found(Code::ManifestUnknown, text)
                    .detail(json!({ "reference": reference.to_string() }))
            }
            Error::BlobUnknown { digest, .. } => Self::not_found(Code::BlobUnknown, text)
                .detail(json!({ "digest": digest.to_string() })),
            Error::UploadUnknown(_) => Self::not_found(Code::BlobUploadUnknown, text),
            Error::UploadOffset { id, offset, .. } => {
                // The handler turns the id into the Location.
                Self::new(StatusCode::RANGE_NOT_SATISFIABLE, Code::RangeInvalid, text)
                    .with(RANGE, upload_range(offset))
                    .with(LOCATION, id.as_str())
            }
            Error::UploadBusy => Self::unavailable(text, 1),
            Error::SizeInvalid { .. } => Self::bad_request(Code::SizeInvalid, text),
            Error::DigestMismatch { expected, actual } => {
                Self::bad_request(Code::DigestInvalid, text).detail(
                    json!({ "expected": expected.to_string(), "actual": actual.to_string() }),
                )
            }
            Error::MissingReferences(missing) => Self::missing(&missing),
            Error::BlobNeeded { by, .. } => {
                Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, text)
                    .detail(json!({ "manifest": by.to_string() }))
                    .with(ALLOW, "GET, HEAD")
            }
            Error::ManifestInvalid(_) | Error::ManifestRefused(_) => {
                Self::bad_request(Code::ManifestInvalid, text)
            }
            Error::ManifestTooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, Code::SizeInvalid, text)
            }
            Error::Unsupported(_) => {
                Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, text)
                    .with(ALLOW, "GET, HEAD")
            }
            Error::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, Code::Denied, text),
            Error::BodyFailed(SourceError::Stalled(_)) => {
                Self::new(StatusCode::REQUEST_TIMEOUT, Code::BlobUploadInvalid, text)
            }
            Error::BodyFailed(SourceError::Broken(_)) => {
                Self::bad_request(Code::BlobUploadInvalid, text)
            }
            Error::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // What exactly failed names paths and tables: for the log only.
        match &error {
            StoreError::Full(_) => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                ErrorCode::Unavailable,
                "the registry's storage is full",
            ),
            StoreError::Busy(_) => Self::unavailable("the registry is busy, try again".into(), 1),
            StoreError::Damaged(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                ErrorCode::Unknown,
                "the stored content is damaged; push it again",
            ),
            StoreError::Failed(_) => {
                Self::unavailable("the registry's storage failed, try again".into(), 5)
            }
        }
        .because(error)
    }
}

impl From<AuthenticationError> for Failure {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Invalid | AuthenticationError::InvalidToken => {
                Self::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, error.to_string())
                    .asking(ChallengeReason::Invalid)
            }
            AuthenticationError::Throttled { retry_after_seconds } => {
                let text = error.to_string();
                let status = StatusCode::TOO_MANY_REQUESTS;
                let failure = Self::new(status, ErrorCode::TooManyRequests, text)
                    .with(RETRY_AFTER, retry_after_seconds.to_string());
                Self { is_throttled: true, ..failure }
            }
            AuthenticationError::Busy => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::TooManyRequests,
                error.to_string(),
            )
            .with(RETRY_AFTER, "1"),
            AuthenticationError::Unavailable(_) => {
                Self::unavailable("accounts cannot be read now, try again".into(), 5).because(error)
            }
        }
    }
}

impl Failure {
    pub(crate) fn unavailable(text: String, retry_after_seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable, text)
            .with(RETRY_AFTER, retry_after_seconds.to_string())
    }

    fn missing(missing: &[oci::Digest]) -> Self {
        let problem = |digest: &oci::Digest| Problem {
            code: ErrorCode::ManifestBlobUnknown.as_str(),
            message: format!("{digest} is referenced but not in the repository"),
            detail: Some(json!({ "digest": digest.to_string() })),
        };
        Self {
            status: StatusCode::BAD_REQUEST,
            errors: missing.iter().take(MAX_DETAILS).map(problem).collect(),
            headers: HeaderMap::new(),
            cause: None,
            asking: None,
            oauth: None,
            is_throttled: false,
        }
    }
}

/// The `Range` of an upload of `offset` bytes; before any byte `0-0`.
pub(crate) fn upload_range(offset: u64) -> String {
    format!("0-{}", offset.saturating_sub(1))
}
