//! `/api/v1/…`: accounts and access over HTTP. The words are those of
//! [`registry::accounts::Command`]; the table says where each one is.

mod convert;
mod outcome;
mod setup;
pub(crate) mod table;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use oci::ErrorCode;
use registry::access::{AuthenticationError, Caller, Credentials, Presented};
use registry::accounts::{Actor, Command};
use serde_json::json;

use crate::answer::Answer;
use crate::auth::Berth;
use crate::failure::Failure;
use crate::http::request_body::RequestBody;
use crate::ops::Trace;

pub(crate) use convert::BASE;
pub use convert::{ApiRequest, api_request};
pub use outcome::{ApiRefusal, api_answer, api_export};
pub use setup::setup_request;
pub(crate) use setup::{PATH as SETUP, post as setup};

/// Largest body, in bytes.
const MAX_BODY: u64 = 1 << 20;
/// What a personal token begins with.
const PERSONAL: &str = "bpat_";
/// The user name under which a token may stand in the place of a password.
const TOKEN_USER: &str = "oauth2accesstoken";

/// What this request is answered from.
pub(crate) struct ApiCall<'r> {
    pub berth: &'r Berth,
    pub parts: &'r http::request::Parts,
    /// The path below [`BASE`].
    pub path: &'r str,
    pub presented: &'r Presented<'r>,
    pub caller: &'r Caller,
    /// [`registry::accounts::Accounts::overtaken`] from before the caller was known.
    pub overtaken: u64,
    pub trace: Trace<'r>,
}

/// Who sent a request to the API: by password, personal token or certificate.
/// A token of the token endpoint is for pulling and pushing, whatever its
/// owner may do: it opens nothing here.
pub(crate) async fn authenticate(
    berth: &Berth,
    presented: &Presented<'_>,
) -> Result<Caller, AuthenticationError> {
    match presented.credentials {
        Credentials::Basic { user, password } => {
            berth.signed_in(user, password, presented.address).await
        }
        Credentials::Bearer(token) if token.starts_with(PERSONAL) => {
            berth.signed_in(TOKEN_USER, token, presented.address).await
        }
        Credentials::Bearer(_) => Err(AuthenticationError::InvalidToken),
        Credentials::Unusable => Err(AuthenticationError::Invalid),
        Credentials::None => {
            let certified = berth.certified(presented.certificate).await?;
            Ok(certified.unwrap_or_else(Caller::anonymous))
        }
    }
}

/// The answer to somebody whose credentials were not taken. Of a wrong
/// password and of no password the challenge is the same; it is none that
/// makes a browser ask for a password and send it with other sites' requests.
pub(crate) fn refused_login(error: AuthenticationError) -> Failure {
    match error {
        AuthenticationError::Invalid | AuthenticationError::InvalidToken => {
            challenged(&error.to_string())
        }
        other => Failure::from(other),
    }
}

fn challenged(text: &str) -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, text)
        .with(WWW_AUTHENTICATE, "Bearer realm=\"Berth API\"")
        .with(CACHE_CONTROL, "no-store")
}

/// The caller, if they signed in.
fn known(caller: Caller) -> Result<Caller, Failure> {
    match caller.is_anonymous() {
        true => Err(challenged("sign in with a password or a personal token")),
        false => Ok(caller),
    }
}

/// Does what the request says. Which paths there are is told to those who
/// signed in.
pub(crate) async fn answer(call: ApiCall<'_>, body: &mut RequestBody) -> Result<Answer, Failure> {
    let ApiCall { berth, parts, path, presented, caller, mut overtaken, trace } = call;
    known(caller.clone())?;
    let methods = table::methods(path);
    if methods.is_empty() {
        let text = "there is nothing at this path";
        return Err(Failure::not_found(ErrorCode::Unsupported, text));
    }
    if parts.method == Method::OPTIONS {
        return Ok(Answer::ok().text(ALLOW, methods.join(", ")));
    }
    if !methods.contains(&parts.method.as_str()) {
        return Err(Failure::method(&methods, false));
    }
    refuse_other_sites(&parts.headers)?;
    let has_body = !body.is_none();
    let command = read(parts, path, body).await?;
    // While the body came, much may have been taken away.
    let caller = match has_body {
        true => {
            overtaken = berth.accounts.overtaken();
            known(authenticate(berth, presented).await.map_err(refused_login)?)?
        }
        false => caller.clone(),
    };
    let actor = Actor::Caller {
        caller,
        address: trace.address.map(str::to_owned),
        request: Some(trace.request.to_owned()),
    };
    if !parts.method.is_safe() {
        berth.accounts.reach_store(overtaken).await?;
    }
    let answer = berth.accounts.execute(&actor, command).await.map_err(outcome::failure)?;
    let status = outcome::status(&answer);
    Ok(Answer::status(status).json(&outcome::body(&answer)).set(CACHE_CONTROL, NO_STORE))
}

/// Nothing here may be kept by anybody on the way.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The JSON of a body.
async fn json_body(parts: &http::request::Parts, body: &mut RequestBody) -> Result<Bytes, Failure> {
    let body = body.collect(MAX_BODY).await.map_err(registry::Error::from)?;
    let body = body.ok_or_else(|| {
        let text = format!("the body has more than {MAX_BODY} bytes");
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid, text)
    })?;
    if !body.is_empty() && !is_json(&parts.headers) {
        let text = "the body must be JSON, with Content-Type: application/json";
        return Err(Failure::named(StatusCode::UNSUPPORTED_MEDIA_TYPE, "INVALID", text));
    }
    Ok(body)
}

async fn read(
    parts: &http::request::Parts,
    path: &str,
    body: &mut RequestBody,
) -> Result<Command, Failure> {
    let body = json_body(parts, body).await?;
    let query = parts.uri.query().unwrap_or("");
    convert::command(parts.method.as_str(), path, query, &body)
        .map_err(|unfit| unfitting(unfit.field.as_deref(), &unfit.problem))
}

/// The problem may repeat a secret: only the client sees it, not the log.
fn unfitting(field: Option<&str>, problem: &str) -> Failure {
    let text = match field {
        Some(field) => format!("{} does not fit", oci::quoted(field)),
        None => "the request does not fit".to_owned(),
    };
    Failure::named(StatusCode::BAD_REQUEST, "INVALID", text)
        .detail(json!({ "field": field, "problem": problem }))
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = value.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Browsers remember passwords and certificates, and other sites' pages can
/// make them send both. Programs send no `Origin`.
fn refuse_other_sites(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or(""));
    let Some(origin) = text(ORIGIN) else { return Ok(()) };
    let host = origin.split_once("://").map(|(_, host)| host);
    if host.is_some() && host == text(http::header::HOST) {
        return Ok(());
    }
    let text = "requests from pages of other sites are refused";
    Err(Failure::new(StatusCode::FORBIDDEN, ErrorCode::Denied, text))
}
