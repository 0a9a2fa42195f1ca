//! Conditional requests. Content is addressed by its digest, so the entity tag
//! is the digest and never weak.

use http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE};
use http::{HeaderMap, HeaderName};

/// What the conditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Answer as usual.
    Proceed,
    /// 304: the client has it.
    NotModified,
    /// 412: the client wanted something else.
    Failed,
}

/// Weighs `If-Match` and `If-None-Match` against the tag of what is there.
pub(crate) fn weigh(headers: &HeaderMap, etag: &str) -> Condition {
    if headers.contains_key(IF_MATCH) && !any_matches(headers, &IF_MATCH, etag) {
        return Condition::Failed;
    }
    if any_matches(headers, &IF_NONE_MATCH, etag) {
        return Condition::NotModified;
    }
    Condition::Proceed
}

/// Whether a `Range` counts: not if `If-Range` names something else. Dates
/// never match, because nothing here has one.
pub(crate) fn range_applies(headers: &HeaderMap, etag: &str) -> bool {
    !headers.contains_key(IF_RANGE)
        || headers.get_all(IF_RANGE).iter().all(|v| v.to_str().is_ok_and(|v| unquoted(v) == etag))
}

fn any_matches(headers: &HeaderMap, name: &HeaderName, etag: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| {
        let one = one.trim();
        one == "*" || unquoted(one.strip_prefix("W/").unwrap_or(one)) == etag
    })
}

/// Clients of the original send the digest bare.
fn unquoted(value: &str) -> &str {
    let value = value.trim();
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(name: &HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))])
    }

    #[test]
    fn a_known_tag_in_any_form_is_not_modified() {
        for value in ["\"d\"", "d", "W/\"d\"", "\"x\", \"d\"", "*"] {
            assert_eq!(
                weigh(&headers(&IF_NONE_MATCH, value), "d"),
                Condition::NotModified,
                "{value}"
            );
        }
        assert_eq!(weigh(&headers(&IF_NONE_MATCH, "\"x\""), "d"), Condition::Proceed);
    }

    #[test]
    fn a_range_of_something_else_does_not_apply() {
        assert!(range_applies(&headers(&IF_RANGE, "\"d\""), "d"));
        assert!(!range_applies(&headers(&IF_RANGE, "\"x\""), "d"));
        assert!(!range_applies(&headers(&IF_RANGE, "Sat, 01 Jan 2000 00:00:00 GMT"), "d"));
        assert!(range_applies(&HeaderMap::new(), "d"));
    }

    #[test]
    fn if_match_of_something_else_fails() {
        assert_eq!(weigh(&headers(&IF_MATCH, "\"x\""), "d"), Condition::Failed);
        assert_eq!(weigh(&headers(&IF_MATCH, "\"d\""), "d"), Condition::Proceed);
    }
}
