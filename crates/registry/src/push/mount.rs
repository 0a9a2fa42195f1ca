//! Linking a blob from another repository without moving a byte.

use std::sync::Arc;

use oci::{Digest, RepositoryName};
use store::{MountBlob, Refusal, WriteError};

use crate::access::{Access, Push};
use crate::{Error, Granted, Registry, rules};

impl Registry {
    /// Links the blob from `from`, or from anywhere that the caller may read.
    /// `false` if that cannot be: the client uploads instead, and learns
    /// nothing about repositories that it may not read.
    pub async fn mount_blob(
        &self,
        granted: &Granted<Push>,
        access: &Access,
        digest: Digest,
        from: Option<RepositoryName>,
    ) -> Result<bool, Error> {
        let caller = Arc::new(granted.caller().clone());
        let access = access.clone();
        let readable = move |name: &RepositoryName| access.may_pull(&caller, name);
        // Decided before anything is looked up: how long that takes would tell
        // whether the repository has the blob.
        if from.as_ref().is_some_and(|from| !readable(from)) {
            return Ok(false);
        }
        let command = MountBlob {
            repository: granted.repository().clone(),
            digest,
            from,
            at: self.clock.now(),
        };
        let rule = Box::new(move |facts: &store::MountFacts| rules::mountable(facts, &readable));
        match self.content.mount_blob(command, rule).await {
            Ok(()) => Ok(true),
            Err(WriteError::Refused(Refusal::BlobUnknown)) => Ok(false),
            Err(error) => Err(Error::unexpected(error)),
        }
    }
}
