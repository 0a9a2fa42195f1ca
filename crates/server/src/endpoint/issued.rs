//! A token as clients read it.

use registry::accounts::{IssuedToken, Moment};
use serde_json::{Value, json};

/// Both names of the token, because half of the clients reads the one and
/// half the other; the times are those of the token itself, because clients
/// believe them.
pub(super) fn body(issued: &IssuedToken) -> Value {
    let mut body = json!({
        "token": issued.token,
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in_seconds,
        "issued_at": Moment(issued.issued_at),
    });
    if let (Some(token), Some(body)) = (&issued.refresh_token, body.as_object_mut()) {
        body.insert("refresh_token".to_owned(), Value::from(token.as_str()));
    }
    body
}

/// The same with what the token allows, which OAuth wants to be told.
pub(super) fn body_with_scope(issued: &IssuedToken) -> Value {
    let mut body = body(issued);
    if let Some(body) = body.as_object_mut() {
        body.insert("scope".to_owned(), Value::from(issued.scope.as_str()));
    }
    body
}
