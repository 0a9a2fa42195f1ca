//! The registry under test, and how to reach it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

/// A registry under test.
#[derive(Debug, Clone)]
pub struct Target {
    /// `http://host:port`; no path, no TLS.
    pub url: String,
    /// Basic credentials, sent with every request when a user name is given.
    pub username: Option<String>,
    /// The password that belongs to `username`; empty when absent.
    pub password: Option<String>,
    /// Part of every repository name of this run, so that runs never meet: `[a-z0-9]+`.
    pub run_id: String,
    /// The longest silence of the registry that is waited for, per read and write.
    pub timeout: Duration,
}

impl Target {
    /// A target without credentials, with a fresh run id and a patience of 20 seconds.
    pub fn new(url: impl Into<String>) -> Self {
        let run_id = format!("{:016x}", RandomState::new().build_hasher().finish());
        Self {
            url: url.into(),
            username: None,
            password: None,
            run_id,
            timeout: Duration::from_secs(20),
        }
    }

    /// The same target with Basic credentials.
    #[must_use]
    pub fn with_credentials(mut self, username: &str, password: &str) -> Self {
        self.username = Some(username.to_owned());
        self.password = Some(password.to_owned());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_targets_never_share_their_repositories() {
        assert_ne!(Target::new("http://a").run_id, Target::new("http://a").run_id);
    }
}
