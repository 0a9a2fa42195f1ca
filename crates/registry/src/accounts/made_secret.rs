//! Secrets that Berth makes: 256 bits with a name in front and a checksum
//! behind, so that scanners of code and logs find those that leaked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crc_fast::{CrcAlgorithm, checksum};
use identity::Secret;
use sha2::{Digest as _, Sha256};
use store::{Random, SecretHash};
use subtle::ConstantTimeEq as _;

/// Characters after the prefix: 32 bytes of chance, then 4 of checksum.
const BODY: usize = 43;
const CHECK: usize = 6;
/// What begins the stored form of a random secret.
const STORED: &str = "sha256:";
/// What is read in its place where nothing is stored: 32 bytes of zero.
const NOTHING: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What a made secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// A personal access token.
    Personal,
    /// What a client keeps after a login.
    Refresh,
    /// A robot's secret.
    Robot,
    /// What makes the first administrator.
    Setup,
}

impl Made {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Personal => "bpat_",
            Self::Refresh => "bref_",
            Self::Robot => "brob_",
            Self::Setup => "bset_",
        }
    }

    /// A new one.
    pub(super) fn make(self, random: &dyn Random) -> Secret {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        let mut text = self.prefix().to_owned();
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        let check = check(&text);
        text.push_str(&check);
        Secret::new(text)
    }

    /// Whether `text` can be one: cheap, and no look-up.
    pub(super) fn fits(self, text: &str) -> bool {
        let Some(body) = text.strip_prefix(self.prefix()) else { return false };
        let Some((_, given)) = body.split_at_checked(BODY) else { return false };
        let named = text.get(..self.prefix().len() + BODY);
        given.len() == CHECK && named.is_some_and(|named| check(named) == given)
    }
}

fn check(text: &str) -> String {
    // A CRC-32 has no more bits.
    let crc = u32::try_from(checksum(CrcAlgorithm::Crc32IsoHdlc, text.as_bytes()));
    URL_SAFE_NO_PAD.encode(crc.unwrap_or_default().to_be_bytes())
}

/// What is stored of a made secret, and looked up.
pub(super) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// What is stored of a made secret with its account.
pub(super) fn stored(secret: &Secret) -> SecretHash {
    SecretHash(format!("{STORED}{}", URL_SAFE_NO_PAD.encode(digest(secret.reveal()))))
}

/// Whether `secret` is the one that `stored` was made of. Takes as long for
/// nothing stored as for a wrong secret.
pub(super) fn is_right(secret: &str, stored: Option<&SecretHash>) -> bool {
    let known = stored.and_then(|hash| hash.0.strip_prefix(STORED));
    let bytes = URL_SAFE_NO_PAD.decode(known.unwrap_or(NOTHING)).ok();
    let given = digest(secret);
    let is_same = given.ct_eq(bytes.as_deref().unwrap_or(&[0; 32]));
    (known.is_some() && bytes.is_some()) & bool::from(is_same)
}

#[cfg(test)]
mod tests {
    use testkit::SeededRandom;

    use super::*;

    #[test]
    fn a_made_secret_is_recognised_by_its_form_and_a_typo_is_not() {
        let secret = Made::Personal.make(&SeededRandom::new(1));
        let text = secret.reveal();
        assert_eq!(text.len(), "bpat_".len() + 49, "{text}");
        assert!(Made::Personal.fits(text));
        assert!(!Made::Refresh.fits(text));
        assert!(!Made::Personal.fits(&text[..text.len() - 1]));
        assert!(!Made::Personal.fits(&format!("{text}A")));
        let typo = text.replacen(&text[10..11], if &text[10..11] == "A" { "B" } else { "A" }, 1);
        assert!(!Made::Personal.fits(&typo));
        assert!(!Made::Personal.fits("bpat_") && !Made::Personal.fits("bpat_ä".repeat(9).as_str()));
    }

    #[test]
    fn only_the_secret_itself_is_right() {
        let secret = Made::Robot.make(&SeededRandom::new(2));
        let stored = stored(&secret);
        assert!(is_right(secret.reveal(), Some(&stored)));
        assert!(!is_right("", Some(&stored)));
        assert!(!is_right(secret.reveal(), None));
        assert!(!is_right(secret.reveal(), Some(&SecretHash("sha256:".into()))));
        assert!(!is_right(&stored.0, Some(&stored)), "the stored form is no secret");
    }
}
