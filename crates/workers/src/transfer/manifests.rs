//! Manifests of a repository, with their own times, and how often they were pulled.

use oci::{Digest, RepositoryName};
use store::{ImportBatch, ImportedManifest, ManifestWalk, PullCount};

use super::cursor::{self, Pair, Pairs};
use super::error::TransferError;
use super::pass::{Pass, Run};
use super::record::record;
use crate::{Finding, Problem};

/// Manifests that are written at once.
const BATCH: usize = 100;
/// Manifest bytes that are written at once.
const BATCH_BYTES: usize = 8 << 20;

/// What is to be written together.
#[derive(Default)]
struct Batch {
    manifests: Vec<ImportedManifest>,
    bytes: usize,
    pulls: Vec<PullCount>,
}

impl Run<'_> {
    /// Brings the manifests of a repository over.
    pub(super) async fn manifests(
        &mut self,
        name: &RepositoryName,
        pass: Pass,
    ) -> Result<(), TransferError> {
        let transfer = self.porter.transfer;
        let (from, to) = (&*transfer.from.walk, &*transfer.to.walk);
        let mut pairs = Pairs::new(cursor::manifests(from, name), cursor::manifests(to, name));
        let mut batch = Batch::default();
        while let Some(Pair { source, target }) = pairs.next().await? {
            self.porter.go_on()?;
            let is_same =
                matches!((&source, &target), (Some(one), Some(other)) if same(one, other));
            if let Some(held) = target.as_ref().filter(|_| !is_same)
                && (source.is_some() || pass.is_last)
            {
                self.remove_manifest(name, held.sha256).await?;
                self.books.moved.removed += u64::from(source.is_none());
            }
            let Some(source) = source else { continue };
            if pass.is_last {
                let counted = target.filter(|_| is_same).map_or(0, |held| held.pulls);
                batch.pulls.extend(pulls(name, &source, counted));
            }
            if !is_same {
                self.add_manifest(name, source, &mut batch);
            }
            if batch.is_full() {
                self.write_manifests(name, std::mem::take(&mut batch)).await?;
            }
        }
        self.write_manifests(name, batch).await
    }

    async fn remove_manifest(
        &self,
        name: &RepositoryName,
        sha256: Digest,
    ) -> Result<(), TransferError> {
        let transfer = self.porter.transfer;
        let at = transfer.clock.now();
        transfer.to.content.delete_manifest(name, &sha256, None, at).await?;
        Ok(())
    }

    fn add_manifest(&mut self, name: &RepositoryName, source: ManifestWalk, batch: &mut Batch) {
        let hashed = Digest::sha256(&source.bytes);
        let problem = match record(&source, source.sha512) {
            _ if hashed != source.sha256 => Problem::HashMismatch(hashed),
            Err(refused) => Problem::NotAManifest(refused.to_string()),
            Ok(manifest) => {
                batch.bytes += source.bytes.len();
                batch.manifests.push(ImportedManifest { manifest, at: source.at });
                return;
            }
        };
        let finding = Finding { path: format!("{name}@{}", source.sha256), problem };
        if self.books.left_out.add_manifest(source.sha256, finding.clone()) {
            self.porter.observer.finding(&finding);
        }
    }

    async fn write_manifests(
        &mut self,
        name: &RepositoryName,
        batch: Batch,
    ) -> Result<(), TransferError> {
        let Batch { manifests, pulls, .. } = batch;
        let to = &self.porter.transfer.to;
        if !manifests.is_empty() {
            self.books.moved.manifests += manifests.len() as u64;
            let at = self.porter.transfer.clock.now();
            let repository = name.clone();
            let (blobs, tags) = (Vec::new(), Vec::new());
            to.import.import(ImportBatch { repository, at, blobs, manifests, tags }).await?;
        }
        if !pulls.is_empty() {
            to.counters.add_pulls(pulls).await?;
        }
        Ok(())
    }
}

impl Batch {
    fn is_full(&self) -> bool {
        self.manifests.len().max(self.pulls.len()) >= BATCH || self.bytes >= BATCH_BYTES
    }
}

/// Whether the target's record needs no change; pulls are not part of it.
fn same(source: &ManifestWalk, target: &ManifestWalk) -> bool {
    let facts = |one: &ManifestWalk| (one.sha256, one.sha512, one.media_type.clone(), one.at);
    facts(source) == facts(target)
}

/// The pulls that the target has not counted.
fn pulls(name: &RepositoryName, source: &ManifestWalk, counted: u64) -> Option<PullCount> {
    Some(PullCount {
        repository: name.clone(),
        digest: source.sha256,
        tag: None,
        count: source.pulls.checked_sub(counted).filter(|count| *count > 0)?,
        last: source.last_pulled?,
    })
}
