//! `/auth/token`: in exchange for a password, a kept refresh token or nothing.
//!
//! GET is the protocol's own way, POST is OAuth's; clients try either first.
//! Less than was asked for is no error: the token allows what is left.

use registry::access::{AuthenticationError, Credentials};
use registry::accounts::{Proven, TokenRequest};

use super::form::{self, Form, refused};
use super::{EndpointCall, issued};
use crate::answer::Answer;
use crate::failure::Failure;

pub(super) async fn get(call: &EndpointCall<'_>) -> Result<Answer, Failure> {
    let form = Form::parse(call.parts.uri.query().unwrap_or("").as_bytes());
    form.check_service(call.berth.service())?;
    let proven = by_header(call).await?;
    let offline = form.one("offline_token").is_some_and(|value| matches!(value, "true" | "1"));
    let token = issue(call, &proven, &form, offline).await?;
    Ok(Answer::ok().json(&issued::body(&token)))
}

pub(super) async fn post(
    call: &EndpointCall<'_>,
    body: &mut crate::http::request_body::RequestBody,
) -> Result<Answer, Failure> {
    let bytes = form::read(call.parts, body).await?;
    let form = Form::parse(&bytes);
    form.check_service(call.berth.service())?;
    let from = call.presented.address;
    let accounts = &call.berth.accounts;
    let mut offline = form.one("access_type") == Some("offline");
    let proven = match form.one("grant_type") {
        Some("password") => {
            let user = form.one("username").ok_or_else(|| missing("username"))?;
            let password = form.one("password").ok_or_else(|| missing("password"))?;
            accounts.sign_in(user, password, from).await.map_err(wrong)?
        }
        Some("refresh_token") => {
            // The one that it has stays good: another would only be one more to revoke.
            offline = false;
            let token = form.one("refresh_token").ok_or_else(|| missing("refresh_token"))?;
            accounts.refreshed(token, from).await.map_err(wrong)?
        }
        Some(other) => {
            let text = format!(
                "grant_type is {}, but must be password or refresh_token",
                oci::quoted(other)
            );
            return Err(refused("unsupported_grant_type", text));
        }
        None => return Err(missing("grant_type")),
    };
    let token = issue(call, &proven, &form, offline).await?;
    Ok(Answer::ok().json(&issued::body_with_scope(&token)))
}

pub(super) fn missing(name: &str) -> Failure {
    refused("invalid_request", format!("the form has no {name}"))
}

/// Who is at the other end, by what stands in the head. A token is nothing to
/// get a token with: one that leaked must not live on by itself.
async fn by_header(call: &EndpointCall<'_>) -> Result<Proven, Failure> {
    match call.presented.credentials {
        Credentials::Basic { user, password } => {
            let from = call.presented.address;
            call.berth.accounts.sign_in(user, password, from).await.map_err(wrong)
        }
        Credentials::None => {
            let certified =
                call.berth.certified(call.presented.certificate).await.map_err(wrong)?;
            Ok(certified.map_or_else(Proven::anonymous, Proven::from))
        }
        Credentials::Bearer(_) | Credentials::Unusable => Err(wrong(AuthenticationError::Invalid)),
    }
}

/// The same words for whatever is wrong with who somebody says to be.
pub(super) fn wrong(error: AuthenticationError) -> Failure {
    let name = match error {
        AuthenticationError::Invalid | AuthenticationError::InvalidToken => "invalid_grant",
        AuthenticationError::Busy
        | AuthenticationError::Throttled { .. }
        | AuthenticationError::Unavailable(_) => "temporarily_unavailable",
    };
    Failure::from(error).oauth(name)
}

pub(super) async fn issue(
    call: &EndpointCall<'_>,
    proven: &Proven,
    form: &Form<'_>,
    offline: bool,
) -> Result<registry::accounts::IssuedToken, Failure> {
    let counted = call.guard.request_of(proven);
    counted.map_err(|failure| failure.oauth("temporarily_unavailable"))?;
    let request = TokenRequest {
        service: form.one("service").map(str::to_owned),
        scopes: form.scopes(),
        own_host: call.own_host.clone(),
        offline: offline && !proven.is_anonymous(),
        client_id: form.one("client_id").map(str::to_owned),
        origin: call.trace.origin(),
    };
    let token = call.berth.accounts.issue(proven, request).await.map_err(wrong)?;
    call.auditor.login(proven, call.trace);
    Ok(token)
}
