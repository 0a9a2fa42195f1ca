//! Upload ids that prove by themselves that this registry made them.
//!
//! A POST writes nothing, so the id has to carry what a row would: when it was
//! made, which hash was hinted, and for which repository it holds. The form is
//! `<uuid v7>-<hint><tag>`, the tag being a truncated HMAC over the rest and
//! the repository; any replica with the same key can begin the session.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use oci::{Algorithm, RepositoryName};
use sha2::Sha256;
use store::{Clock, Random, Timestamp, UploadId};
use subtle::ConstantTimeEq;
use uuid::Uuid;

const UUID_LENGTH: usize = 36;
const TAG_BYTES: usize = 10;

/// The key behind upload ids; never printed.
#[derive(Clone)]
pub struct UploadKey(Arc<[u8]>);

impl UploadKey {
    /// A key of any length; 32 random bytes are customary.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl std::fmt::Debug for UploadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UploadKey(***)")
    }
}

/// Which hash the client announced for an upload (`digest-algorithm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadHint(pub Algorithm);

impl UploadHint {
    fn letter(self) -> char {
        match self.0 {
            Algorithm::Sha256 => 'a',
            Algorithm::Sha512 => 'b',
        }
    }

    fn of_letter(letter: u8) -> Option<Self> {
        match letter {
            b'a' => Some(Self(Algorithm::Sha256)),
            b'b' => Some(Self(Algorithm::Sha512)),
            _ => None,
        }
    }
}

/// What a genuine id says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdClaims {
    /// When the POST was answered.
    pub started_at: Timestamp,
    /// Which hash was announced.
    pub hint: UploadHint,
    /// Whether a session may still begin under it.
    pub may_begin: bool,
}

/// Makes and checks upload ids.
pub(crate) struct UploadIds {
    key: UploadKey,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    begin_within: Duration,
}

impl UploadIds {
    pub(crate) fn new(
        key: UploadKey,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        begin_within: Duration,
    ) -> Self {
        Self { key, clock, random, begin_within }
    }

    /// A new id for `repository`.
    pub(crate) fn make(&self, repository: &RepositoryName, hint: UploadHint) -> UploadId {
        let mut chance = [0; 10];
        self.random.fill(&mut chance);
        let millis = u64::try_from(self.clock.now().millis()).unwrap_or(0);
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid();
        let head = format!("{}-{}", uuid.hyphenated(), hint.letter());
        let tag = hex(&self.tag(&head, repository));
        UploadId::new(head + &tag)
    }

    /// What `id` says, if this registry made it for `repository`.
    pub(crate) fn check(&self, id: &UploadId, repository: &RepositoryName) -> Option<IdClaims> {
        let (head, tag) = id.as_str().split_at_checked(UUID_LENGTH + 2)?;
        let expected = hex(&self.tag(head, repository));
        if !bool::from(expected.as_bytes().ct_eq(tag.as_bytes())) {
            return None;
        }
        let uuid = Uuid::try_parse(head.get(..UUID_LENGTH)?).ok()?;
        let hint = UploadHint::of_letter(*head.as_bytes().last()?)?;
        let (seconds, nanos) = uuid.get_timestamp()?.to_unix();
        let millis = seconds.checked_mul(1000)?.checked_add(u64::from(nanos / 1_000_000))?;
        let started_at = Timestamp::from_millis(i64::try_from(millis).ok()?);
        let may_begin = self.clock.now() <= started_at.after(self.begin_within);
        Some(IdClaims { started_at, hint, may_begin })
    }

    fn tag(&self, head: &str, repository: &RepositoryName) -> [u8; TAG_BYTES] {
        let mut tag = [0; TAG_BYTES];
        // HMAC takes keys of any length, so this cannot fail.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key.0) {
            mac.update(head.as_bytes());
            mac.update(b"\0");
            mac.update(repository.as_str().as_bytes());
            let full = mac.finalize().into_bytes();
            tag.iter_mut().zip(full).for_each(|(to, from)| *to = from);
        }
        tag
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    struct Fixed(Mutex<Timestamp>);
    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            *self.0.lock()
        }
        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }
    }

    struct Sevens;
    impl Random for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn ids(clock: &Arc<Fixed>, key: &[u8]) -> UploadIds {
        UploadIds::new(
            UploadKey::new(key),
            clock.clone(),
            Arc::new(Sevens),
            Duration::from_secs(60),
        )
    }

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    #[test]
    fn an_id_holds_for_its_repository_key_and_hint_only() {
        let clock = Arc::new(Fixed(Mutex::new(Timestamp::from_millis(1_700_000_000_123))));
        let ours = ids(&clock, b"key");
        let id = ours.make(&name("a/b"), UploadHint(Algorithm::Sha512));
        let claims = ours.check(&id, &name("a/b")).unwrap();
        assert_eq!(claims.started_at, Timestamp::from_millis(1_700_000_000_123));
        assert_eq!(claims.hint, UploadHint(Algorithm::Sha512));
        assert!(claims.may_begin);
        assert_eq!(ours.check(&id, &name("a/c")), None);
        assert_eq!(ids(&clock, b"other").check(&id, &name("a/b")), None);
        let swapped = UploadId::new(id.as_str().replacen("-b", "-a", 1));
        assert_eq!(ours.check(&swapped, &name("a/b")), None);
    }

    #[test]
    fn an_id_cannot_begin_a_session_after_its_time() {
        let clock = Arc::new(Fixed(Mutex::new(Timestamp::from_millis(1_700_000_000_000))));
        let ids = ids(&clock, b"key");
        let id = ids.make(&name("a"), UploadHint(Algorithm::Sha256));
        *clock.0.lock() = Timestamp::from_millis(1_700_000_060_001);
        assert!(!ids.check(&id, &name("a")).unwrap().may_begin);
    }

    #[test]
    fn odd_ids_are_nobody_s() {
        let clock = Arc::new(Fixed(Mutex::new(Timestamp::from_millis(0))));
        let ids = ids(&clock, b"key");
        for text in ["", "x", "é", &"é".repeat(40), "00000000-0000-0000-0000-000000000000-a"] {
            assert_eq!(ids.check(&UploadId::new(text), &name("a")), None, "{text}");
        }
    }
}
