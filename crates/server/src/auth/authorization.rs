//! The `Authorization` header.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use registry::access::Credentials;

/// Longest header that is looked at, in bytes: a token and its scheme.
const MAX_HEADER: usize = 17 << 10;
/// Longest name and password together, in bytes, as base64.
const MAX_BASIC: usize = 8192;

/// Reads the credentials of a request. `Basic Og==`, an empty user with an
/// empty password, is how clients without a login say so.
pub(crate) fn credentials(headers: &HeaderMap) -> Credentials {
    let Some(value) = headers.get(AUTHORIZATION) else { return Credentials::None };
    if value.is_empty() {
        return Credentials::None;
    }
    let text = value.to_str().ok().filter(|text| text.len() <= MAX_HEADER);
    text.and_then(read).unwrap_or(Credentials::Unusable)
}

fn read(text: &str) -> Option<Credentials> {
    let (scheme, value) = text.split_once(' ')?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return (!value.is_empty()).then(|| Credentials::Bearer(value.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") || value.len() > MAX_BASIC {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(match (user, password) {
        ("", "") => Credentials::None,
        _ => Credentials::Basic { user: user.to_owned(), password: password.to_owned() },
    })
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
        assert_eq!(read(""), Credentials::None);
        assert_eq!(credentials(&HeaderMap::new()), Credentials::None);
    }

    #[test]
    fn a_token_is_taken_as_it_is() {
        assert_eq!(read("Bearer a.b.c"), Credentials::Bearer("a.b.c".into()));
        assert_eq!(read("bearer  a.b.c "), Credentials::Bearer("a.b.c".into()));
    }

    #[test]
    fn what_cannot_be_read_is_unusable() {
        let (long, longer) = ("A".repeat(MAX_BASIC + 4), "x".repeat(MAX_HEADER));
        for value in [
            "Bearer",
            "Bearer ",
            "Basic",
            "Basic !!",
            "Basic YQ==",
            "Digest x",
            "x",
            &format!("Basic {long}"),
            &format!("Bearer {longer}"),
        ] {
            assert_eq!(read(value), Credentials::Unusable, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_panics(bytes in proptest::collection::vec(0x20_u8..0x7f, 0..300)) {
            if let Ok(value) = http::HeaderValue::from_bytes(&bytes) {
                let _ = credentials(&HeaderMap::from_iter([(AUTHORIZATION, value)]));
            }
        }
    }
}
