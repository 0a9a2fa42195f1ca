//! Manifests of a repository, with their own times, and how often they were pulled.

use oci::{Digest, RepositoryName};
use store::{ImportBatch, ImportedManifest, ManifestWalk, PullCount, PutManifest};

use super::cursor::{self, Pair, Pairs};
use super::error::TransferError;
use super::links::unexpected;
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
            let Some(source) = source else {
                if let Some(held) = target.filter(|_| pass.is_last) {
                    self.remove_manifest(name, held.sha256).await?;
                    self.books.moved.removed += 1;
                }
                continue;
            };
            if pass.is_last {
                let counted = target.as_ref().map_or(0, |held| held.pulls);
                batch.pulls.extend(pulls(name, &source, counted));
            }
            match target {
                Some(_) if is_same => {}
                Some(_) => self.replace_manifest(name, source).await?,
                None => self.add_manifest(name, source, &mut batch),
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

    /// Says of a manifest that is there what the source says of it. It stays
    /// there all the while: a repository that was empty for a moment would be
    /// another one for those who hold a token for it.
    async fn replace_manifest(
        &mut self,
        name: &RepositoryName,
        source: ManifestWalk,
    ) -> Result<(), TransferError> {
        let Some(ImportedManifest { manifest, at }) = self.checked(name, &source) else {
            return self.remove_manifest(name, source.sha256).await;
        };
        let command = PutManifest {
            repository: name.clone(),
            tag_digest: manifest.sha256,
            manifest,
            tags: Vec::new(),
            asks_taken: false,
            actor: None,
            at,
        };
        let to = &self.porter.transfer.to;
        to.content.put_manifest(command, Box::new(|_| Ok(()))).await.map_err(unexpected)?;
        self.books.moved.manifests += 1;
        Ok(())
    }

    fn add_manifest(&mut self, name: &RepositoryName, source: ManifestWalk, batch: &mut Batch) {
        if let Some(manifest) = self.checked(name, &source) {
            batch.bytes += source.bytes.len();
            batch.manifests.push(manifest);
        }
    }

    /// The manifest, if its bytes are what they are said to be; else a finding.
    fn checked(
        &mut self,
        name: &RepositoryName,
        source: &ManifestWalk,
    ) -> Option<ImportedManifest> {
        let hashed = Digest::sha256(&source.bytes);
        let problem = match record(source, source.sha512) {
            _ if hashed != source.sha256 => Problem::HashMismatch(hashed),
            Err(refused) => Problem::NotAManifest(refused.to_string()),
            Ok(manifest) => return Some(ImportedManifest { manifest, at: source.at }),
        };
        let finding = Finding { path: format!("{name}@{}", source.sha256), problem };
        if self.books.left_out.add_manifest(source.sha256, finding.clone()) {
            self.porter.observer.finding(&finding);
        }
        None
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
