//! Patterns of claim rules.

use std::fmt;

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 512;
/// Most stars of one pattern.
const MAX_STARS: usize = 8;

/// A text in which `*` stands for one or more characters without `/`, and `**`
/// for one or more of any. Everything else stands for itself, case included.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Part {
    Text(String),
    Segment,
    Any,
}

impl Pattern {
    /// Reads `text`; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("a pattern must not be empty");
        }
        if text.len() > MAX_PATTERN || text.chars().any(char::is_control) {
            return Err("a pattern has at most 512 printable characters");
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let literal = rest.find('*').unwrap_or(rest.len());
            let (before, after) = rest.split_at(literal);
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let stars = after.len() - after.trim_start_matches('*').len();
            match stars {
                0 => {}
                1 => parts.push(Part::Segment),
                2 => parts.push(Part::Any),
                _ => return Err("a pattern has at most two stars in a row"),
            }
            rest = after.trim_start_matches('*');
        }
        if parts.iter().filter(|part| !matches!(part, Part::Text(_))).count() > MAX_STARS {
            return Err("a pattern has at most 8 places with stars");
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it stands for one text alone.
    pub fn is_exact(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Text(_)])
    }

    /// Whether it has a text of its own: `**` has none and says nothing.
    pub(super) fn says_something(&self) -> bool {
        let is_letter = |c: char| c != '/';
        self.parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains(is_letter)))
    }

    /// Whether all of `text` fits.
    pub fn matches(&self, text: &str) -> bool {
        // Where a match of the parts so far may end: each part is one pass, so
        // no text takes longer than its length times the parts.
        let mut ends = vec![false; text.len() + 1];
        if let Some(start) = ends.first_mut() {
            *start = true;
        }
        for part in &self.parts {
            ends = step(part, text.as_bytes(), &ends);
        }
        ends.last().copied().unwrap_or(false)
    }
}

/// Where `part` may end, if it may begin at `starts`. On bytes: a star never
/// splits a character that the text around it would not split, too.
fn step(part: &Part, text: &[u8], starts: &[bool]) -> Vec<bool> {
    let mut ends = vec![false; starts.len()];
    match part {
        Part::Text(literal) => {
            for (at, _) in starts.iter().enumerate().filter(|(_, start)| **start) {
                if text.get(at..).is_some_and(|rest| rest.starts_with(literal.as_bytes()))
                    && let Some(end) = ends.get_mut(at + literal.len())
                {
                    *end = true;
                }
            }
        }
        Part::Segment | Part::Any => {
            let mut reached = false;
            let bytes = text.iter().zip(starts).zip(ends.iter_mut().skip(1));
            for ((byte, start), end) in bytes {
                reached = (reached || *start) && (*part == Part::Any || *byte != b'/');
                *end = reached;
            }
        }
    }
    ends
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(text)
    }

    #[test]
    fn a_star_covers_one_or_more_characters_of_one_segment() {
        for (pattern, text, fits) in [
            ("acme/*", "acme/app", true),
            ("acme/*", "acme/", false),
            ("acme/*", "acme", false),
            ("acme/*", "acme/a/b", false),
            ("acme/*", "evil-acme/app", false),
            ("acme/*", "Acme/app", false),
            ("acme/*", "xacme/app", false),
            ("*/app", "acme/app", true),
            ("*/app", "/app", false),
            ("*/app", "a/b/app", false),
            ("acme/app-*", "acme/app-1", true),
            ("acme/app-*", "acme/app-", false),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("a*c*e", "abcde", true),
            ("a*c*e", "ace", false),
            ("*", "anything", true),
            ("*", "", false),
            ("refs/heads/main", "refs/heads/main", true),
            ("refs/heads/main", "refs/heads/main2", false),
            ("refs/heads/main", "refs/heads/mai", false),
            ("acme.app", "acmeXapp", false),
            ("a?c", "abc", false),
            ("[a-z]", "a", false),
            ("ä*", "äö", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn two_stars_cross_segments_and_cover_something() {
        assert!(matches("acme/**", "acme/a/b"));
        assert!(!matches("acme/**", "acme/"));
        assert!(matches("refs/**/x", "refs/a/b/x"));
        assert!(!matches("refs/**/x", "refs/x"));
    }

    #[test]
    fn odd_patterns_are_refused() {
        for odd in ["", "***", "a\n", &"*a".repeat(9), &"x".repeat(513)] {
            assert!(Pattern::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn no_text_makes_a_pattern_slow() {
        let pattern = Pattern::parse("**a**a**a**a**a**a**a**b").unwrap();
        assert!(!pattern.matches(&"a".repeat(60_000)));
    }
}
