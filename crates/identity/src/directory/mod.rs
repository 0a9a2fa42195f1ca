//! Users and groups in an LDAP directory.
//!
//! The directory is asked at every login; nothing of it is kept here, so a
//! removed user or group is gone at the next one. The two classic holes are
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
use crate::source::{Identity, IdentitySource, MAX_NAME, SourceError};
use session::Session;

/// Connections to the directory at once; more logins wait.
const MAX_CONNECTIONS: usize = 4;
/// Logins that run or wait before clients are told to come back.
const MAX_WAITING: usize = 256;

/// A directory that knows people by name and password.
pub struct Ldap {
    session: Arc<Session>,
    connections: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Ldap {
    /// The directory that `settings` describe. Nothing is asked yet; filters,
    /// addresses and files are checked.
    pub fn new(settings: LdapSettings) -> Result<Self, LdapError> {
        Ok(Self {
            session: Arc::new(Session::new(settings)?),
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        })
    }
}

#[async_trait]
impl IdentitySource for Ldap {
    fn name(&self) -> &str {
        self.session.name()
    }

    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, SourceError> {
        let is_name = !user.is_empty() && user.len() <= MAX_NAME;
        if !is_name || user.chars().any(char::is_control) {
            return Ok(None);
        }
        if password.is_empty() || password.len() > password::MAX_PASSWORD || password.contains('\0')
        {
            return Ok(None);
        }
        let waiting = self.waiting.clone().try_acquire_owned().map_err(|_| Busy)?;
        let connection = self.connections.clone().acquire_owned().await.map_err(|_| Busy)?;
        let (session, user, password) =
            (self.session.clone(), user.to_owned(), Secret::new(password));
        // A task of its own: the library panics on answers that are no LDAP,
        // and a half-spoken connection must not be dropped with the client.
        let login = tokio::spawn(async move {
            let _places = (waiting, connection);
            session.login(&user, &password).await
        });
        let told = login.await.unwrap_or_else(|_| Err("its answer is no LDAP".to_owned()));
        told.map_err(|why| SourceError::Unavailable(format!("directory {}: {why}", self.name())))
    }
}

#[cfg(test)]
mod tests;
