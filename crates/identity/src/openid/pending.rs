//! A sign-in that has begun: what must still be known when the browser comes back.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::{Random, Timestamp};
use subtle::ConstantTimeEq as _;

use crate::jose::{BASE64URL, parse_object};
use crate::secret::Secret;

/// How long somebody may take to sign in at the provider.
const LIFE: Duration = Duration::from_secs(600);

/// A sign-in that has begun. Belongs to one browser (keep it where only that
/// browser's next request finds it) and is good for one return.
#[derive(Debug, Clone)]
pub struct Pending {
    pub(super) state: Secret,
    pub(super) nonce: Secret,
    pub(super) verifier: Secret,
    pub(super) redirect: String,
    began: Timestamp,
}

impl Pending {
    pub(super) fn begin(redirect: &str, now: Timestamp, random: &dyn Random) -> Self {
        let secret = || {
            let mut bytes = [0; 32];
            random.fill(&mut bytes);
            Secret::new(BASE64URL.encode(bytes))
        };
        let (state, nonce, verifier) = (secret(), secret(), secret());
        Self { state, nonce, verifier, redirect: redirect.to_owned(), began: now }
    }

    /// What the provider is told of the verifier, so that a stolen code is worth nothing.
    pub(super) fn challenge(&self) -> String {
        BASE64URL.encode(Sha256::digest(self.verifier.reveal()))
    }

    /// Whether a return with `state` at `now` ends this sign-in.
    pub(super) fn fits(&self, state: &str, now: Timestamp) -> bool {
        let same = self.state.reveal().as_bytes().ct_eq(state.as_bytes());
        bool::from(same) && now >= self.began && now < self.began.after(LIFE)
    }

    /// Its `state` parameter: what a kept sign-in is found by.
    pub fn state(&self) -> &str {
        self.state.reveal()
    }

    /// The form to keep it in: a secret of the browser that began.
    pub fn to_secret(&self) -> Secret {
        let pending = json!({
            "version": 1,
            "state": self.state.reveal(),
            "nonce": self.nonce.reveal(),
            "verifier": self.verifier.reveal(),
            "redirect": self.redirect,
            "began": self.began.millis(),
        });
        Secret::new(pending.to_string())
    }

    /// Reads the kept form; `None` if it is damaged.
    pub fn from_secret(kept: &Secret) -> Option<Self> {
        let kept = parse_object(kept.reveal().as_bytes())?;
        let text = |name: &str| kept.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
        if kept.get("version").and_then(Value::as_u64) != Some(1) {
            return None;
        }
        Some(Self {
            state: Secret::new(text("state")?),
            nonce: Secret::new(text("nonce")?),
            verifier: Secret::new(text("verifier")?),
            redirect: text("redirect")?.to_owned(),
            began: Timestamp::from_millis(kept.get("began")?.as_i64()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::START;
    use store::OsRandom;

    #[test]
    fn only_the_own_state_within_ten_minutes_fits() {
        let pending = Pending::begin("https://r/cb", START, &OsRandom);
        let other = Pending::begin("https://r/cb", START, &OsRandom);
        let state = pending.state().to_owned();
        assert!(pending.fits(&state, START));
        assert!(pending.fits(&state, START.after(LIFE - Duration::from_millis(1))));
        assert!(!pending.fits(&state, START.after(LIFE)));
        assert!(!pending.fits(&state, START.before(Duration::from_millis(1))));
        assert!(!pending.fits(other.state(), START));
        assert!(!pending.fits("", START));
    }

    #[test]
    fn what_was_kept_is_read_back() {
        let pending = Pending::begin("https://r/cb", START, &OsRandom);
        let kept = pending.to_secret();
        let read = Pending::from_secret(&kept).unwrap();
        assert_eq!(read.to_secret().reveal(), kept.reveal());
        assert!(!format!("{pending:?}").contains(pending.verifier.reveal()));
        for end in 0..kept.reveal().len() {
            assert!(Pending::from_secret(&Secret::new(&kept.reveal()[..end])).is_none());
        }
    }

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636() {
        let mut pending = Pending::begin("https://r/cb", START, &OsRandom);
        pending.verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(pending.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
