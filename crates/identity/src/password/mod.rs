//! Passwords and what is stored of them.
//!
//! New ones become Argon2id. Old files bring other kinds: bcrypt and the
//! SHA-crypt of Unix are verified, too; kinds that a graphics card tries by the
//! billion are refused with a text that says what to do. A stored hash names
//! its own cost, and whoever can write one must not be able to stop the
//! server with it: every cost has a bound.

mod argon;
mod dummy;

use std::fmt;

use store::Random;
use thiserror::Error;

pub use dummy::dummy;

/// Longest password that is looked at, in bytes.
pub const MAX_PASSWORD: usize = 1024;
/// Largest bcrypt cost: some 4 s on one core.
const MAX_BCRYPT_COST: u32 = 16;
/// Most rounds of SHA-crypt: some 0.5 s on one core.
const MAX_SHA_ROUNDS: u32 = 1_000_000;

/// What kind of hash a stored text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `$2a$`, `$2b$`, `$2x$`, `$2y$`.
    Bcrypt,
    /// `$argon2id$`, `$argon2i$`, `$argon2d$`.
    Argon2,
    /// `$5$` (SHA-256) and `$6$` (SHA-512) of crypt(3).
    ShaCrypt,
    /// A kind that is too cheap to guess, or unknown; its name.
    Unsupported(&'static str),
}

/// The kind of the stored text `hash`, told from its beginning.
pub fn kind(hash: &str) -> Kind {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| hash.starts_with(prefix));
    if starts(&["$2a$", "$2b$", "$2x$", "$2y$"]) {
        Kind::Bcrypt
    } else if starts(&["$argon2id$", "$argon2i$", "$argon2d$"]) {
        Kind::Argon2
    } else if starts(&["$5$", "$6$"]) {
        Kind::ShaCrypt
    } else if starts(&["$apr1$", "$1$"]) {
        Kind::Unsupported("MD5")
    } else if starts(&["{SHA}", "{SSHA}"]) {
        Kind::Unsupported("SHA-1")
    } else if starts(&["$y$", "$gy$", "$7$"]) {
        Kind::Unsupported("yescrypt")
    } else if hash.starts_with('$') || hash.starts_with('{') {
        Kind::Unsupported("unknown")
    } else if hash.len() == 13 && hash.bytes().all(is_crypt) {
        Kind::Unsupported("crypt")
    } else {
        Kind::Unsupported("plain text")
    }
}

fn is_crypt(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/'
}

/// What a comparison said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Right,
    /// It is not.
    Wrong,
    /// The kind of hash is not accepted; what to do about it.
    Unsupported(String),
    /// The hash is damaged or names a cost beyond the bounds; which.
    Unusable(String),
}

impl Verdict {
    /// Whether it is the password.
    pub fn is_right(&self) -> bool {
        matches!(self, Self::Right)
    }

    fn of(right: bool) -> Self {
        if right { Self::Right } else { Self::Wrong }
    }
}

/// Why no hash could be made.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum HashError {
    /// The password is longer than [`MAX_PASSWORD`].
    #[error("a password may have at most {MAX_PASSWORD} bytes")]
    TooLong,
    /// Argon2 got no memory.
    #[error("there is not enough memory to hash a password")]
    OutOfMemory,
}

/// What a new hash costs whoever computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// KiB of memory, from 8.
    pub memory: u32,
    /// How often it is gone through, from 1.
    pub passes: u32,
}

impl Default for Cost {
    /// 19 MiB and two passes: some 20 ms of one core.
    fn default() -> Self {
        Self { memory: argon2::Params::DEFAULT_M_COST, passes: argon2::Params::DEFAULT_T_COST }
    }
}

/// The Argon2id hash of `password` in PHC form at this `cost`, with a salt from
/// `random`. Takes its time: see [`crate::Hashers`].
pub fn hash(password: &[u8], cost: Cost, random: &dyn Random) -> Result<String, HashError> {
    if password.len() > MAX_PASSWORD {
        return Err(HashError::TooLong);
    }
    argon::hash(password, cost, random)
}

