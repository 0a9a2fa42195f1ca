//! What the last part of a manifest URL may be: a tag or a digest, nothing else.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, DigestError};
use crate::tag::{Tag, TagError};

/// A name for a manifest inside one repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// The manifest a tag points to now.
    Tag(Tag),
    /// The manifest with these bytes.
    Digest(Digest),
}

/// Why a text is neither a tag nor a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// No colon, so it was read as a tag.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// A colon, so it was read as a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl Reference {
    /// Reads a digest when `text` contains a colon, a tag when not; no tag contains a colon.
    ///
    /// # Errors
    /// The error of the tag or digest parser.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.contains(':') {
            Ok(Self::Digest(text.parse()?))
        } else {
            Ok(Self::Tag(Tag::parse(text)?))
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_makes_it_a_digest() {
        let digest = Digest::sha256(b"");
        assert_eq!(Reference::parse(&digest.to_string()), Ok(Reference::Digest(digest)));
        assert!(matches!(Reference::parse("latest"), Ok(Reference::Tag(_))));
        assert!(matches!(Reference::parse("latest:"), Err(ReferenceError::Digest(_))));
        assert!(matches!(Reference::parse("../latest"), Err(ReferenceError::Tag(_))));
        assert_eq!(Reference::parse("v1").unwrap().to_string(), "v1");
    }
}
