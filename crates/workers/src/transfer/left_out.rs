//! What is damaged in the source and therefore not moved.

use std::collections::HashMap;

use oci::Digest;
use store::BlobKey;

use super::error::TransferError;
use crate::{Finding, Findings};

/// Blobs that may be left out; more are no damage but a storage that is not there.
const MOST: usize = 100_000;

/// A blob that is not moved.
#[derive(Debug)]
struct LeftBlob {
    /// Where the bytes are that were found damaged; a push may bring others.
    key: Option<BlobKey>,
    finding: Finding,
}

/// Everything that is not moved.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    blobs: HashMap<Digest, LeftBlob>,
    /// By the sha512 that bytes were said to have.
    names: HashMap<Digest, Finding>,
    manifests: HashMap<Digest, Finding>,
}

impl LeftOut {
    /// Where the source has bytes of the blob that are known to be damaged.
    pub(super) fn key(&self, sha256: &Digest) -> Option<&BlobKey> {
        self.blobs.get(sha256)?.key.as_ref()
    }

    pub(super) fn holds_blob(&self, sha256: &Digest) -> bool {
        self.blobs.contains_key(sha256)
    }

    pub(super) fn holds_name(&self, sha512: &Digest) -> bool {
        self.names.contains_key(sha512)
    }

    pub(super) fn holds_manifest(&self, sha256: &Digest) -> bool {
        self.manifests.contains_key(sha256)
    }

    /// True if that is news.
    pub(super) fn add_blob(
        &mut self,
        sha256: Digest,
        key: Option<BlobKey>,
        finding: Finding,
    ) -> Result<bool, TransferError> {
        let is_new = self.blobs.insert(sha256, LeftBlob { key, finding }).is_none();
        match self.blobs.len() > MOST {
            true => Err(TransferError::TooMuchDamage(MOST)),
            false => Ok(is_new),
        }
    }

    /// The blob was moved after all: it was pushed anew.
    pub(super) fn remove_blob(&mut self, sha256: &Digest) {
        self.blobs.remove(sha256);
    }

    /// True if that is news.
    pub(super) fn add_name(&mut self, sha512: Digest, finding: Finding) -> bool {
        self.names.insert(sha512, finding).is_none()
    }

    /// True if that is news.
    pub(super) fn add_manifest(&mut self, sha256: Digest, finding: Finding) -> bool {
        self.manifests.insert(sha256, finding).is_none()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blobs.is_empty() && self.names.is_empty() && self.manifests.is_empty()
    }

    /// Everything, in order of places.
    pub(super) fn findings(&self) -> Findings {
        let blobs = self.blobs.values().map(|left| &left.finding);
        let others = self.names.values().chain(self.manifests.values());
        let mut all: Vec<_> = blobs.chain(others).cloned().collect();
        all.sort_by(|one, other| one.path.cmp(&other.path));
        let mut findings = Findings::default();
        findings.extend(all);
        findings
    }
}