/// A hash that no password is right for and that costs as much as a new one.
pub(crate) fn nothing(cost: Cost) -> String {
    argon::nothing(cost)
}

/// Whether `password` is the one that `hash` was made of. Takes as long as the
/// hash says, within bounds: see [`crate::Hashers`].
pub fn verify(hash: &str, password: &[u8]) -> Verdict {
    if let Some(problem) = problem(hash) {
        return problem;
    }
    if password.len() > MAX_PASSWORD {
        return Verdict::Wrong;
    }
    match kind(hash) {
        Kind::Bcrypt => match bcrypt::verify(password, hash) {
            Ok(right) => Verdict::of(right),
            Err(error) => Verdict::Unusable(format!("bcrypt: {error}")),
        },
        Kind::Argon2 => argon::verify(hash, password),
        Kind::ShaCrypt => sha_crypt(hash, password),
        Kind::Unsupported(kind) => unsupported(kind),
    }
}

/// What keeps `hash` from ever being right, found without computing it:
/// [`Verdict::Unsupported`], [`Verdict::Unusable`], or nothing.
pub fn problem(hash: &str) -> Option<Verdict> {
    match kind(hash) {
        Kind::Bcrypt => bcrypt_problem(hash),
        Kind::Argon2 => argon::parse(hash).err().map(Verdict::Unusable),
        Kind::ShaCrypt => sha_rounds(hash).err().map(Verdict::Unusable),
        Kind::Unsupported(kind) => Some(unsupported(kind)),
    }
}

fn unsupported(kind: &str) -> Verdict {
    Verdict::Unsupported(format!(
        "{kind} is not accepted as a stored password; make a bcrypt line with \
         `berth htpasswd -Bbn USER PASSWORD` or `htpasswd -B`"
    ))
}

fn bcrypt_problem(hash: &str) -> Option<Verdict> {
    let cost = hash.get(4..6).and_then(|cost| cost.parse::<u32>().ok());
    match cost {
        Some(4..=MAX_BCRYPT_COST) if hash.len() == 60 => None,
        Some(cost) if cost > MAX_BCRYPT_COST => Some(Verdict::Unusable(format!(
            "bcrypt: cost {cost} is above {MAX_BCRYPT_COST}; one login would take too long"
        ))),
        _ => Some(Verdict::Unusable("bcrypt: the hash is damaged".to_owned())),
    }
}

/// How many rounds the hash asks for.
fn sha_rounds(hash: &str) -> Result<u32, String> {
    let rounds = match hash.split('$').nth(2).and_then(|field| field.strip_prefix("rounds=")) {
        None => sha_crypt::Params::RECOMMENDED_ROUNDS,
        Some(rounds) => rounds.parse().map_err(|_| "SHA-crypt: the rounds are no number")?,
    };
    if !(sha_crypt::Params::ROUNDS_MIN..=MAX_SHA_ROUNDS).contains(&rounds) {
        return Err(format!(
            "SHA-crypt: {rounds} rounds are not between 1000 and {MAX_SHA_ROUNDS}"
        ));
    }
    Ok(rounds)
}

fn sha_crypt(hash: &str, password: &[u8]) -> Verdict {
    use sha_crypt::password_hash::{Error, PasswordVerifier as _};
    match sha_crypt::ShaCrypt::default().verify_password(password, hash) {
        Ok(()) => Verdict::Right,
        Err(Error::PasswordInvalid) => Verdict::Wrong,
        Err(_) => Verdict::Unusable("SHA-crypt: the hash is damaged".to_owned()),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bcrypt => "bcrypt",
            Self::Argon2 => "Argon2",
            Self::ShaCrypt => "SHA-crypt",
            Self::Unsupported(kind) => kind,
        })
    }
}

#[cfg(test)]
mod tests;
