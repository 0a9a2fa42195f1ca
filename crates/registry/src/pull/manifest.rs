//! Reading a manifest: one query.

use bytes::Bytes;
use oci::{Digest, MediaType, Reference};
use store::ManifestRecord;

use super::stale::Found;
use crate::access::Pull;
use crate::{Error, Granted, Registry};

/// A manifest that the caller may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledManifest {
    /// The digest in the algorithm that was asked for, or that the tag was pushed with.
    pub digest: Digest,
    /// As pushed.
    pub media_type: MediaType,
    /// As pushed.
    pub bytes: Bytes,
    /// Whether the store is away and this is what it said lately.
    pub stale: bool,
}

impl From<Found<ManifestRecord>> for PulledManifest {
    fn from(found: Found<ManifestRecord>) -> Self {
        let Found { record: ManifestRecord { digest, media_type, bytes }, stale } = found;
        Self { digest, media_type, bytes, stale }
    }
}

impl Registry {
    /// The manifest that a tag or digest names, byte for byte as pushed.
    pub async fn manifest(
        &self,
        granted: &Granted<Pull>,
        reference: &Reference,
    ) -> Result<PulledManifest, Error> {
        let repository = granted.repository();
        let asking = self.content.manifest(repository, reference);
        let found = match &self.stale {
            None => asking.await?.map(Found::fresh),
            Some(stale) => stale.manifest(&*self.clock, (repository, reference), asking).await?,
        };
        found.map(PulledManifest::from).ok_or_else(|| Error::ManifestUnknown {
            repository: repository.clone(),
            reference: reference.clone(),
        })
    }
}
