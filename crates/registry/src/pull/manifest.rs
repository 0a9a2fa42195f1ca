//! Reading a manifest: one query.

use oci::Reference;
use store::ManifestRecord;

use crate::access::Pull;
use crate::{Error, Granted, Registry};

impl Registry {
    /// The manifest that a tag or digest names, byte for byte as pushed.
    pub async fn manifest(
        &self,
        granted: &Granted<Pull>,
        reference: &Reference,
    ) -> Result<ManifestRecord, Error> {
        let found = self.content.manifest(granted.repository(), reference).await?;
        found.ok_or_else(|| Error::ManifestUnknown {
            repository: granted.repository().clone(),
            reference: reference.clone(),
        })
    }
}
