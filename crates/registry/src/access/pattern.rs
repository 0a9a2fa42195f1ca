//! Which repositories a grant is about.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use oci::RepositoryName;
use serde::{Deserialize, Serialize};

/// Longest pattern, in bytes: names have at most 255.
const MAX_LENGTH: usize = 512;

/// A repository, all below a namespace, or a glob.
///
/// `team/web` is that repository. `team/**` is everything below `team`, and
/// `team/` is another way to write it. `*` stands for any characters but `/`,
/// so `team/*` is one level and `team/app-*` a part of it. `**` alone is
/// everything; it stands only at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    /// Path components before the final `**`.
    components: Vec<String>,
    /// Whether it ends in `**`.
    is_open: bool,
}

/// How near a pattern is to the repositories that it matches: the greater, the nearer.
///
/// A longer path is nearer than a shorter one, an exact path nearer than a
/// glob of the same length, and among globs the one with more plain characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nearness(usize, bool, usize);

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern} is no pattern of repositories: {rule}")]
pub struct PatternError {
    /// Quoted and bounded.
    pattern: String,
    /// What it breaks.
    rule: &'static str,
}

impl Pattern {
    /// Everything.
    pub fn all() -> Self {
        Self { text: "**".into(), components: Vec::new(), is_open: true }
    }

    /// Exactly this repository.
    pub fn exactly(name: &RepositoryName) -> Self {
        let components = name.as_str().split('/').map(str::to_owned).collect();
        Self { text: name.as_str().to_owned(), components, is_open: false }
    }

    /// As it was written, with `team/` spelled out as `team/**`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path before the first component with a `*`: `team` of `team/app-*` and of
    /// `team/**`, all of `team/web`, nothing of `**`. Whatever the pattern matches
    /// is that path or below it.
    pub(super) fn stem(&self) -> &str {
        match self.text.split_once('*') {
            Some((plain, _)) => plain.rsplit_once('/').map_or("", |(stem, _)| stem),
            None => &self.text,
        }
    }

    /// Whether it matches one repository and no other.
    pub(super) fn is_exact(&self) -> bool {
        !self.text.contains('*')
    }

    /// Whether the repository is one of these.
    pub fn matches(&self, name: &RepositoryName) -> bool {
        self.covers(name.as_str().split('/'), false)
    }

    /// Whether everything that `other` can match is matched by this as well.
    /// Cautious: `false` where a `*` on both sides makes it hard to tell.
    pub fn contains(&self, other: &Self) -> bool {
        if other.is_open && !self.is_open {
            return false;
        }
        self.covers(other.components.iter().map(String::as_str), other.is_open)
    }

    /// Whether some repository is matched by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.components, &other.components);
        let meet = mine.iter().zip(theirs).all(|(a, b)| meet(a.as_bytes(), b.as_bytes()));
        meet && match mine.len().cmp(&theirs.len()) {
            // What is below a namespace has more components than the namespace.
            Ordering::Less => self.is_open,
            Ordering::Greater => other.is_open,
            Ordering::Equal => self.is_open == other.is_open,
        }
    }

    fn covers<'a>(&self, path: impl Iterator<Item = &'a str>, path_is_open: bool) -> bool {
        let mut path = path.peekable();
        for component in &self.components {
            match path.next() {
                Some(part) if part_contains(component, part) => {}
                _ => return false,
            }
        }
        match path.peek() {
            Some(_) => self.is_open,
            None => !self.is_open || path_is_open,
        }
    }

    /// How near it is to what it matches.
    pub fn nearness(&self) -> Nearness {
        let plain = self.components.iter().map(|part| part.bytes().filter(|b| *b != b'*').count());
        let length = self.components.len() + usize::from(!self.is_open);
        Nearness(length, self.is_exact(), plain.sum())
    }
}

fn part_contains(pattern: &str, part: &str) -> bool {
    // A `*` of the other side is matched as the plain character that it cannot
    // be: only a `*` of ours takes it.
    glob(pattern.as_bytes(), part.as_bytes())
}

/// Whether some text is matched by both globs. Row by row: `row[j]` says whether the rest of `a`
/// and `b` from `j` on can meet.
fn meet(a: &[u8], b: &[u8]) -> bool {
    let rest_is_stars = |from: usize| b.iter().skip(from).all(|byte| *byte == b'*');
    let mut row: Vec<bool> = (0..=b.len()).map(rest_is_stars).collect();
    for x in a.iter().rev() {
        let mut next = vec![false; b.len() + 1];
        let at = |row: &[bool], j: usize| row.get(j).copied().unwrap_or(false);
        for j in (0..=b.len()).rev() {
            let y = b.get(j);
            let can = if *x == b'*' {
                at(&row, j) || (y.is_some() && at(&next, j + 1))
            } else {
                match y {
                    Some(b'*') => at(&next, j + 1) || at(&row, j),
                    Some(y) => y == x && at(&row, j + 1),
                    None => false,
                }
            };
            if let Some(slot) = next.get_mut(j) {
                *slot = can;
            }
        }
        row = next;
    }
    row.first().copied().unwrap_or(false)
}

