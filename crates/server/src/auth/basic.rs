//! `Authorization: Basic`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use registry::access::Credentials;

/// Longest header that is looked at, in bytes.
const MAX_HEADER: usize = 8192;

/// Reads the credentials of a request. `Basic Og==`, an empty user with an
/// empty password, is how clients without a login say so.
pub(crate) fn credentials(headers: &HeaderMap) -> Credentials {
    let Some(value) = headers.get(AUTHORIZATION) else { return Credentials::None };
    match value.to_str().ok().filter(|text| text.len() <= MAX_HEADER).and_then(basic) {
        Some((user, password)) if user.is_empty() && password.is_empty() => Credentials::None,
        Some((user, password)) => Credentials::Basic { user, password },
        None => Credentials::Unusable,
    }
}

fn basic(text: &str) -> Option<(String, String)> {
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Credentials {
        credentials(&HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]))
    }

    #[test]
    fn a_password_may_hold_colons() {
        let encoded = STANDARD.encode("ann:a:b");
        let expected = Credentials::Basic { user: "ann".into(), password: "a:b".into() };
        assert_eq!(read(&format!("basic {encoded}")), expected);
    }

    #[test]
    fn an_empty_login_is_none() {
        assert_eq!(read("Basic Og=="), Credentials::None);
        assert_eq!(credentials(&HeaderMap::new()), Credentials::None);
    }

    #[test]
    fn what_cannot_be_read_is_unusable() {
        for value in ["Bearer x", "Basic", "Basic !!", "Basic YQ=="] {
            assert_eq!(read(value), Credentials::Unusable, "{value}");
        }
    }
}
