//! The places of the distribution tree, where bytes may be another registry's.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use oci::{Algorithm, Digest, RepositoryName};
use store::{ContentStore, SettingsStore, StoredRecord};

use crate::import::{NeedsImport, needs_import};
use crate::tree::{LinkName, Tree, TreeWriter, is_own_place};
use crate::{Observer, Shutdown, WorkError};

/// Repositories whose links are listed at once.
const AT_ONCE: usize = 8;

/// What a sweep of the tree's own places needs.
#[derive(Clone)]
pub struct OwnPlaces {
    /// The tree of the same storage.
    pub tree: Arc<dyn TreeWriter>,
    /// Knows which digests have rows, wherever their bytes are.
    pub content: Arc<dyn ContentStore>,
    /// Where the stamp of the last import or export is kept.
    pub settings: Arc<dyn SettingsStore>,
}

/// What the links of the tree name.
pub(super) struct TreeNames<'a> {
    content: &'a dyn ContentStore,
    /// The first 8 bytes of each digest. Two that share them merely keep what could go.
    named: HashSet<[u8; 8]>,
}

impl OwnPlaces {
    /// Reads all names, of which some 16 bytes each stay in memory; `None`, with a line that says
    /// why, if the tree holds what the metadata has not seen.
    pub(super) async fn tree_names(
        &self,
        observer: &dyn Observer,
        shutdown: &Shutdown,
    ) -> Result<Option<TreeNames<'_>>, WorkError> {
        let tree: &dyn Tree = self.tree.as_ref();
        let why = match needs_import(tree, self.settings.as_ref()).await? {
            // Without any link there is nothing that was not seen.
            NeedsImport::UpToDate | NeedsImport::Fresh => None,
            NeedsImport::FirstTime => Some("it was never imported"),
            NeedsImport::ChangedSince => {
                Some("another registry has written to it since the last import")
            }
            NeedsImport::ExportUnfinished => Some("an export of it is not finished"),
        };
        if let Some(why) = why {
            observer.line(&format!(
                "bytes below docker/registry/v2/blobs that nothing knows are left alone: {why}"
            ));
            return Ok(None);
        }
        let repositories = self.tree.repositories().await?.items;
        let names = repositories.into_iter().map(|name| self.names_in(name, shutdown));
        let mut names = futures_util::stream::iter(names).buffer_unordered(AT_ONCE);
        let mut named = HashSet::new();
        while let Some(digests) = names.try_next().await? {
            named.extend(digests.iter().map(front));
        }
        Ok(Some(TreeNames { content: self.content.as_ref(), named }))
    }

    /// Every digest that a link of the repository names, by its folder or by what it holds.
    async fn names_in(
        &self,
        name: RepositoryName,
        shutdown: &Shutdown,
    ) -> Result<Vec<Digest>, WorkError> {
        if shutdown.requested() {
            return Err(WorkError::Interrupted);
        }
        let links = self.tree.link_names(&name).await?;
        let mut digests: Vec<_> = links.iter().filter_map(named).collect();
        // The folder of a sha512 does not tell under which sha256 the bytes lie.
        if digests.iter().any(|digest| digest.algorithm() != Algorithm::Sha256) {
            digests.extend(self.tree.layers(&name).await?.items.iter().map(|link| link.sha256));
            digests.extend(self.tree.revisions(&name).await?.items.iter().map(|link| link.sha256));
        }
        Ok(digests)
    }
}

impl TreeNames<'_> {
    /// Those that are at no own place, or at that of a digest which nothing knows.
    pub(super) async fn without_named(
        &self,
        records: Vec<StoredRecord>,
    ) -> Result<Vec<StoredRecord>, WorkError> {
        let mut unnamed = Vec::new();
        for record in records {
            let is_needed = match &record.sha256 {
                Some(sha256) if is_own_place(sha256, &record.key) => {
                    self.named.contains(&front(sha256))
                        || self.content.blob_state(sha256).await?.is_some()
                }
                _ => false,
            };
            if !is_needed {
                unnamed.push(record);
            }
        }
        Ok(unnamed)
    }
}

fn named(link: &LinkName) -> Option<Digest> {
    match link {
        LinkName::Layer(digest) | LinkName::Revision(digest) | LinkName::TagIndex(_, digest) => {
            Some(*digest)
        }
        LinkName::TagCurrent(_) => None,
    }
}

fn front(digest: &Digest) -> [u8; 8] {
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}
