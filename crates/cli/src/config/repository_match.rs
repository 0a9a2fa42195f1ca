//! Patterns for names of repositories: `*` stands for anything inside of one path part, `**` for
//! any number of parts.

use regex::Regex;
use serde::{Serialize, Serializer};

/// A pattern such as `team/**` or `library/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepositoryMatch {
    text: String,
    pattern: String,
}

impl RepositoryMatch {
    /// Reads a pattern of the letters of a name, `*`, `**` and `?`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pattern = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (piece, length) = match first {
                _ if rest == "/**" => ("(?:/.*)?".to_owned(), 3),
                _ if rest.starts_with("**/") => ("(?:.*/)?".to_owned(), 3),
                _ if rest.starts_with("**") => (".*".to_owned(), 2),
                '*' => ("[^/]*".to_owned(), 1),
                '?' => ("[^/]".to_owned(), 1),
                'a'..='z' | '0'..='9' | '/' | '_' | '-' => (first.to_string(), 1),
                '.' => ("\\.".to_owned(), 1),
                other => return Err(format!("{text:?} holds {other:?}, which no name holds")),
            };
            pattern.push_str(&piece);
            rest = rest.get(length..).unwrap_or_default();
        }
        // A pattern that cannot be compiled must be known now, not at the first push.
        Regex::new(&pattern).map_err(|_| format!("{text:?} is too long"))?;
        Ok(Self { text: text.to_owned(), pattern })
    }

    /// The same as a regular expression for the whole name, without anchors.
    pub(crate) fn pattern(&self) -> &str {
        &self.pattern
    }
}

impl Serialize for RepositoryMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stays_in_its_part_and_two_cross_slashes() {
        for (pattern, name, expected) in [
            ("library/*", "library/nginx", true),
            ("library/*", "library/a/b", false),
            ("team/**", "team/a/b", true),
            ("team/**", "team", true),
            ("team/**", "teams/a", false),
            ("**/cache", "a/b/cache", true),
            ("**/cache", "cache", true),
            ("**", "a/b", true),
            ("a.b", "a.b", true),
            ("a.b", "axb", false),
            ("v?", "v1", true),
            ("exact", "exact/more", false),
        ] {
            let matcher = RepositoryMatch::parse(pattern).unwrap();
            let regex = Regex::new(&format!("^(?:{})$", matcher.pattern())).unwrap();
            assert_eq!(regex.is_match(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn letters_that_no_name_holds_are_refused() {
        let error = RepositoryMatch::parse("Team/(.*)").unwrap_err();
        assert_eq!(error, "\"Team/(.*)\" holds 'T', which no name holds");
    }
}
