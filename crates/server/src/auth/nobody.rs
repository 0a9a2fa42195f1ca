//! `auth: none`: everybody is anonymous.

use async_trait::async_trait;
use registry::access::{AuthenticationError, Authenticator, Caller, Challenge, Presented};

/// Knows nobody and asks nobody to sign in. Credentials are ignored, as
/// clients that are logged in elsewhere send them anyway.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

#[async_trait]
impl Authenticator for Nobody {
    async fn authenticate(&self, _: &Presented<'_>) -> Result<Caller, AuthenticationError> {
        Ok(Caller::anonymous())
    }

    fn challenge(&self, _: &Challenge<'_>) -> Option<String> {
        None
    }
}
