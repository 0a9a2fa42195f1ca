//! What a client asks the token endpoint for, in a query or in a form.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use oci::ErrorCode;
use registry::access::ResourceScope;

use crate::failure::Failure;
use crate::http::request_body::RequestBody;

/// Largest form, in bytes.
const MAX_FORM: u64 = 64 << 10;
/// Most parameters that are looked at: a thousand scopes and what goes with them.
const MAX_PARAMETERS: usize = 1100;

/// Parameters by name; a name may come several times.
pub(super) struct Form<'f>(Vec<(Cow<'f, str>, Cow<'f, str>)>);

impl<'f> Form<'f> {
    pub(super) fn parse(bytes: &'f [u8]) -> Self {
        Self(form_urlencoded::parse(bytes).take(MAX_PARAMETERS).collect())
    }

    /// The one value under `name`, if it is not empty.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(own, value)| own == name && !value.is_empty());
        found.map(|(_, value)| value.as_ref())
    }

    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_ref())
    }

    /// What the token is to allow.
    pub(super) fn scopes(&self) -> Vec<ResourceScope> {
        ResourceScope::parse_all(self.all("scope"))
    }

    /// Refuses a token for another service. Said before anybody's password is
    /// looked at: it has nothing to do with who asks.
    pub(super) fn check_service(&self, own: &str) -> Result<(), Failure> {
        match self.all("service").find(|asked| !asked.is_empty() && *asked != own) {
            None => Ok(()),
            Some(other) => {
                let (other, own) = (oci::quoted(other), oci::quoted(own));
                let text = format!("service is {other}, but tokens are made here for {own} only");
                Err(refused("invalid_target", text))
            }
        }
    }
}

/// Reads the form of a POST.
pub(super) async fn read(
    parts: &http::request::Parts,
    body: &mut RequestBody,
) -> Result<Bytes, Failure> {
    let told = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = told.unwrap_or("").split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let text = "the body must be a form, with Content-Type: application/x-www-form-urlencoded";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Failure::new(status, ErrorCode::Unsupported, text).oauth("invalid_request"));
    }
    let bytes = body.collect(MAX_FORM).await.map_err(registry::Error::from)?;
    bytes.ok_or_else(|| {
        let text = format!("the form has more than {MAX_FORM} bytes");
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid, text)
            .oauth("invalid_request")
    })
}

/// A request that is wrong whoever sends it.
pub(super) fn refused(oauth: &'static str, text: impl Into<String>) -> Failure {
    Failure::bad_request(ErrorCode::Unsupported, text).oauth(oauth)
}
