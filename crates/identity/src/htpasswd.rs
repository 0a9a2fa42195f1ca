//! Users in an htpasswd file.
//!
//! The file is read again when it changes. One bad line does not lock
//! everybody out: it is reported once per change of the file and skipped.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use base64::Engine as _;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use store::{Clock, Random};

use crate::hashers::Hashers;
use crate::jose::BASE64URL;
use crate::password::{self, Verdict};
use crate::remembered::Remembered;
use crate::secret::Secret;
use crate::source::{Identity, IdentitySource, Known, SourceError};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Largest file, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Users in an htpasswd file, which need not exist yet.
pub struct HtpasswdFile {
    name: String,
    path: PathBuf,
    clock: Arc<dyn Clock>,
    hashers: Hashers,
    remembered: Remembered<()>,
    users: Mutex<Users>,
}

#[derive(Default)]
struct Users {
    lines: Arc<Lines>,
    seen: Option<Stamp>,
    looked_at: Option<Duration>,
}

/// What differs between two versions of the file: when it was written, its
/// length in bytes, its inode.
type Stamp = (SystemTime, u64, u64);

/// What one version of the file says.
#[derive(Default)]
struct Lines {
    hashes: HashMap<String, String>,
    /// What an unknown user costs: as much as most of the users do.
    dummy: String,
}

impl HtpasswdFile {
    /// Users in the file at `path`; `name` is what the configuration calls this source.
    pub fn new(
        name: &str,
        path: PathBuf,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
        hashers: Hashers,
    ) -> Self {
        let remembered = Remembered::new(clock.clone(), random);
        let name = name.to_owned();
        Self { name, path, clock, hashers, remembered, users: Mutex::default() }
    }

    /// The stored hashes, read again if the file has changed.
    fn lines(&self) -> Result<Arc<Lines>, SourceError> {
        let now = self.clock.elapsed();
        let mut users = self.users.lock();
        if users.looked_at.is_some_and(|at| now.saturating_sub(at) < LOOK_EVERY) {
            return Ok(users.lines.clone());
        }
        let seen = stamp(&self.path).map_err(|e| self.unavailable(&e))?;
        if users.seen != Some(seen) {
            let read = read_whole(&self.path, seen, |path| std::fs::read(path));
            match read.map_err(|e| self.unavailable(&e))? {
                Some(bytes) => {
                    // A line that is no text is a bad line like others.
                    users.lines = Arc::new(parse(&String::from_utf8_lossy(&bytes), &self.path));
                    users.seen = Some(seen);
                }
                // The lines before count until the next look.
                None if users.seen.is_some() => {}
                None => return Err(self.unavailable(&std::io::Error::other("is being written"))),
            }
        }
        users.looked_at = Some(now);
        Ok(users.lines.clone())
    }

    fn unavailable(&self, error: &std::io::Error) -> SourceError {
        SourceError::Unavailable(format!("htpasswd: {}: {error}", self.path.display()))
    }

    /// Whether the password is right according to `lines`.
    async fn is_right(
        &self,
        lines: &Lines,
        user: &str,
        password: &str,
    ) -> Result<bool, SourceError> {
        let known = lines.hashes.get(user);
        let hash = known.unwrap_or(&lines.dummy);
        // The stored hash is part of the key, so changing it forgets the old password.
        let parts = [user.as_bytes(), password.as_bytes(), hash.as_bytes()];
        let key = self.remembered.key(&parts);
        if known.is_some() && self.remembered.recall(&key).is_some() {
            return Ok(true);
        }
        let verdict = self.hashers.verify(hash.clone(), Secret::new(password)).await?;
        let right = known.is_some() && verdict.is_right();
        if right {
            self.remembered.remember(key, ());
        }
        Ok(right)
    }
}

#[async_trait]
impl IdentitySource for HtpasswdFile {
    fn name(&self) -> &str {
        &self.name
    }

    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, SourceError> {
        if password.len() > password::MAX_PASSWORD {
            return Ok(None);
        }
        let lines = self.lines()?;
        let is_right = self.is_right(&lines, user, password).await?;
        Ok(lines.identity(user).filter(|_| is_right))
    }

