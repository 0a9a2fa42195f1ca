//! The words of `WWW-Authenticate`, letter by letter as the original writes
//! them: clients take them apart with patterns of their own.

use registry::access::{ChallengeReason, ResourceScope};

/// `Bearer realm="…",service="…",scope="…",error="…"`; scope and error only
/// where there is something to say.
pub(crate) fn bearer(realm: &str, service: &str, scope: &str, error: Option<&str>) -> String {
    let mut text = format!("Bearer realm={},service={}", quoted(realm), quoted(service));
    for (name, value) in [("scope", scope), ("error", error.unwrap_or(""))] {
        if !value.is_empty() {
            text.push_str(&format!(",{name}={}", quoted(value)));
        }
    }
    text
}

/// `Basic realm="…"`.
pub(crate) fn basic(realm: &str) -> String {
    format!("Basic realm={}", quoted(realm))
}

/// All scopes, between spaces.
pub(crate) fn scope_list(scopes: &[ResourceScope]) -> String {
    scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// What is wrong with the token that was sent, if one was.
pub(crate) fn error(reason: ChallengeReason) -> Option<&'static str> {
    match reason {
        ChallengeReason::NoCredentials => None,
        ChallengeReason::Invalid => Some("invalid_token"),
        ChallengeReason::Insufficient => Some("insufficient_scope"),
    }
}

/// In quotes, as HTTP has them. Control characters cannot stand in a header.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_reads_as_the_original_writes_it() {
        assert_eq!(
            bearer("https://auth.example/token", "S", "repository:a/b:pull,push", None),
            "Bearer realm=\"https://auth.example/token\",service=\"S\",\
             scope=\"repository:a/b:pull,push\""
        );
        assert_eq!(
            bearer("R\"e", "S\\", "", Some("invalid_token")),
            "Bearer realm=\"R\\\"e\",service=\"S\\\\\",error=\"invalid_token\""
        );
        assert_eq!(basic("Some Realm\r\nX: y"), "Basic realm=\"Some RealmX: y\"");
    }
}
