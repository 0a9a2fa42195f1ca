//! `POST /api/v1/setup`: the first administrator, for whoever knows the
//! one-time secret that the first start wrote to its log.

use http::StatusCode;
use identity::Secret;
use registry::accounts::Answer as Outcome;
use serde::{Deserialize, Serialize};

use super::convert::{ApiRequest, BASE};
use super::{NO_STORE, json_body, outcome, refuse_other_sites, unfitting};
use crate::answer::Answer;
use crate::auth::Berth;
use crate::failure::Failure;
use crate::http::request_body::RequestBody;
use crate::ops::Trace;

/// Below [`BASE`].
pub(crate) const PATH: &str = "/setup";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Setup {
    secret: String,
    name: String,
    password: String,
}

/// The request that makes the first administrator with the one-time `secret`.
pub fn setup_request(secret: &Secret, name: &str, password: &Secret) -> ApiRequest {
    let setup = Setup {
        secret: secret.reveal().to_owned(),
        name: name.to_owned(),
        password: password.reveal().to_owned(),
    };
    let body = serde_json::to_vec(&setup).unwrap_or_default();
    ApiRequest { method: "POST", path: format!("{BASE}{PATH}"), body: Some(body) }
}

pub(crate) async fn post(
    berth: &Berth,
    parts: &http::request::Parts,
    body: &mut RequestBody,
    trace: Trace<'_>,
) -> Result<Answer, Failure> {
    refuse_other_sites(&parts.headers)?;
    let body = json_body(parts, body).await?;
    let setup: Setup =
        serde_json::from_slice(&body).map_err(|error| unfitting(None, &error.to_string()))?;
    let (secret, password) = (Secret::new(setup.secret), Secret::new(setup.password));
    let made = berth.accounts.setup(&secret, &setup.name, &password, trace.origin()).await;
    made.map_err(outcome::failure)?;
    let answer = Answer::status(StatusCode::CREATED).json(&Outcome::Done);
    Ok(answer.set(http::header::CACHE_CONTROL, NO_STORE))
}
