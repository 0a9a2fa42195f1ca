//! `/auth/exchange`: the id token of a CI job for a token of ours (RFC 8693).

use serde_json::{Value, json};

use super::form::{self, Form, refused};
use super::token::{issue, missing, wrong};
use super::{EndpointCall, issued};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::http::request_body::RequestBody;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What a subject token may be called; both are the same signed text.
const SUBJECTS: [&str; 2] =
    ["urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt"];

pub(super) async fn post(
    call: &EndpointCall<'_>,
    body: &mut RequestBody,
) -> Result<Answer, Failure> {
    let bytes = form::read(call.parts, body).await?;
    let form = Form::parse(&bytes);
    form.check_service(call.berth.service())?;
    match form.one("grant_type") {
        Some(GRANT) => {}
        Some(_) => {
            return Err(refused("unsupported_grant_type", format!("grant_type must be {GRANT}")));
        }
        None => return Err(missing("grant_type")),
    }
    if form.one("subject_token_type").is_some_and(|kind| !SUBJECTS.contains(&kind)) {
        let text = format!("subject_token_type must be {}", SUBJECTS.join(" or "));
        return Err(refused("invalid_request", text));
    }
    let id_token = form.one("subject_token").ok_or_else(|| missing("subject_token"))?;
    let accounts = &call.berth.accounts;
    let proven = accounts.exchange(id_token, call.presented.address).await.map_err(wrong)?;
    let token = issue(call, &proven, &form, false).await?;
    let mut body = issued::body_with_scope(&token);
    if let Some(body) = body.as_object_mut() {
        body.insert("issued_token_type".to_owned(), Value::from(ACCESS_TOKEN));
        // The name that goes with the token where a client wants a pair.
        body.insert("username".to_owned(), json!(proven.name()));
    }
    Ok(Answer::ok().json(&body))
}
