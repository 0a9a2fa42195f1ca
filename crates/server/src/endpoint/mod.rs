//! `/auth/…`: where clients get their tokens.

pub(crate) mod browser;
mod exchange;
mod form;
mod issued;
mod token;

use http::HeaderValue;
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use registry::access::Presented;

use crate::answer::Answer;
use crate::api::NO_STORE;
use crate::auth::{Berth, TriedLogin};
use crate::failure::Failure;
use crate::guard::Guard;
use crate::http::request_body::RequestBody;
use crate::ops::{Auditor, Trace};

/// A request to one of the endpoints.
pub(crate) struct EndpointCall<'r> {
    pub berth: &'r Berth,
    pub parts: &'r http::request::Parts,
    pub presented: Presented<'r>,
    /// The host and port that was asked, for scopes that repeat it.
    pub own_host: Option<String>,
    pub auditor: &'r Auditor,
    pub guard: &'r Guard,
    pub trace: Trace<'r>,
}

/// `GET` or `POST /auth/token`.
pub(crate) async fn token(
    call: &EndpointCall<'_>,
    body: &mut RequestBody,
) -> Result<Answer, Failure> {
    let result = match call.parts.method == http::Method::GET {
        true => token::get(call).await,
        false => token::post(call, body).await,
    };
    finished(call, result)
}

/// `POST /auth/exchange`.
pub(crate) async fn exchange(
    call: &EndpointCall<'_>,
    body: &mut RequestBody,
) -> Result<Answer, Failure> {
    let result = exchange::post(call, body).await;
    finished(call, result)
}

/// `GET /auth/keys`: what others verify our tokens with.
pub(crate) fn keys(berth: &Berth) -> Answer {
    const A_WHILE: HeaderValue = HeaderValue::from_static("max-age=300");
    Answer::ok().json(&berth.accounts.key_set()).set(CACHE_CONTROL, A_WHILE)
}

fn finished(call: &EndpointCall<'_>, result: Result<Answer, Failure>) -> Result<Answer, Failure> {
    if let Err(failure) = &result
        && failure.is_failed_login()
        && let Some(tried) = tried(call)
    {
        call.auditor.failed_login(&tried, call.trace);
    }
    match result {
        Ok(answer) => Ok(answer.set(CACHE_CONTROL, NO_STORE)),
        Err(failure) => Err(failure.with(CACHE_CONTROL, "no-store")),
    }
}

/// In a form the name is gone by now; who tried by a token nobody knows.
fn tried<'r>(call: &EndpointCall<'r>) -> Option<TriedLogin<'r>> {
    let by_header = TriedLogin::of(call.presented.credentials);
    let has_header = call.parts.headers.contains_key(AUTHORIZATION);
    by_header.or((!has_header).then_some(TriedLogin::Token))
}
