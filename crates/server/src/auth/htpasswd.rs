//! `auth: htpasswd`: users of a file, each of whom may do everything.
//!
//! The file itself (kinds of hashes, reading it again, remembered passwords)
//! is the identity room's; here it becomes a way in.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::{Hashers, HtpasswdFile, IdentitySource, SourceError};
use registry::access::{
    AuthenticationError, Authenticator, Caller, Challenge, ChallengeReason, Credentials, Presented,
};
use store::{Clock, Random};

use super::challenge;

/// The user of a file that was made because there was none.
const FIRST_USER: &str = "docker";
/// The cost of that user's hash.
const COST: u32 = 10;

/// Accounts in an htpasswd file.
pub struct Htpasswd {
    file: HtpasswdFile,
    challenge: String,
}

impl Htpasswd {
    /// Accounts in the file at `path`, which need not exist yet. `realm` is
    /// shown to users who must sign in.
    pub fn new(path: PathBuf, realm: &str, clock: Arc<dyn Clock>, random: &dyn Random) -> Self {
        let file = HtpasswdFile::new("htpasswd", path, clock, random, Hashers::default());
        Self { file, challenge: challenge::basic(realm) }
    }
}

/// What became of a missing password file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MadeHtpasswd {
    /// It was there.
    No,
    /// It was made. The password of `docker` lies in this file, which only its
    /// owner may read and which may be removed once it was read.
    PasswordIn(PathBuf),
    /// It was made, and its password was written to the log as was asked.
    PasswordLogged,
}

/// Makes the password file at `path` if it is missing, as the original does:
/// its directory for its owner alone, one user `docker` with a random
/// password. Unlike the original's, that password stands in the log only where
/// `log_password` asks for it; otherwise in a file beside, for the owner alone.
///
/// # Errors
/// The path and why it could not be written.
pub fn make_missing_htpasswd(
    path: &Path,
    log_password: bool,
    random: &dyn Random,
) -> Result<MadeHtpasswd, String> {
    let failed =
        |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if path.exists() {
        return Ok(MadeHtpasswd::No);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent);
        made.map_err(|e| failed(parent, &e))?;
    }
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    let password = URL_SAFE_NO_PAD.encode(bytes);
    let hash = bcrypt::hash(&password, COST).map_err(|e| failed(path, &e))?;
    let told = beside(path);
    if !log_password {
        // First the password, then what it opens: never a file that nobody can use.
        let _ = std::fs::remove_file(&told);
        write_new(&told, &format!("{password}\n")).map_err(|e| failed(&told, &e))?;
    }
    match write_new(path, &format!("{FIRST_USER}:{hash}\n")) {
        Ok(()) if log_password => {
            let file = path.display();
            tracing::warn!(%file, user = FIRST_USER, password, "the htpasswd file was missing and was made");
            Ok(MadeHtpasswd::PasswordLogged)
        }
        Ok(()) => {
            let (file, told_in) = (path.display(), told.display());
            tracing::warn!(
                %file, user = FIRST_USER, password_file = %told_in,
                "the htpasswd file was missing and was made; the password is in the file beside"
            );
            Ok(MadeHtpasswd::PasswordIn(told))
        }
        // Another replica was quicker.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let _ = std::fs::remove_file(&told);
            Ok(MadeHtpasswd::No)
        }
        Err(error) => Err(failed(path, &error)),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".initial-password");
    path.with_file_name(name)
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[async_trait]
impl Authenticator for Htpasswd {
    async fn authenticate(&self, presented: &Presented<'_>) -> Result<Caller, AuthenticationError> {
        match presented.credentials {
            Credentials::None => Ok(Caller::anonymous()),
            Credentials::Basic { user, password } => {
                let found =
                    self.file.verify(user, password).await.map_err(|error| match error {
                        SourceError::Busy => AuthenticationError::Busy,
                        SourceError::Unavailable(why) => AuthenticationError::Unavailable(why),
                    })?;
                let found = found.ok_or(AuthenticationError::Invalid)?;
                Ok(Caller::user(found.name))
            }
            Credentials::Bearer(_) | Credentials::Unusable => Err(AuthenticationError::Invalid),
        }
    }

    fn challenge(&self, challenge: &Challenge<'_>) -> Option<String> {
        // Whoever is known and may not do it gains nothing from another password prompt.
        (challenge.reason != ChallengeReason::Insufficient).then(|| self.challenge.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use store::{OsRandom, SystemClock};

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_missing_file_is_made_with_one_user_whose_password_only_the_owner_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth").join("htpasswd");
        let made = make_missing_htpasswd(&path, false, &OsRandom).unwrap();
        let MadeHtpasswd::PasswordIn(told) = made else { panic!("{made:?}") };
        assert_eq!((mode(path.parent().unwrap()), mode(&path), mode(&told)), (0o700, 0o600, 0o600));
        let password = std::fs::read_to_string(&told).unwrap();
        let clock = Arc::new(SystemClock::new());
        let htpasswd = Htpasswd::new(path.clone(), "Realm", clock, &OsRandom);
        let password = password.trim_end().to_owned();
        let credentials = Credentials::Basic { user: "docker".into(), password };
        let presented = Presented { credentials: &credentials, certificate: None, address: None };
        assert_eq!(htpasswd.authenticate(&presented).await.unwrap(), Caller::user("docker"));
        let again = make_missing_htpasswd(&path, false, &OsRandom);
        assert_eq!(again, Ok(MadeHtpasswd::No), "what is there stays");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let path = dir.path().join("file").join("htpasswd");
        let problem = make_missing_htpasswd(&path, false, &OsRandom).unwrap_err();
        assert!(problem.contains("file"), "{problem}");
    }
}
