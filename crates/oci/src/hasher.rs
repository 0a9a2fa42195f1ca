//! Hashing that survives the end of a request: the state between two chunks of an upload can be
//! saved, so the closing request need not read the upload again.

use sha2::Digest as _;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};

use crate::digest::{Algorithm, Digest};

/// First byte of a saved state. A new layout takes a new number; old numbers are then refused.
const VERSION: u8 = 1;

/// An unfinished hash.
#[derive(Clone, Debug)]
pub struct Hasher(State);

#[derive(Clone, Debug)]
enum State {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// A hash of nothing yet.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of everything taken in.
    #[must_use]
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => Digest::from_sha256(state.finalize().into()),
            State::Sha512(state) => Digest::from_sha512(state.finalize().into()),
        }
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            State::Sha256(_) => Algorithm::Sha256,
            State::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The state as bytes: version, algorithm, 104 or 208 bytes of state, check sum. It reveals
    /// the last, unfinished block of the content; keep it where the content itself may be kept.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut saved = vec![VERSION, self.algorithm().to_byte()];
        match &self.0 {
            State::Sha256(state) => saved.extend_from_slice(&state.serialize()),
            State::Sha512(state) => saved.extend_from_slice(&state.serialize()),
        }
        saved.extend_from_slice(&check_sum(&saved));
        saved
    }

    /// The hash that [`Hasher::save`] wrote; `None` for another version, another length or
    /// bytes that were damaged since.
    #[must_use]
    pub fn restore(saved: &[u8]) -> Option<Self> {
        let (body, sum) = saved.split_last_chunk()?;
        let (&[version, algorithm], state) = body.split_first_chunk()?;
        if version != VERSION || *sum != check_sum(body) {
            return None;
        }
        Some(Self(match Algorithm::from_byte(algorithm)? {
            Algorithm::Sha256 => State::Sha256(deserialize(state)?),
            Algorithm::Sha512 => State::Sha512(deserialize(state)?),
        }))
    }
}

/// Guards against damaged rows, not against forgers: a wrong block count in a state overflows
/// inside the hash, and any other wrong byte would blame the client for a digest mismatch.
fn check_sum(body: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = <[u8; 32]>::from(sha2::Sha256::digest(body));
    [a, b, c, d]
}

fn deserialize<T: SerializableState>(state: &[u8]) -> Option<T> {
    let state: &SerializedState<T> = state.try_into().ok()?;
    T::deserialize(state).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];

    #[test]
    fn a_saved_hash_goes_on_at_every_length_around_the_block_sizes() {
        let content: Vec<u8> = (0..=255).cycle().take(600).collect();
        for algorithm in BOTH {
            for cut in (0..=300).chain([511, 512, 513, 599]) {
                let (head, tail) = content.split_at(cut);
                let mut hasher = Hasher::new(algorithm);
                hasher.update(head);
                let mut restored = Hasher::restore(&hasher.save()).unwrap();
                restored.update(tail);
                assert_eq!(restored.finish(), Digest::of(algorithm, &content), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_clone_goes_its_own_way() {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(b"a");
        let clone = hasher.clone();
        hasher.update(b"b");
        assert_eq!(clone.finish(), Digest::sha256(b"a"));
        assert_eq!(hasher.finish(), Digest::sha256(b"ab"));
    }

    /// A saved state whose body was changed by someone who knows the check sum.
    fn sealed(body: &[u8]) -> Vec<u8> {
        [body, &check_sum(body)].concat()
    }

    #[test]
    fn foreign_states_are_refused() {
        for algorithm in BOTH {
            let saved = Hasher::new(algorithm).save();
            let body = &saved[..saved.len() - 4];
            assert_eq!(sealed(body), saved);
            assert!(Hasher::restore(&sealed(&body[..body.len() - 1])).is_none());
            assert!(Hasher::restore(&sealed(&[body, b"x"].concat())).is_none());
            assert!(Hasher::restore(&sealed(&[&[VERSION + 1], &body[1..]].concat())).is_none());
            assert!(
                Hasher::restore(&sealed(&[&[VERSION, 3 - body[1]], &body[2..]].concat())).is_none()
            );
            assert!(Hasher::restore(&sealed(&[&[VERSION, 9], &body[2..]].concat())).is_none());
        }
        assert!(Hasher::restore(&[]).is_none());
    }

    #[test]
    fn a_damaged_byte_anywhere_is_noticed() {
        for algorithm in BOTH {
            let saved = Hasher::new(algorithm).save();
            for index in 0..saved.len() {
                let mut damaged = saved.clone();
                damaged[index] ^= 0x80;
                assert!(Hasher::restore(&damaged).is_none(), "byte {index}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_split_of_any_content_hashes_the_same(parts: Vec<Vec<u8>>, wide: bool) {
            let algorithm = if wide { Algorithm::Sha512 } else { Algorithm::Sha256 };
            let mut hasher = Hasher::new(algorithm);
            for part in &parts {
                hasher.update(part);
                hasher = Hasher::restore(&hasher.save()).unwrap();
            }
            prop_assert_eq!(hasher.finish(), Digest::of(algorithm, &parts.concat()));
        }

        #[test]
        fn garbage_is_no_state(garbage: Vec<u8>) {
            prop_assert!(Hasher::restore(&garbage).is_none());
        }
    }
}
