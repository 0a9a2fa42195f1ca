//! Removing names. Bytes go later, when the collector finds them unneeded.

use oci::{Digest, Reference, Tag};
use store::{Refusal, UnlinkBlob, WriteError};

use crate::access::Delete;
use crate::{Error, Granted, Registry, rules};

impl Registry {
    /// Removes a tag and nothing else, or a manifest with every tag on it.
    pub async fn delete_manifest(
        &self,
        granted: &Granted<Delete>,
        reference: &Reference,
    ) -> Result<(), Error> {
        self.deletion_enabled()?;
        let found = match reference {
            Reference::Tag(tag) => self.delete_tag(granted, tag).await?,
            Reference::Digest(digest) => self.delete_by_digest(granted, digest).await?,
        };
        if found {
            return Ok(());
        }
        Err(Error::ManifestUnknown {
            repository: granted.repository().clone(),
            reference: reference.clone(),
        })
    }

    async fn delete_tag(&self, granted: &Granted<Delete>, tag: &Tag) -> Result<bool, Error> {
        let actor = granted.caller().name().map(str::to_owned);
        Ok(self.content.delete_tag(granted.repository(), tag, actor, self.clock.now()).await?)
    }

    async fn delete_by_digest(
        &self,
        granted: &Granted<Delete>,
        digest: &Digest,
    ) -> Result<bool, Error> {
        let actor = granted.caller().name().map(str::to_owned);
        let at = self.clock.now();
        let deleted = self.content.delete_manifest(granted.repository(), digest, actor, at).await;
        self.forget(granted, digest);
        Ok(deleted?.is_some())
    }

    /// Takes a blob out of the repository, unless a manifest there needs it.
    pub async fn delete_blob(
        &self,
        granted: &Granted<Delete>,
        digest: &Digest,
    ) -> Result<(), Error> {
        self.deletion_enabled()?;
        let repository = granted.repository().clone();
        let command = UnlinkBlob { repository: repository.clone(), digest: *digest };
        let unlinked = self.content.unlink_blob(command, Box::new(rules::unlinkable)).await;
        self.forget(granted, digest);
        match unlinked {
            Ok(()) => Ok(()),
            Err(WriteError::Refused(Refusal::BlobUnknown)) => {
                Err(Error::BlobUnknown { repository, digest: *digest })
            }
            Err(WriteError::Refused(Refusal::BlobNeeded { by })) => {
                Err(Error::BlobNeeded { digest: *digest, by })
            }
            Err(error) => Err(Error::unexpected(error)),
        }
    }

    /// Whatever became of the deletion: its answer may have been lost.
    fn forget(&self, granted: &Granted<Delete>, digest: &Digest) {
        if let Some(stale) = &self.stale {
            stale.forget(granted.repository(), digest);
        }
    }

    fn deletion_enabled(&self) -> Result<(), Error> {
        if self.settings.delete_enabled {
            Ok(())
        } else {
            Err(Error::Unsupported("deletion is switched off; storage.delete.enabled allows it"))
        }
    }
}
