//! What an answer of the store means: gone, taken, busy, full, or broken.
//!
//! Texts name the call and the key. They never hold a secret: of an answer
//! only its status, its code and its message are quoted.

use std::fmt;

use object_store::Error;
use store::StoreError;

/// A call that did not succeed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The store says that there is no such object or upload.
    Missing(StoreError),
    /// The object exists, and it was asked that it must not.
    Taken(StoreError),
    /// Everything else.
    Other(StoreError),
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Missing(error) | Trouble::Taken(error) | Trouble::Other(error) => error,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(error) | Self::Taken(error) | Self::Other(error) => error.fmt(f),
        }
    }
}

/// Longest piece of an answer that is quoted, in characters.
const QUOTED: usize = 200;

/// Sorts an error; `doing` completes "while …" and names the key.
pub(super) fn sorted(doing: &str, error: &Error) -> Trouble {
    match error {
        // Not an object that is missing: everything is.
        Error::NotFound { source, .. } if no_bucket(&source.to_string()) => {
            Trouble::Other(nowhere(doing))
        }
        Error::NotFound { .. } => {
            Trouble::Missing(StoreError::Damaged(format!("{doing}: the store does not have it")))
        }
        Error::AlreadyExists { .. } | Error::Precondition { .. } => {
            Trouble::Taken(StoreError::Failed(format!("{doing}: it exists already")))
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            Trouble::Other(denied(doing, &error.to_string()))
        }
        _ => Trouble::Other(other(doing, &chain(error))),
    }
}

fn nowhere(doing: &str) -> StoreError {
    StoreError::Failed(format!(
        "{doing}: the store has no such bucket: make it, or check its name and the region"
    ))
}

fn no_bucket(text: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound"].iter().any(|code| text.contains(code))
}

/// What took too long.
pub(super) fn stalled(doing: &str) -> StoreError {
    StoreError::Busy(format!("{doing}: the store did not answer in time"))
}

fn denied(doing: &str, text: &str) -> StoreError {
    let code = between(text, "<Code>", "</Code>").unwrap_or("access denied");
    let advice = match code {
        "SignatureDoesNotMatch" => "check the secret key, the region and the endpoint",
        "InvalidAccessKeyId" => "check the access key",
        "RequestTimeTooSkewed" => "check the clock of this machine",
        "ExpiredToken" | "InvalidToken" => "check the session token or the identity's token file",
        _ => "check the credentials and what they may do in this bucket",
    };
    StoreError::Failed(format!("{doing}: refused by the store ({}): {advice}", cut(code)))
}

pub(super) fn other(doing: &str, text: &str) -> StoreError {
    if no_bucket(text) {
        return nowhere(doing);
    }
    let status = status(text);
    let code = between(text, "<Code>", "</Code>");
    let said = said(text, status, code);
    let text_is = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if status == Some(507)
        || text_is(&["QuotaExceeded", "XMinioStorageFull", "ENOSPC"])
        || text_is(&["No space left", "InsufficientStorage", "StorageFull"])
    {
        return StoreError::Full(format!("{doing}: {said}"));
    }
    if matches!(status, Some(408 | 429 | 500..=599)) || text_is(&["SlowDown", "InternalError"]) {
        return StoreError::Busy(format!("{doing}: {said}"));
    }
    if status.is_none() && text_is(&CONNECTION) {
        return StoreError::Busy(format!("{doing}: the store cannot be reached: {said}"));
    }
    StoreError::Failed(format!("{doing}: {said}"))
}

/// What a client says of connections that did not come about or broke.
const CONNECTION: [&str; 10] = [
    "error sending request",
    "HTTP error",
    "onnection refused",
    "onnection reset",
    "onnection closed",
    "timed out",
    "broken pipe",
    "dns error",
    "request or response body error",
    "error decoding response body",
];

fn said(text: &str, status: Option<u16>, code: Option<&str>) -> String {
    let message = between(text, "<Message>", "</Message>");
    match (status, code) {
        (Some(status), Some(code)) => {
            let message = message.map(|message| format!(": {}", cut(message)));
            format!("status {status}, {}{}", cut(code), message.unwrap_or_default())
        }
        (Some(status), None) => format!("status {status}"),
        (None, Some(code)) => cut(code).to_owned(),
        (None, None) => cut(text).to_owned(),
    }
}

/// The error with what caused it, without repeating what it says itself.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

pub(super) fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    Some(rest.split_once(end)?.0)
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(QUOTED).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> StoreError {
        sorted("doing", &Error::Generic { store: "S3", source: text.to_owned().into() }).into()
    }

    fn answer(status: &str, code: &str) -> String {
        format!(
            "Error performing PUT http://h/b/k in 1ms - Server returned non-2xx status code: \
             {status}: <Error><Code>{code}</Code><Message>said so</Message></Error>"
        )
    }

    #[test]
    fn throttling_and_lost_connections_are_busy() {
        for text in [
            answer("503 Service Unavailable", "SlowDown"),
            answer("429 Too Many Requests", "TooManyRequests"),
            answer("500 Internal Server Error", "InternalError"),
            "error sending request for url (http://127.0.0.1:1/): tcp connect error".to_owned(),
        ] {
            assert!(matches!(generic(&text), StoreError::Busy(_)), "{text}");
        }
    }

    #[test]
    fn a_full_store_is_full() {
        for text in [
            answer("507 Insufficient Storage", "XMinioStorageFull"),
            answer("403 Forbidden", "QuotaExceeded"),
        ] {
            assert!(matches!(generic(&text), StoreError::Full(_)), "{text}");
        }
    }

    #[test]
    fn other_answers_fail_and_are_quoted() {
        let error = generic(&answer("400 Bad Request", "InvalidPart"));
        assert_eq!(error.to_string(), "storage failed: doing: status 400, InvalidPart: said so");
    }

    #[test]
    fn a_bucket_that_is_not_there_is_no_missing_object() {
        for (code, is_missing) in [("NoSuchBucket", false), ("NoSuchKey", true)] {
            let source = answer("404 Not Found", code).into();
            let error = Error::NotFound { path: "k".into(), source };
            assert_eq!(
                matches!(sorted("doing", &error), Trouble::Missing(_)),
                is_missing,
                "{code}"
            );
        }
    }

    #[test]
    fn a_refusal_says_what_to_check() {
        let text = "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>AKIA…</StringToSign>";
        let error = Error::PermissionDenied { path: "k".into(), source: text.into() };
        let text = StoreError::from(sorted("putting k", &error)).to_string();
        assert!(text.contains("check the secret key"), "{text}");
        assert!(!text.contains("AKIA"), "{text}");
    }
}
