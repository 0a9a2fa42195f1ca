//! `auth: silly`: whoever sends any credentials is in. For trying out clients.

use async_trait::async_trait;
use registry::access::{
    AuthenticationError, Authenticator, Caller, Challenge, ChallengeReason, Credentials, Presented,
    ResourceScope,
};

use super::challenge;

/// Lets in whoever sends anything, as the original's provider of that name.
#[derive(Debug, Clone)]
pub struct Silly {
    /// What the challenge calls the token server.
    pub realm: String,
    /// What the challenge calls this registry.
    pub service: String,
}

#[async_trait]
impl Authenticator for Silly {
    async fn authenticate(&self, presented: &Presented<'_>) -> Result<Caller, AuthenticationError> {
        Ok(match presented.credentials {
            Credentials::None => Caller::anonymous(),
            _ => Caller::user("silly"),
        })
    }

    fn challenge(&self, challenge: &Challenge<'_>) -> Option<String> {
        // Unlike its other providers this one of the original's names each
        // action by itself.
        let single = |scope: &ResourceScope| {
            let one = |action: &String| format!("{}:{}:{action}", scope.kind, scope.name);
            scope.actions.iter().map(one).collect::<Vec<_>>()
        };
        let scopes: Vec<_> = challenge.scopes.iter().flat_map(single).collect();
        (challenge.reason != ChallengeReason::Insufficient)
            .then(|| challenge::bearer(&self.realm, &self.service, &scopes.join(" "), None))
    }
}
