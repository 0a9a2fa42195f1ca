//! Digests as the protocol writes them: algorithm, colon, lower-case hex.

use sha2::{Digest as _, Sha256, Sha512};
use std::fmt::Write as _;

/// The digest of no bytes at all.
pub(crate) const EMPTY_SHA256: &str =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

pub(crate) fn sha512(bytes: &[u8]) -> String {
    format!("sha512:{}", hex(&Sha512::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_digest_is_the_digest_of_nothing() {
        assert_eq!(sha256(b""), EMPTY_SHA256);
        assert_eq!(sha512(b"").len(), "sha512:".len() + 128);
    }
}
