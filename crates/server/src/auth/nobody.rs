//! `auth: none`: everybody is anonymous.

use async_trait::async_trait;
use registry::access::{AuthenticationError, Authenticator, Caller, Credentials};

/// Knows nobody and asks nobody to sign in. Credentials are ignored, as
/// clients that are logged in elsewhere send them anyway.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

#[async_trait]
impl Authenticator for Nobody {
    async fn authenticate(&self, _: &Credentials) -> Result<Caller, AuthenticationError> {
        Ok(Caller::Anonymous)
    }

    fn challenge(&self) -> Option<String> {
        None
    }
}
