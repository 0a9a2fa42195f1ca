//! Users and groups in an LDAP directory.
//!
//! The directory is asked at every login and every look-up; nothing of it is
//! kept here, so a removed user or group is gone at the next one. The two classic holes are
//! closed on this side, whatever the server allows: an empty password (which
//! LDAP takes for "nobody in particular, fine") is always wrong, and a name
//! never becomes a part of the filter's grammar.

mod session;
mod settings;
mod template;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

pub use settings::{BindAs, LdapError, LdapSettings, PasswordFrom};

use crate::hashers::Busy;
use crate::password;
use crate::secret::Secret;
use crate::source::{Identity, IdentitySource, Known, MAX_NAME, SourceError};
use session::Session;

/// Connections to the directory at once; more logins wait.
const MAX_CONNECTIONS: usize = 4;
/// Further connections to look somebody up, so that neither waits for the other.
const MAX_LOOK_UPS: usize = 16;
/// Logins that run or wait before clients are told to come back.
const MAX_WAITING: usize = 256;

/// A directory that knows people by name and password.
pub struct Ldap {
    session: Arc<Session>,
    connections: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    look_ups: Arc<Semaphore>,
}

impl Ldap {
    /// The directory that `settings` describe. Nothing is asked yet; filters,
    /// addresses and files are checked.
    pub fn new(settings: LdapSettings) -> Result<Self, LdapError> {
        Ok(Self {
            session: Arc::new(Session::new(settings)?),
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            look_ups: Arc::new(Semaphore::new(MAX_LOOK_UPS)),
        })
    }

    /// Asks the directory; `places` are free again when it has answered.
    ///
    /// In a task of its own: the library panics on answers that are no LDAP,
    /// and a half-spoken connection must not be dropped with the client.
    async fn find<P: Send + 'static>(
        &self,
        user: &str,
        password: Option<Secret>,
        places: P,
    ) -> Result<Option<Identity>, SourceError> {
        let (session, user) = (self.session.clone(), user.to_owned());
        let asked = tokio::spawn(async move {
            let _places = places;
            session.find(&user, password.as_ref()).await
        });
        let told = asked.await.unwrap_or_else(|_| Err("its answer is no LDAP".to_owned()));
        told.map_err(|why| self.unavailable(&why))
    }

    fn unavailable(&self, why: &str) -> SourceError {
        SourceError::Unavailable(format!("directory {}: {why}", self.name()))
    }
}

fn is_name(user: &str) -> bool {
    !user.is_empty() && user.len() <= MAX_NAME && !user.chars().any(char::is_control)
}

#[async_trait]
impl IdentitySource for Ldap {
    fn name(&self) -> &str {
        self.session.name()
    }

    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, SourceError> {
        if !is_name(user) {
            return Ok(None);
        }
        if password.is_empty() || password.len() > password::MAX_PASSWORD || password.contains('\0')
        {
            return Ok(None);
        }
        let waiting = self.waiting.clone().try_acquire_owned().map_err(|_| Busy)?;
        let connection = self.connections.clone().acquire_owned().await.map_err(|_| Busy)?;
        self.find(user, Some(Secret::new(password)), (waiting, connection)).await
    }

    /// By the searching account. Without one groups are not told: at a sign-in
    /// it is the user who looks for them.
    async fn look_up(&self, user: &str) -> Result<Option<Known>, SourceError> {
        if !is_name(user) {
            return Ok(None);
        }
        let place = self.look_ups.clone().acquire_owned();
        let Ok(Ok(place)) = tokio::time::timeout(self.session.timeout(), place).await else {
            return Err(SourceError::Busy);
        };
        let found = self.find(user, None, place).await?;
        let tells_groups = self.session.tells_groups();
        Ok(found.map(|identity| Known { identity, tells_groups }))
    }

    fn is_at_hand(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
