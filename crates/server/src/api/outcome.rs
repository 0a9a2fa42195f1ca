//! What came of a command, as an answer of the REST API and back.

use http::StatusCode;
use http::header::RETRY_AFTER;
use registry::accounts::{AccessFile, Answer, CommandError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;

/// Why a server did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiRefusal {
    /// In the words of the accounts.
    Command(CommandError),
    /// In another's words: no such server, not signed in, a proxy's page.
    Other {
        /// The status.
        status: u16,
        /// What the answer says, as far as it can be read.
        message: String,
    },
}

impl std::fmt::Display for ApiRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Command(error) => error.fmt(f),
            Self::Other { status, message } => write!(f, "status {status}: {message}"),
        }
    }
}

/// Longest message of a foreign answer that is repeated, in characters.
const MAX_MESSAGE: usize = 500;

/// Reads the answer of a server to a request of [`super::api_request`].
///
/// # Errors
/// What the server, or whoever answered in its place, said instead.
pub fn api_answer(status: u16, body: &[u8]) -> Result<Answer, ApiRefusal> {
    read(status, body)
}

/// The same for [`Command::Export`](registry::accounts::Command::Export), whose
/// answer is the file alone: it can be sent back as it is.
///
/// # Errors
/// As [`api_answer`].
pub fn api_export(status: u16, body: &[u8]) -> Result<Answer, ApiRefusal> {
    read(status, body).map(|file| Answer::Exported { file })
}

/// What a server sends for an answer.
pub(super) fn body(answer: &Answer) -> Answered<'_> {
    match answer {
        Answer::Exported { file } => Answered::File(file),
        other => Answered::Said(other),
    }
}

/// An answer, or the file that was asked for.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(super) enum Answered<'a> {
    File(&'a AccessFile),
    Said(&'a Answer),
}

fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> Result<T, ApiRefusal> {
    let other = |message: &str| ApiRefusal::Other { status, message: message.to_owned() };
    if (200..300).contains(&status) {
        return serde_json::from_slice(body)
            .map_err(|error| other(&format!("this is no answer of a Berth registry: {error}")));
    }
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let first = value.pointer("/errors/0");
    let detail = first.and_then(|first| first.get("detail")).cloned().unwrap_or_default();
    if let Ok(error) = serde_json::from_value(detail.clone()) {
        return Err(ApiRefusal::Command(error));
    }
    let message = first.and_then(|first| first.get("message")).and_then(Value::as_str);
    let problem = detail.get("problem").and_then(Value::as_str);
    let text: String = match (message, problem) {
        (Some(message), Some(problem)) => format!("{message}: {problem}"),
        (Some(message), None) => message.to_owned(),
        (None, _) => String::from_utf8_lossy(body).into_owned(),
    };
    Err(other(&text.chars().take(MAX_MESSAGE).collect::<String>()))
}

/// 201 where something was made, else 200.
pub(super) fn status(answer: &Answer) -> StatusCode {
    match answer {
        Answer::Made { .. } => StatusCode::CREATED,
        _ => StatusCode::OK,
    }
}

/// The answer to a command that did nothing. The error itself is in `detail`,
/// so that a program does not have to read sentences.
pub(super) fn failure(error: CommandError) -> Failure {
    use StatusCode as Status;
    let (status, code) = match &error {
        CommandError::Invalid { .. } => (Status::BAD_REQUEST, "INVALID"),
        CommandError::Exists { .. } => (Status::CONFLICT, "EXISTS"),
        CommandError::Unknown { .. } => (Status::NOT_FOUND, "UNKNOWN_NAME"),
        CommandError::InUse { .. } => (Status::CONFLICT, "IN_USE"),
        CommandError::LastAdmin => (Status::CONFLICT, "LAST_ADMINISTRATOR"),
        CommandError::Forbidden { .. } => (Status::FORBIDDEN, "DENIED"),
        CommandError::Throttled { .. } | CommandError::Busy => {
            (Status::TOO_MANY_REQUESTS, "TOOMANYREQUESTS")
        }
        CommandError::Store { .. } => {
            // What exactly failed names paths and tables: for the log only.
            let text = "accounts cannot be read or changed now, try again";
            return Failure::unavailable(text.to_owned(), 5).because(error);
        }
    };
    let wait = match &error {
        CommandError::Throttled { retry_after_seconds } => Some(*retry_after_seconds),
        CommandError::Busy => Some(1),
        _ => None,
    };
    let detail = serde_json::to_value(&error).unwrap_or_default();
    let failure = Failure::named(status, code, error.to_string()).detail(detail);
    match wait {
        Some(seconds) => failure.with(RETRY_AFTER, seconds.to_string()),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(error: &CommandError) -> (u16, Vec<u8>) {
        let failure = failure(error.clone());
        let problem = failure.errors.first().unwrap();
        let entry = serde_json::json!({
            "code": problem.code, "message": problem.message, "detail": problem.detail,
        });
        let body = serde_json::json!({ "errors": [entry] });
        (failure.status.as_u16(), body.to_string().into_bytes())
    }

    #[test]
    fn an_error_arrives_as_it_was() {
        let invalid = CommandError::Invalid {
            field: "role".into(),
            value: "\"x\"".into(),
            way_out: "is no role".into(),
        };
        for error in [
            invalid,
            CommandError::Exists { what: "user ann".into() },
            CommandError::Unknown { what: "user ann".into() },
            CommandError::Forbidden { why: "ann may not".into() },
            CommandError::LastAdmin,
            CommandError::Throttled { retry_after_seconds: 7 },
        ] {
            let (status, body) = body(&error);
            assert_eq!(api_answer(status, &body).unwrap_err(), ApiRefusal::Command(error));
        }
        let (status, body) = body(&CommandError::Store { message: "/var/lib/x".into() });
        assert_eq!(status, 503);
        assert!(!String::from_utf8_lossy(&body).contains("/var/lib/x"));
    }

    #[test]
    fn a_foreign_answer_is_repeated_shortly() {
        let page = "<html>".repeat(1000);
        let Err(ApiRefusal::Other { status: 502, message }) = api_answer(502, page.as_bytes())
        else {
            panic!()
        };
        assert_eq!(message.len(), MAX_MESSAGE);
        assert!(matches!(api_answer(200, b"{}"), Err(ApiRefusal::Other { .. })));
    }
}
