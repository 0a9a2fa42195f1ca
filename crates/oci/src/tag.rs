//! Tags: the movable names of manifests.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::quote::quoted;

/// Longest tag in bytes.
const MAX_LENGTH: usize = 128;

/// A checked tag such as `v1.2`: a letter, digit or `_`, then up to 127 of these, `.` and `-`.
/// Cheap to clone, ordered by bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Arc<str>);

/// Why a text is not a tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid tag {value}: {rule}")]
pub struct TagError {
    /// The text, quoted and bounded.
    pub value: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl Tag {
    /// Checks `text` against the grammar.
    ///
    /// # Errors
    /// Names the rule that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let rule = match text.as_bytes() {
            [] => "it must not be empty",
            bytes if bytes.len() > MAX_LENGTH => "a tag has at most 128 characters",
            [first, ..] if !word(*first) => "it must start with a letter, a digit or '_'",
            [_, rest @ ..] if !rest.iter().all(|b| word(*b) || matches!(b, b'.' | b'-')) => {
                "it may only contain letters, digits, '_', '.' and '-'"
            }
            _ => return Ok(Self(text.into())),
        };
        Err(TagError { value: quoted(text), rule })
    }

    /// The tag under which clients keep the referrers of `subject` on registries without the
    /// referrers API: `<algorithm>-<hex>`, the hex cut to 64 digits, so a sha512 loses its half.
    #[must_use]
    pub fn referrers_fallback(subject: &Digest) -> Self {
        Self(format!("{}-{:.64}", subject.algorithm(), subject.hex()).into())
    }

    /// The tag as it stands in a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Tag {
    type Error = TagError;

    fn try_from(text: String) -> Result<Self, TagError> {
        Self::parse(&text)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.as_str().to_owned()
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::Algorithm;

    #[test]
    fn broken_tags_are_refused() {
        let too_long = "a".repeat(129);
        for tag in
            ["", ".a", "-a", "a b", "a/b", "a:b", "a@b", "a+b", "..", "é", "a\0", "a%2f", &too_long]
        {
            assert!(Tag::parse(tag).is_err(), "{tag:?}");
        }
        let error = Tag::parse("-a").unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid tag \"-a\": it must start with a letter, a digit or '_'"
        );
    }

    #[test]
    fn the_fallback_tag_keeps_64_hex_digits() {
        let sha256 = Digest::sha256(b"");
        assert_eq!(Tag::referrers_fallback(&sha256).as_str(), format!("sha256-{}", sha256.hex()));
        let sha512 = Digest::of(Algorithm::Sha512, b"");
        let tag = Tag::referrers_fallback(&sha512);
        assert_eq!(tag.as_str(), format!("sha512-{}", &sha512.hex()[..64]));
        assert_eq!(Tag::parse(tag.as_str()), Ok(tag));
    }

    proptest! {
        #[test]
        fn tags_of_the_grammar_round_trip(text in "[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}") {
            let tag = Tag::parse(&text).unwrap();
            let json = serde_json::to_string(&tag).unwrap();
            prop_assert_eq!(serde_json::from_str::<Tag>(&json).unwrap(), tag);
        }
    }
}
