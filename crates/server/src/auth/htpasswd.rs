//! Users in an htpasswd file, as the original reads it: bcrypt only.
//!
//! Three things the original does not do: a verified password is remembered,
//! so that a push does not cost a hash per request; unknown users take as long
//! as known ones; and one bad line does not lock everybody out. The file is
//! read again when it changes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use registry::access::{AuthenticationError, Authenticator, Caller, Credentials};
use sha2::{Digest as _, Sha256};
use store::{Clock, Random};
use tokio::sync::Semaphore;

/// How long a verified password is remembered.
const REMEMBER: Duration = Duration::from_secs(60);
/// Verified passwords remembered at once.
const MAX_REMEMBERED: usize = 10_000;
/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Verifications at once; more wait.
const VERIFIERS: usize = 2;
/// Verifications that may wait before clients are told to come back.
const MAX_WAITING: usize = 256;
/// Largest file, in bytes.
const MAX_FILE: u64 = 16 << 20;
/// bcrypt looks at no more.
const MAX_PASSWORD: usize = 1024;

/// Compared with when a user is unknown: a hash of nothing anybody knows, at
/// the customary cost.
const DUMMY: &str = "$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// Accounts in an htpasswd file.
pub struct Htpasswd {
    path: PathBuf,
    challenge: String,
    clock: Arc<dyn Clock>,
    /// Makes remembered entries worthless outside this process.
    pepper: [u8; 32],
    accounts: Mutex<Accounts>,
    remembered: Mutex<HashMap<[u8; 32], Duration>>,
    verifiers: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

#[derive(Default)]
struct Accounts {
    hashes: Arc<HashMap<String, String>>,
    seen: Option<(std::time::SystemTime, u64)>,
    looked_at: Option<Duration>,
}

impl Htpasswd {
    /// Accounts in the file at `path`, which need not exist yet. `realm` is
    /// shown to users who must sign in.
    pub fn new(path: PathBuf, realm: &str, clock: Arc<dyn Clock>, random: &dyn Random) -> Self {
        let mut pepper = [0; 32];
        random.fill(&mut pepper);
        let realm = realm.replace(['"', '\\'], "");
        Self {
            path,
            challenge: format!("Basic realm=\"{realm}\""),
            clock,
            pepper,
            accounts: Mutex::default(),
            remembered: Mutex::default(),
            verifiers: Arc::new(Semaphore::new(VERIFIERS)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }

    /// The hashes by user, read again if the file has changed.
    fn hashes(&self) -> Result<Arc<HashMap<String, String>>, AuthenticationError> {
        let now = self.clock.elapsed();
        let mut accounts = self.accounts.lock();
        if accounts.looked_at.is_some_and(|at| now.saturating_sub(at) < LOOK_EVERY) {
            return Ok(accounts.hashes.clone());
        }
        let seen = stamp(&self.path).map_err(|e| self.unavailable(&e))?;
        if accounts.seen != Some(seen) {
            let bytes = std::fs::read(&self.path).map_err(|e| self.unavailable(&e))?;
            // A line that is no text is a bad line like others.
            accounts.hashes = Arc::new(parse(&String::from_utf8_lossy(&bytes)));
            accounts.seen = Some(seen);
        }
        accounts.looked_at = Some(now);
        Ok(accounts.hashes.clone())
    }

    fn unavailable(&self, error: &std::io::Error) -> AuthenticationError {
        AuthenticationError::Unavailable(format!("{}: {error}", self.path.display()))
    }

    async fn verify(&self, user: &str, password: &str) -> Result<(), AuthenticationError> {
        let hashes = self.hashes()?;
        let known = hashes.get(user);
        let hash = known.cloned().unwrap_or_else(|| dummy(&hashes));
        // The stored hash is part of the key, so changing it forgets the old password.
        let key = self.key(user, password, &hash);
        if known.is_some() && self.remembers(&key) {
            return Ok(());
        }
        let right = self.verify_slowly(password.to_owned(), hash).await?;
        if right && known.is_some() {
            self.remember(key);
            Ok(())
        } else {
            Err(AuthenticationError::Invalid)
        }
    }

    async fn verify_slowly(
        &self,
        password: String,
        hash: String,
    ) -> Result<bool, AuthenticationError> {
        let busy = |_| AuthenticationError::Busy;
        let waiting =
            self.waiting.clone().try_acquire_owned().map_err(|_| AuthenticationError::Busy)?;
        let verifier = self.verifiers.clone().acquire_owned().await.map_err(busy)?;
        // The places go with the work: it runs on when the client hangs up.
        let verdict = tokio::task::spawn_blocking(move || {
            let _places = (waiting, verifier);
            bcrypt::verify(password, &hash).unwrap_or(false)
        });
        verdict.await.map_err(|_| AuthenticationError::Busy)
    }

    fn key(&self, user: &str, password: &str, hash: &str) -> [u8; 32] {
        let mut hasher = Sha256::new_with_prefix(self.pepper);
        for part in [user, password, hash] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }

    fn remembers(&self, key: &[u8; 32]) -> bool {
        let now = self.clock.elapsed();
        self.remembered.lock().get(key).is_some_and(|until| now < *until)
    }

    fn remember(&self, key: [u8; 32]) {
        let now = self.clock.elapsed();
        let mut remembered = self.remembered.lock();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.retain(|_, until| now < *until);
        }
        if remembered.len() < MAX_REMEMBERED {
            remembered.insert(key, now + REMEMBER);
        }
    }
}

/// A hash of nothing anybody knows, as costly as the accounts' own: an unknown
/// user must take as long as a known one.
fn dummy(hashes: &HashMap<String, String>) -> String {
    let cost = hashes.values().filter_map(|hash| hash.get(4..6)).max().unwrap_or("10");
    DUMMY.replacen("$10$", &format!("${cost}$"), 1)
}

fn stamp(path: &Path) -> std::io::Result<(std::time::SystemTime, u64)> {
    let metadata = std::fs::metadata(path)?;
    if metadata.len() > MAX_FILE {
        return Err(std::io::Error::other(format!("larger than {MAX_FILE} bytes")));
    }
    Ok((metadata.modified()?, metadata.len()))
}

/// `user:hash` lines; comments and empty lines are skipped, bad ones reported.
fn parse(text: &str) -> HashMap<String, String> {
    let mut hashes = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once(':') {
            Some((user, hash)) if !user.is_empty() && hash.starts_with("$2") => {
                hashes.insert(user.to_owned(), hash.to_owned());
            }
            Some((user, _)) => tracing::warn!(
                line = index + 1,
                user,
                "htpasswd: this user cannot sign in: only bcrypt hashes are accepted; \
                 make one with `berth htpasswd -Bbn USER PASSWORD`"
            ),
            None => {
                tracing::warn!(line = index + 1, "htpasswd: the line has no colon and is skipped");
            }
        }
    }
    hashes
}

#[async_trait]
impl Authenticator for Htpasswd {
    async fn authenticate(&self, credentials: &Credentials) -> Result<Caller, AuthenticationError> {
        match credentials {
            Credentials::None => Ok(Caller::Anonymous),
            Credentials::Basic { user, password } if password.len() <= MAX_PASSWORD => {
                self.verify(user, password).await?;
                Ok(Caller::User(user.clone()))
            }
            Credentials::Basic { .. } | Credentials::Unusable => Err(AuthenticationError::Invalid),
        }
    }

