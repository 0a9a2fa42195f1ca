//! Content addresses. A [`Digest`] exists only when its text was checked or its bytes were hashed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::hasher::Hasher;
use crate::quote::quoted;

/// Longest digest text that is looked at; sha512 needs 135 bytes.
const MAX_LENGTH: usize = 512;

/// A hash algorithm that content may be addressed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, which every client knows.
    Sha256,
    /// SHA-512, optional in the specification.
    Sha512,
}

impl Algorithm {
    /// The name before the colon of a digest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The byte that stands for the algorithm in columns and saved hash states. Never renumber.
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }

    /// The reverse of [`Algorithm::to_byte`].
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Sha256),
            2 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Bytes in a raw digest of this algorithm.
    fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            other if is_algorithm(other) => {
                Err(DigestError::UnsupportedAlgorithm { algorithm: quoted(other) })
            }
            other => Err(malformed(other, "the algorithm must be lower-case letters and digits")),
        }
    }
}

/// Why a text is not a digest this registry can address content by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The text is no digest under any algorithm.
    #[error("invalid digest {value}: {rule}")]
    Malformed {
        /// The text, quoted and bounded.
        value: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The grammar is fine; the algorithm is not one that is computed here.
    #[error("unsupported digest algorithm {algorithm}: use sha256 or sha512")]
    UnsupportedAlgorithm {
        /// The algorithm, quoted and bounded.
        algorithm: String,
    },
}

/// A checked content address: an algorithm and the raw hash. Displays as `sha256:<hex>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(Raw);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Raw {
    Sha256([u8; 32]),
    Sha512([u8; 64]),
}

impl Digest {
    /// Hashes `content`.
    #[must_use]
    pub fn of(algorithm: Algorithm, content: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(content);
        hasher.finish()
    }

    /// Hashes `content` with SHA-256.
    #[must_use]
    pub fn sha256(content: &[u8]) -> Self {
        Self::of(Algorithm::Sha256, content)
    }

    /// A digest from its raw hash; `None` when the length does not fit the algorithm.
    #[must_use]
    pub fn from_raw(algorithm: Algorithm, raw: &[u8]) -> Option<Self> {
        let raw = match algorithm {
            Algorithm::Sha256 => Raw::Sha256(raw.try_into().ok()?),
            Algorithm::Sha512 => Raw::Sha512(raw.try_into().ok()?),
        };
        Some(Self(raw))
    }

    pub(crate) fn from_sha256(raw: [u8; 32]) -> Self {
        Self(Raw::Sha256(raw))
    }