    /// A file has no groups to tell.
    async fn look_up(&self, user: &str) -> Result<Option<Known>, SourceError> {
        let identity = self.lines()?.identity(user);
        Ok(identity.map(|identity| Known { identity, tells_groups: false }))
    }

    fn is_at_hand(&self) -> bool {
        true
    }
}

impl Lines {
    fn identity(&self, user: &str) -> Option<Identity> {
        let hash = self.hashes.get(user)?;
        let identity = Identity::checked(user, user, None, Vec::new())?;
        // The hash has a salt of its own: nothing can be looked up by its hash.
        let mark = format!("line:{}", BASE64URL.encode(Sha256::digest(hash.as_bytes())));
        Some(Identity { password_mark: Some(mark), ..identity })
    }
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let metadata = std::fs::metadata(path)?;
    if metadata.len() > MAX_FILE {
        return Err(std::io::Error::other(format!("larger than {MAX_FILE} bytes")));
    }
    Ok((metadata.modified()?, metadata.len(), metadata.ino()))
}

/// What `read` finds in the file, unless the file is another one afterwards
/// than `before`: half a file would tell of half its users that they are gone.
fn read_whole(
    path: &Path,
    before: Stamp,
    read: impl FnOnce(&Path) -> std::io::Result<Vec<u8>>,
) -> std::io::Result<Option<Vec<u8>>> {
    let bytes = read(path)?;
    Ok((stamp(path)? == before).then_some(bytes))
}

