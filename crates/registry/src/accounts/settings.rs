//! What the operator decides about accounts.

use std::time::Duration;

use identity::Secret;

use super::throttle::ThrottleSettings;

/// Tokens that may only read live no longer.
pub const MAX_PULL_TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);
/// Tokens that may write or remove live no longer.
pub const MAX_PUSH_TOKEN_LIFE: Duration = Duration::from_secs(30 * 60);
/// Clients take a shorter life for this one.
pub const MIN_TOKEN_LIFE: Duration = Duration::from_secs(60);
/// What is known about an account is never older.
pub const MAX_SESSION_CHECK: Duration = Duration::from_secs(30);

/// The operator's decisions. What is out of bounds is brought to the bound.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// `iss` of our tokens.
    pub issuer: String,
    /// `aud` of our tokens and `service` of our challenges.
    pub service: String,
    /// How long tokens live that may only read: 1 to 15 minutes.
    pub pull_token_life: Duration,
    /// How long tokens live that may write or remove: 1 to 30 minutes.
    pub push_token_life: Duration,
    /// How long what a client keeps after a login is good for.
    pub refresh_token_life: Duration,
    /// How old what is known about an account may be: at most 30 s. Within
    /// this time a revocation works in all replicas.
    pub session_check: Duration,
    /// How long what is known about accounts counts while the store is away;
    /// zero: not at all.
    pub stale_reads: Duration,
    /// How failed logins are slowed down.
    pub throttle: ThrottleSettings,
    /// An administrator to be made if there is no account of that name.
    pub admin: Option<(String, Secret)>,
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self {
            issuer: "berth".to_owned(),
            service: "berth".to_owned(),
            pull_token_life: MAX_PULL_TOKEN_LIFE,
            push_token_life: MAX_PUSH_TOKEN_LIFE,
            refresh_token_life: Duration::from_secs(30 * 24 * 3600),
            session_check: Duration::from_secs(10),
            stale_reads: Duration::ZERO,
            throttle: ThrottleSettings::default(),
            admin: None,
        }
    }
}

impl AccountSettings {
    /// The same within the bounds.
    pub(super) fn bounded(mut self) -> Self {
        let clamp = |life: Duration, most| life.clamp(MIN_TOKEN_LIFE, most);
        self.pull_token_life = clamp(self.pull_token_life, MAX_PULL_TOKEN_LIFE);
        self.push_token_life = clamp(self.push_token_life, MAX_PUSH_TOKEN_LIFE);
        self.session_check = self.session_check.min(MAX_SESSION_CHECK);
        self
    }
}
