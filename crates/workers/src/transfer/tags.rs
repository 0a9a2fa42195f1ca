//! Tags of a repository, with their own times, and how often they were pulled.

use oci::{Algorithm, Digest, Reference, RepositoryName, Tag};
use store::{
    ImportBatch, ImportedTag, ManifestWalk, PullCount, PutManifest, StoreError, TagWalk, Timestamp,
};

use super::cursor::{self, Pair, Pairs};
use super::error::TransferError;
use super::links::unexpected;
use super::pass::{Pass, Run};
use super::record::record;

/// Tags that are written at once.
const BATCH: usize = 500;

impl Run<'_> {
    /// Brings the tags of a repository over; its manifests are there.
    pub(super) async fn tags(
        &mut self,
        name: &RepositoryName,
        pass: Pass,
    ) -> Result<(), TransferError> {
        let transfer = self.porter.transfer;
        let (from, to) = (&*transfer.from.walk, &*transfer.to.walk);
        let mut pairs = Pairs::new(cursor::tags(from, name), cursor::tags(to, name));
        let (mut tags, mut pulls) = (Vec::new(), Vec::new());
        while let Some(Pair { source, target }) = pairs.next().await? {
            self.porter.go_on()?;
            let is_same =
                matches!((&source, &target), (Some(one), Some(other)) if same(one, other));
            let Some(source) = source else {
                if let Some(held) = target.filter(|_| pass.is_last) {
                    self.remove_tag(name, &held).await?;
                    self.books.moved.removed += 1;
                }
                continue;
            };
            let mut counted = target.as_ref().map_or(0, |held| held.pulls);
            if let Some(held) = target.filter(|held| !is_same && !moves(held, &source)) {
                self.remove_tag(name, &held).await?;
                counted = 0;
            }
            if pass.is_last {
                pulls.extend(uncounted(name, &source, counted));
            }
            if !is_same && !self.books.left_out.holds_manifest(&source.sha256) {
                tags.push(source);
            }
            if tags.len().max(pulls.len()) >= BATCH {
                let full = (std::mem::take(&mut tags), std::mem::take(&mut pulls));
                self.write_tags(name, full.0, full.1).await?;
            }
        }
        self.write_tags(name, tags, pulls).await
    }

    async fn remove_tag(&self, name: &RepositoryName, held: &TagWalk) -> Result<(), TransferError> {
        let transfer = self.porter.transfer;
        let at = transfer.clock.now();
        transfer.to.content.delete_tag(name, &held.tag, None, at).await?;
        Ok(())
    }

    async fn write_tags(
        &mut self,
        name: &RepositoryName,
        tags: Vec<TagWalk>,
        pulls: Vec<PullCount>,
    ) -> Result<(), TransferError> {
        let transfer = self.porter.transfer;
        if !tags.is_empty() {
            let new = |tag: &TagWalk| {
                let TagWalk { tag, digest, at, .. } = tag.clone();
                ImportedTag { tag, digest, at }
            };
            let batch = ImportBatch {
                repository: name.clone(),
                at: transfer.clock.now(),
                blobs: Vec::new(),
                manifests: Vec::new(),
                tags: tags.iter().map(new).collect(),
            };
            let left_out = transfer.to.import.import(batch).await?;
            self.books.moved.tags += (tags.len() - left_out.len()) as u64;
            for tag in left_out {
                let found = tags.iter().find(|one| one.tag == tag);
                if let Some(tag) = found.filter(|one| one.digest.algorithm() == Algorithm::Sha512) {
                    self.tag_by_other_name(name, tag).await?;
                }
            }
        }
        if !pulls.is_empty() {
            transfer.to.counters.add_pulls(pulls).await?;
        }
        Ok(())
    }

    /// A tag that was pushed by a sha512, while its manifest was pushed by its sha256 since: the
    /// manifest is told both names, in the order in which it got them.
    async fn tag_by_other_name(
        &mut self,
        name: &RepositoryName,
        tag: &TagWalk,
    ) -> Result<(), TransferError> {
        let transfer = self.porter.transfer;
        let Some(walked) = self.held_manifest(name, tag.sha256).await? else { return Ok(()) };
        if Digest::of(Algorithm::Sha512, &walked.bytes) != tag.digest {
            let text = format!("tag {name}:{} names {}, which it is not", tag.tag, tag.digest);
            return Err(StoreError::Damaged(text).into());
        }
        let put = |sha512: Option<Digest>, tags: Vec<Tag>, at: Timestamp| {
            let manifest = record(&walked, sha512)
                .map_err(|refused| StoreError::Damaged(refused.to_string()))?;
            let (repository, actor, tag_digest) = (name.clone(), None, tag.digest);
            Ok::<_, StoreError>(PutManifest {
                repository,
                manifest,
                tags,
                tag_digest,
                asks_taken: false,
                actor,
                at,
            })
        };
        let named = put(Some(tag.digest), vec![tag.tag.clone()], tag.at)?;
        let plain = put(None, Vec::new(), walked.at)?;
        for command in [named, plain] {
            let done = transfer.to.content.put_manifest(command, Box::new(|_| Ok(()))).await;
            done.map_err(unexpected)?;
        }
        self.books.moved.tags += 1;
        Ok(())
    }

    /// A manifest that the target has.
    async fn held_manifest(
        &self,
        name: &RepositoryName,
        sha256: Digest,
    ) -> Result<Option<ManifestWalk>, TransferError> {
        let to = &self.porter.transfer.to;
        let Some(found) = to.content.manifest(name, &Reference::Digest(sha256)).await? else {
            return Ok(None);
        };
        // Its time is known to the walk alone.
        let mut list = cursor::manifests(&*to.walk, name);
        while let Some(walked) = list.next().await? {
            if walked.sha256 == sha256 && walked.bytes == found.bytes {
                return Ok(Some(walked));
            }
        }
        Ok(None)
    }
}

/// Whether an import makes the one out of the other: it moves a tag to where it has been pointed
/// later. All others are made anew.
fn moves(target: &TagWalk, source: &TagWalk) -> bool {
    target.digest != source.digest && target.at < source.at
}

fn same(source: &TagWalk, target: &TagWalk) -> bool {
    let facts = |one: &TagWalk| (one.digest, one.sha256, one.at);
    facts(source) == facts(target)
}

/// The pulls by this name that the target has not counted. Those of the manifest are counted with
/// it, so this names none: the digest is one that no manifest has.
fn uncounted(name: &RepositoryName, source: &TagWalk, counted: u64) -> Option<PullCount> {
    Some(PullCount {
        repository: name.clone(),
        digest: Digest::sha256(b""),
        tag: Some(source.tag.clone()),
        count: source.pulls.checked_sub(counted).filter(|count| *count > 0)?,
        last: source.last_pulled?,
    })
}