/// `user:hash` lines; comments and empty lines are skipped, bad ones reported.
fn parse(text: &str, path: &Path) -> Lines {
    let mut hashes = HashMap::new();
    let file = path.display();
    for (index, line) in text.lines().enumerate() {
        let (line, number) = (line.trim(), index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((user, hash)) = line.split_once(':').filter(|(user, _)| !user.is_empty()) else {
            tracing::warn!(%file, line = number, "htpasswd: no `user:hash`; the line is skipped");
            continue;
        };
        match password::problem(hash) {
            None => {
                hashes.insert(user.to_owned(), hash.to_owned());
            }
            Some(Verdict::Unsupported(why) | Verdict::Unusable(why)) => {
                tracing::warn!(%file, line = number, user, "htpasswd: the user cannot sign in: {why}");
            }
            Some(Verdict::Right | Verdict::Wrong) => {}
        }
    }
    let dummy = password::dummy(most_common(&hashes));
    Lines { hashes, dummy }
}

/// A hash whose kind and cost most of the users have.
fn most_common(hashes: &HashMap<String, String>) -> &str {
    let mut counts: HashMap<String, (usize, &str)> = HashMap::new();
    for hash in hashes.values() {
        counts.entry(password::dummy(hash)).or_insert((0, hash)).0 += 1;
    }
    // Among equals the order must not depend on chance.
    let most = counts.iter().max_by_key(|(dummy, (count, _))| (*count, *dummy));
    most.map_or("", |(_, (_, hash))| hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;
    use store::OsRandom;

    struct Fixture {
        _dir: tempfile::TempDir,
        path: PathBuf,
        clock: TestClock,
        file: HtpasswdFile,
    }

    fn fixture(lines: &str) -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("htpasswd");
        std::fs::write(&path, lines).unwrap();
        let clock = TestClock::new();
        let file = HtpasswdFile::new(
            "file",
            path.clone(),
            Arc::new(clock.clone()),
            &OsRandom,
            Hashers::default(),
        );
        Fixture { _dir: dir, path, clock, file }
    }

    fn line(user: &str, password: &str) -> String {
        format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())
    }

    impl Fixture {
        async fn lets_in(&self, user: &str, password: &str) -> bool {
            self.file.verify(user, password).await.unwrap().is_some()
        }
    }

    #[tokio::test]
    async fn the_right_password_signs_in_and_others_do_not() {
        let fixture = fixture(&line("ann", "secret"));
        let identity = fixture.file.verify("ann", "secret").await.unwrap().unwrap();
        assert_eq!((identity.name.as_str(), identity.groups.len()), ("ann", 0));
        for (user, password) in [("ann", "wrong"), ("bob", "secret"), ("", ""), ("ann", "")] {
            assert!(!fixture.lets_in(user, password).await, "{user}:{password}");
        }
        assert!(!fixture.lets_in("ann", &"x".repeat(2_000)).await);
    }

    #[tokio::test]
    async fn a_bad_line_locks_out_nobody_else() {
        let fixture = fixture(&format!("nonsense\n:x\nold:$apr1$x\n#c\n{}", line("ann", "secret")));
        assert!(fixture.lets_in("ann", "secret").await);
        assert!(!fixture.lets_in("old", "secret").await);
    }

    #[tokio::test]
    async fn a_changed_file_is_read_within_a_second() {
        let fixture = fixture(&line("ann", "old"));
        assert!(fixture.lets_in("ann", "old").await);
        std::fs::write(&fixture.path, format!("{}{}", line("ann", "new!"), line("bob", "b")))
            .unwrap();
        assert!(fixture.lets_in("ann", "old").await, "not looked at yet");
        fixture.clock.pass(LOOK_EVERY);
        assert!(!fixture.lets_in("ann", "old").await, "the remembered password is void");
        assert!(fixture.lets_in("ann", "new!").await);
        assert!(fixture.lets_in("bob", "b").await);
    }

    #[test]
    fn a_file_that_is_written_while_it_is_read_does_not_count() {
        let fixture = fixture(&line("ann", "secret"));
        let path = &fixture.path;
        let before = stamp(path).unwrap();
        let whole = read_whole(path, before, |path| std::fs::read(path)).unwrap();
        assert!(whole.is_some());
        let half = read_whole(path, before, |path| {
            let half = std::fs::read(path)?;
            std::fs::write(path, [half.as_slice(), b"bob:x\n"].concat())?;
            Ok(half)
        });
        assert_eq!(half.unwrap(), None);
        let replaced = read_whole(path, stamp(path).unwrap(), |path| {
            let (old, other) = (std::fs::read(path)?, path.with_extension("new"));
            std::fs::write(&other, &old)?;
            std::fs::rename(&other, path)?;
            Ok(old)
        });
        assert_eq!(replaced.unwrap(), None);
    }

    #[tokio::test]
    async fn a_user_is_looked_up_without_a_password() {
        let fixture = fixture(&line("ann", "secret"));
        let mark = async |user: &str| {
            let known = fixture.file.look_up(user).await.unwrap()?;
            assert_eq!((known.identity.name.as_str(), known.tells_groups), (user, false));
            known.identity.password_mark
        };
        let signed_in = fixture.file.verify("ann", "secret").await.unwrap().unwrap();
        let first = mark("ann").await;
        assert!(first.is_some() && first == signed_in.password_mark);
        assert_eq!(mark("bob").await, None);
        std::fs::write(&fixture.path, line("ann", "other one")).unwrap();
        fixture.clock.pass(LOOK_EVERY);
        let second = mark("ann").await;
        assert!(second.is_some() && second != first);
        std::fs::write(&fixture.path, "").unwrap();
        fixture.clock.pass(LOOK_EVERY);
        assert_eq!(mark("ann").await, None);
    }

    #[tokio::test]
    async fn a_missing_file_is_not_a_wrong_password() {
        let fixture = fixture("");
        std::fs::remove_file(&fixture.path).unwrap();
        let result = fixture.file.verify("ann", "secret").await;
        assert!(matches!(result, Err(SourceError::Unavailable(_))));
        let result = fixture.file.look_up("ann").await;
        assert!(matches!(result, Err(SourceError::Unavailable(_))));
    }

    #[test]
    fn unknown_users_cost_what_most_users_cost() {
        let text = format!("{}a:{}\nb:{}\n", line("ann", "x"), SHA, SHA);
        let lines = parse(&text, Path::new("f"));
        assert!(lines.dummy.starts_with("$5$rounds=5000$"), "{}", lines.dummy);
        assert!(parse("", Path::new("f")).dummy.starts_with("$argon2id$"));
    }

    const SHA: &str = "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.";
}