    pub(crate) fn from_sha512(raw: [u8; 64]) -> Self {
        Self(Raw::Sha512(raw))
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Raw::Sha256(_) => Algorithm::Sha256,
            Raw::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The raw hash: 32 bytes for sha256, 64 for sha512.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Raw::Sha256(raw) => raw,
            Raw::Sha512(raw) => raw,
        }
    }

    /// The part after the colon: lower-case hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        let mut hex = String::with_capacity(2 * self.as_bytes().len());
        for byte in self.as_bytes() {
            hex.push(hex_digit(byte >> 4));
            hex.push(hex_digit(byte & 15));
        }
        hex
    }

    /// The form a database column holds: one byte for the algorithm, then the raw hash.
    #[must_use]
    pub fn to_column(&self) -> Vec<u8> {
        let mut column = Vec::with_capacity(1 + self.as_bytes().len());
        column.push(self.algorithm().to_byte());
        column.extend_from_slice(self.as_bytes());
        column
    }

    /// The reverse of [`Digest::to_column`]; `None` for anything that it does not write.
    #[must_use]
    pub fn from_column(column: &[u8]) -> Option<Self> {
        let (algorithm, raw) = column.split_first()?;
        Self::from_raw(Algorithm::from_byte(*algorithm)?, raw)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every answer about content shows a digest; the formatting machinery would cost more
        // than the digits.
        f.write_str(self.algorithm().as_str())?;
        f.write_str(":")?;
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        if text.len() > MAX_LENGTH {
            return Err(malformed(text, "a digest has at most 512 bytes"));
        }
        let Some((algorithm, encoded)) = text.split_once(':') else {
            return Err(malformed(text, "it must be <algorithm>:<encoded>, such as sha256:<hex>"));
        };
        if !is_algorithm(algorithm) {
            return Err(malformed(text, "the algorithm must be lower-case letters and digits"));
        }
        if !is_encoded(encoded) {
            return Err(malformed(text, "the part after the colon must be letters and digits"));
        }
        let algorithm: Algorithm = algorithm.parse()?;
        let rule = match algorithm {
            Algorithm::Sha256 => "sha256 has exactly 64 lower-case hexadecimal digits",
            Algorithm::Sha512 => "sha512 has exactly 128 lower-case hexadecimal digits",
        };
        unhex(encoded, algorithm.length())
            .and_then(|raw| Self::from_raw(algorithm, &raw))
            .ok_or_else(|| malformed(text, rule))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

fn malformed(value: &str, rule: &'static str) -> DigestError {
    DigestError::Malformed { value: quoted(value), rule }
}

/// Components of `[a-z0-9]+` joined by one of `+`, `.`, `_`, `-`.
fn is_algorithm(text: &str) -> bool {
    text.split(['+', '.', '_', '-']).all(|part| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// `[a-zA-Z0-9=_-]+`, which every registered algorithm narrows further.
fn is_encoded(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-'))
}

fn hex_digit(nibble: u8) -> char {
    char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 })
}

/// Raw bytes of exactly `2 * length` lower-case hexadecimal digits.
fn unhex(text: &str, length: usize) -> Option<Vec<u8>> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != length {
        return None;
    }
    let mut raw = Vec::with_capacity(length);
    for [high, low] in pairs {
        raw.push(nibble(*high)? << 4 | nibble(*low)?);
    }
    Some(raw)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn hashing_nothing_gives_the_published_digests() {
        assert_eq!(Digest::sha256(b"").to_string(), EMPTY);
        let sha512 = Digest::of(Algorithm::Sha512, b"abc");
        assert!(sha512.to_string().starts_with("sha512:ddaf35a193617abacc417349ae204131"));
    }

    #[test]
    fn malformed_digests_are_told_apart_from_unknown_algorithms() {
        let hex = "a".repeat(64);
        for text in [
            String::new(),
            "sha256".into(),
            "sha256:".into(),
            ":abc".into(),
            format!("sha256:{}", "a".repeat(63)),
            format!("sha256:{}", "a".repeat(65)),
            format!("sha256:{}", "A".repeat(64)),
            format!("sha256:{}", "g".repeat(64)),
            format!("sha512:{hex}"),
            format!("SHA256:{hex}"),
            format!("sha256::{hex}"),
            format!("sha256+:{hex}"),
            format!("sha256:{hex}\n"),
            format!("sha256:../{hex}"),
            format!("sha256:%2e%2e{hex}"),
            format!("sha256:{}", "é".repeat(32)),
            format!("blake3:{}", "a".repeat(1000)),
        ] {
            let error = text.parse::<Digest>().unwrap_err();
            assert!(matches!(error, DigestError::Malformed { .. }), "{text:?}: {error}");
            assert!(error.to_string().chars().count() < 300);
        }
        for text in [format!("blake3:{hex}"), "md5+b64u:ab_=-".into(), "sha384:00".into()] {
            let error = text.parse::<Digest>().unwrap_err();
            assert!(matches!(error, DigestError::UnsupportedAlgorithm { .. }), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_refusal_names_value_and_rule() {
        let error = "sha256:ABC".parse::<Digest>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid digest \"sha256:ABC\": sha256 has exactly 64 lower-case hexadecimal digits"
        );
    }

    #[test]
    fn columns_of_another_shape_are_no_digest() {
        for column in [&[][..], &[1], &[1; 32], &[1; 34], &[2; 33], &[0; 33], &[3; 65]] {
            assert_eq!(Digest::from_column(column), None, "{column:?}");
        }
    }

    #[test]
    fn json_holds_the_text_form() {
        let digest: Digest = EMPTY.parse().unwrap();
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(json, format!("\"{EMPTY}\""));
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"sha256:00\"").is_err());
    }

    proptest! {
        #[test]
        fn text_column_and_raw_forms_round_trip(content: Vec<u8>, wide: bool) {
            let algorithm = if wide { Algorithm::Sha512 } else { Algorithm::Sha256 };
            let digest = Digest::of(algorithm, &content);
            prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            prop_assert_eq!(Digest::from_column(&digest.to_column()), Some(digest));
            prop_assert_eq!(Digest::from_raw(algorithm, digest.as_bytes()), Some(digest));
        }

        #[test]
        fn whatever_parses_displays_as_it_was(text in "(sha(256|512|1)|[a-z+.]{0,8}):[a-f0-9]{60,130}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }
    }
}