/// Matches with backtracking to the last `*` only: linear in practice, and at
/// worst the product of both lengths, which are bounded.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(byte) if text.get(t) == Some(byte) => {
                p += 1;
                t += 1;
            }
            _ => match back {
                Some((star, from)) => {
                    back = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let wrong = |rule| PatternError { pattern: oci::quoted(text), rule };
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(wrong("it must have 1 to 512 characters"));
        }
        let (path, is_open) = match text {
            "**" => ("", true),
            _ => match text.strip_suffix("/**").or_else(|| text.strip_suffix('/')) {
                Some(path) => (path, true),
                None => (text, false),
            },
        };
        let mut components = Vec::new();
        for part in path.split('/').filter(|_| !path.is_empty()) {
            let fits = |b: u8| {
                b.is_ascii_lowercase()
                    || b.is_ascii_digit()
                    || matches!(b, b'.' | b'_' | b'-' | b'*')
            };
            if part.is_empty() {
                return Err(wrong("it has an empty component"));
            }
            if part.contains("**") {
                return Err(wrong("** stands alone and at the end, as in team/**"));
            }
            if !part.bytes().all(fits) {
                return Err(wrong("it may hold a to z, 0 to 9, . _ - / and *"));
            }
            components.push(part.to_owned());
        }
        if path.is_empty() && text != "**" {
            return Err(wrong("it must begin with a name; ** alone is everything"));
        }
        let mut text = path.to_owned();
        if is_open {
            text.push_str(if path.is_empty() { "**" } else { "/**" });
        }
        Ok(Self { text, components, is_open })
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    fn matches(text: &str, name: &str) -> bool {
        pattern(text).matches(&RepositoryName::parse(name).unwrap())
    }

    #[test]
    fn a_path_is_one_repository() {
        assert!(matches("team/web", "team/web"));
        assert!(!matches("team/web", "team/web/x"));
        assert!(!matches("team/web", "team"));
        assert!(!matches("a_b", "axb"));
    }

    #[test]
    fn the_stem_is_all_before_the_first_star() {
        for (text, stem) in [
            ("team/web", "team/web"),
            ("team", "team"),
            ("team/**", "team"),
            ("team/app-*", "team"),
            ("team/a*/web", "team"),
            ("*/web", ""),
            ("a*", ""),
            ("**", ""),
        ] {
            assert_eq!(pattern(text).stem(), stem, "{text}");
            assert_eq!(pattern(text).is_exact(), text == stem, "{text}");
        }
    }

    #[test]
    fn two_stars_are_everything_below() {
        for text in ["team/**", "team/"] {
            assert!(matches(text, "team/web"));
            assert!(matches(text, "team/web/x"));
            assert!(!matches(text, "team"), "the namespace is not below itself");
            assert!(!matches(text, "teamwork/x"));
        }
        assert!(matches("**", "x") && matches("**", "x/y/z"));
    }

    #[test]
    fn one_star_stays_between_slashes() {
        assert!(matches("team/*", "team/web"));
        assert!(!matches("team/*", "team/web/x"));
        assert!(matches("team/app-*", "team/app-1"));
        assert!(!matches("team/app-*", "team/ap"));
        assert!(matches("*/web", "team/web"));
        assert!(matches("*/cache/**", "team/cache/x/y"));
        assert!(matches("a*b*c", "axxbyyc") && !matches("a*b*c", "axxbyy"));
    }

    #[test]
    fn the_nearer_pattern_is_greater() {
        let order = ["**", "team/**", "team/*", "team/app-*", "team/app-1", "team/app/**"];
        let nearness: Vec<_> = order.iter().map(|text| pattern(text).nearness()).collect();
        assert!(pattern("team/web").nearness() > pattern("team/*").nearness());
        assert!(nearness.windows(2).take(4).all(|pair| pair[0] < pair[1]), "{nearness:?}");
        assert!(pattern("a/b/**").nearness() > pattern("a/**").nearness());
    }

    #[test]
    fn a_pattern_contains_those_within_it() {
        for (outer, inner) in [
            ("**", "team/**"),
            ("**", "team/web"),
            ("team/**", "team/web"),
            ("team/**", "team/web/**"),
            ("team/**", "team/*"),
            ("team/**", "team/**"),
            ("team/*", "team/app-*"),
        ] {
            assert!(pattern(outer).contains(&pattern(inner)), "{outer} {inner}");
        }
        for (outer, inner) in [
            ("team/**", "**"),
            ("team/*", "team/**"),
            ("team/web", "team/*"),
            ("team/**", "team"),
            ("team/**", "other/**"),
            ("team/app-*", "team/*"),
            ("team/web/**", "team/**"),
        ] {
            assert!(!pattern(outer).contains(&pattern(inner)), "{outer} {inner}");
        }
    }

    #[test]
    fn patterns_overlap_if_one_name_fits_both() {
        for (one, other) in [
            ("a*", "*secret"),
            ("team/**", "team/web"),
            ("team/**", "**"),
            ("team/*", "*/web"),
            ("team/*/x", "team/web/**"),
            ("team/web", "team/web"),
            ("a*b*c", "*bb*"),
        ] {
            assert!(pattern(one).overlaps(&pattern(other)), "{one} {other}");
            assert!(pattern(other).overlaps(&pattern(one)), "{other} {one}");
        }
        for (one, other) in [
            ("team/**", "team"),
            ("team/*", "team/web/x"),
            ("team/web", "team/app"),
            ("a*", "b*"),
            ("*a", "*b"),
            ("team/**", "other/**"),
            ("team/*", "team/*/**"),
        ] {
            assert!(!pattern(one).overlaps(&pattern(other)), "{one} {other}");
            assert!(!pattern(other).overlaps(&pattern(one)), "{other} {one}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "/", "/a", "a//b", "A", "a b", "**/x", "a/**/b", "a**", "***", "a%", "/**"]
        {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
        assert_eq!(pattern("team/").as_str(), "team/**");
    }
}
