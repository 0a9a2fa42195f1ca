//! `/v2/`: does this speak the protocol, and may the caller talk to it?

use http::HeaderValue;
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use serde_json::json;

use crate::answer::Answer;
use crate::call::Call;

/// 200 with an empty object.
pub(crate) fn get() -> Answer {
    Answer::ok().json(&json!({}))
}

/// `/v2` → `/v2/`.
pub(crate) fn redirect(call: &Call<'_>) -> Answer {
    Answer::status(StatusCode::MOVED_PERMANENTLY).text(LOCATION, call.url("/v2/"))
}

/// `/`: alive.
pub(crate) fn root() -> Answer {
    Answer::ok().set(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
}

/// No extensions are offered.
pub(crate) fn extensions() -> Answer {
    Answer::ok().json(&json!({ "extensions": [] }))
}
