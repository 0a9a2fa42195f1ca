//! Requests that take their time: whether the caller may still do what they began.
//!
//! A body may come as slowly as its line is. Who was let in at its beginning may have
//! been disabled, or lost the right, before its end: then nothing is published of it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use registry::access::{AuthenticationError, Caller, Credentials, Presented, Push};
use registry::{Granted, Source, SourceError};
use store::Timestamp;

use crate::app::App;
use crate::auth::credentials;
use crate::call::Call;
use crate::failure::Failure;
use crate::http::request_body::RequestBody;

/// For how long a decision holds. What is known about accounts is about as old anyway.
const HOLDS: Duration = Duration::from_secs(5);

/// A request from the moment on when it was decided about.
pub(crate) struct UnderWay<'r> {
    app: &'r App,
    call: &'r Call<'r>,
    decided: Duration,
    began: Timestamp,
}

impl<'r> UnderWay<'r> {
    /// Begins now.
    pub(crate) fn new(app: &'r App, call: &'r Call<'r>) -> Self {
        Self { app, call, decided: app.clock.elapsed(), began: app.clock.now() }
    }

    /// The grant as of now: decided again if that was a while ago.
    ///
    /// # Errors
    /// Whatever a new request would be refused with, but that a token has ended in the
    /// meantime is no matter: it was good when the request began.
    pub(crate) async fn push(&self, granted: &Granted<Push>) -> Result<Granted<Push>, Failure> {
        let took = self.app.clock.elapsed().saturating_sub(self.decided);
        if took < HOLDS {
            return Ok(granted.clone());
        }
        let accounts = self.app.accounts.as_ref().map(|berth| berth.accounts());
        let overtaken = accounts.map_or(0, |accounts| accounts.overtaken());
        let (caller, repository) = (self.caller().await?, granted.repository());
        let granted = self.app.access.push(&caller, repository.clone())?;
        if let Some(accounts) = accounts {
            accounts.reach_store(overtaken).await?;
            accounts.check_age(&caller, repository).await?;
        }
        Ok(granted)
    }

    async fn caller(&self) -> Result<Caller, AuthenticationError> {
        let Self { app, call, .. } = self;
        let credentials = credentials(call.headers);
        match (&app.accounts, &credentials) {
            (Some(berth), Credentials::Bearer(token)) => {
                let caller = berth.accounts().bearer_of_request(token, self.began).await?;
                berth.accounts().check_current(&caller)?;
                Ok(caller)
            }
            // Somebody else's token says it all, and nobody can take it back.
            (None, Credentials::Bearer(_)) => Ok(call.caller.clone()),
            _ => {
                let (certificate, address) = (call.peer.certificate(), call.client());
                let presented = Presented { credentials: &credentials, certificate, address };
                app.authenticator.authenticate(&presented).await
            }
        }
    }
}

/// A body that is on its way.
pub(crate) struct Coming<'b> {
    pub body: &'b mut RequestBody,
    pub under_way: &'b UnderWay<'b>,
}

impl<'b> Coming<'b> {
    /// The body, which ends properly only for those who may push at its end.
    pub(crate) fn guarded(self, granted: &'b Granted<Push>) -> Guarded<'b> {
        Guarded { body: self.body, under_way: self.under_way, granted, refused: None }
    }
}

/// A body at whose end it is asked once more whether the caller may push.
pub(crate) struct Guarded<'b> {
    body: &'b mut RequestBody,
    under_way: &'b UnderWay<'b>,
    granted: &'b Granted<Push>,
    refused: Option<Failure>,
}

impl Guarded<'_> {
    /// Why the caller may no longer push, if that is why the body broke off; else `error`.
    pub(crate) fn failure(self, error: impl FnOnce() -> Failure) -> Failure {
        self.refused.unwrap_or_else(error)
    }
}

#[async_trait]
impl Source for Guarded<'_> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        if let Some(chunk) = self.body.chunk().await? {
            return Ok(Some(chunk));
        }
        match self.under_way.push(self.granted).await {
            Ok(_) => Ok(None),
            Err(failure) => {
                let text = failure.message().to_owned();
                self.refused = Some(failure);
                Err(SourceError::Broken(text))
            }
        }
    }
}