    fn challenge(&self) -> Option<String> {
        Some(self.challenge.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{OsRandom, SystemClock};

    fn accounts(dir: &tempfile::TempDir, lines: &str) -> Htpasswd {
        let path = dir.path().join("htpasswd");
        std::fs::write(&path, lines).unwrap();
        Htpasswd::new(path, "Registry Realm", Arc::new(SystemClock::new()), &OsRandom)
    }

    fn line(user: &str, password: &str) -> String {
        format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())
    }

    fn basic(user: &str, password: &str) -> Credentials {
        Credentials::Basic { user: user.into(), password: password.into() }
    }

    #[tokio::test]
    async fn the_right_password_signs_in_and_others_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let htpasswd = accounts(&dir, &line("ann", "secret"));
        let caller = htpasswd.authenticate(&basic("ann", "secret")).await.unwrap();
        assert_eq!(caller, Caller::User("ann".into()));
        for (user, password) in [("ann", "wrong"), ("bob", "secret"), ("", ""), ("ann", "")] {
            let result = htpasswd.authenticate(&basic(user, password)).await;
            assert!(matches!(result, Err(AuthenticationError::Invalid)), "{user}:{password}");
        }
        assert_eq!(htpasswd.authenticate(&Credentials::None).await.unwrap(), Caller::Anonymous);
    }

    #[tokio::test]
    async fn a_bad_line_locks_out_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let htpasswd = accounts(&dir, &format!("nonsense\nold:$apr1$x\n{}", line("ann", "secret")));
        assert!(htpasswd.authenticate(&basic("ann", "secret")).await.is_ok());
    }

    #[tokio::test]
    async fn a_missing_file_is_not_a_wrong_password() {
        let dir = tempfile::tempdir().unwrap();
        let htpasswd = accounts(&dir, "");
        std::fs::remove_file(dir.path().join("htpasswd")).unwrap();
        let result = htpasswd.authenticate(&basic("ann", "secret")).await;
        assert!(matches!(result, Err(AuthenticationError::Unavailable(_))));
    }

    #[test]
    fn the_dummy_hash_is_one_that_bcrypt_computes() {
        assert!(bcrypt::verify("anything", DUMMY).is_ok());
    }
}
