//! Query strings as multimaps: a key may come several times.

use std::borrow::Cow;

/// Most parameters that are looked at.
const MAX_PARAMETERS: usize = 256;

/// A parsed query string.
#[derive(Debug, Default)]
pub(crate) struct Query<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> Query<'q> {
    /// Reads the part of a URI after `?`.
    pub(crate) fn parse(query: Option<&'q str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or("").as_bytes());
        Self(pairs.take(MAX_PARAMETERS).collect())
    }

    /// The first value under `key`.
    pub(crate) fn first(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_ref())
    }

    /// Every value under `key`, in order.
    pub(crate) fn all<'s>(&'s self, key: &'s str) -> impl Iterator<Item = &'s str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_and_escaped_parameters_are_all_seen() {
        let query = Query::parse(Some("tag=a&x=1&tag=b%2Bc&tag=d+e"));
        assert_eq!(query.all("tag").collect::<Vec<_>>(), ["a", "b+c", "d e"]);
        assert_eq!(query.first("x"), Some("1"));
        assert_eq!(query.first("y"), None);
    }

    #[test]
    fn a_missing_query_has_no_parameters() {
        assert_eq!(Query::parse(None).first("n"), None);
    }
}
