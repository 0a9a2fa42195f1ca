//! The tree as objects in a bucket, with the very keys that the original's drivers give them.
//!
//! A bucket has no folders, only names with slashes, and no second names for the same bytes. So
//! folders are what lies between slashes (objects that some tools put there to mark one are passed
//! over), bytes are copied inside the bucket, and links bear the time at which they were written:
//! after an export, that of the export. Every object is durable when its writing returns.
//!
//! What it costs, in calls of the store: the walk over repositories, one per folder; the links of
//! a repository, one per thousand and one more for each; a blob's size, one; the stamp, one per
//! thousand links of the whole tree. Calls that need not wait for each other go out together, at
//! most [`AT_ONCE`] of one task.

mod links;
mod pages;
mod read;
mod remove;
mod repositories;
mod stamp;
mod write;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use oci::{Digest, RepositoryName};
use store::{BlobKey, Objects, StoreError};

use super::{
    BlobLook, LayerLink, LinkName, Listing, ManifestRead, RevisionLink, Stamp, TagLink, Tree,
    TreeWrite, TreeWriter, Written,
};

/// Calls that one task has under way. An import works on several repositories beside each other.
const AT_ONCE: usize = 16;

/// A tree in a bucket.
#[derive(Clone)]
pub struct ObjectTree {
    objects: Arc<dyn Objects>,
}

impl ObjectTree {
    /// The tree below the root directory of `objects`. Its keys are those that the blob store of
    /// the same bucket reads.
    #[must_use]
    pub fn new(objects: Arc<dyn Objects>) -> Self {
        Self { objects }
    }

    fn objects(&self) -> &dyn Objects {
        self.objects.as_ref()
    }
}

impl fmt::Debug for ObjectTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectTree").finish_non_exhaustive()
    }
}

#[async_trait]
impl Tree for ObjectTree {
    async fn holds_repositories(&self) -> Result<bool, StoreError> {
        repositories::any(self.objects()).await
    }

    async fn repositories(&self) -> Result<Listing<RepositoryName>, StoreError> {
        repositories::all(self.objects()).await
    }

    async fn layers(&self, name: &RepositoryName) -> Result<Listing<LayerLink>, StoreError> {
        links::layers(self.objects(), name).await
    }

    async fn revisions(&self, name: &RepositoryName) -> Result<Listing<RevisionLink>, StoreError> {
        links::revisions(self.objects(), name).await
    }

    async fn tags(&self, name: &RepositoryName) -> Result<Listing<TagLink>, StoreError> {
        links::tags(self.objects(), name).await
    }

    async fn blobs(&self, sha256: Vec<Digest>) -> Result<Vec<BlobLook>, StoreError> {
        read::blobs(self.objects(), sha256).await
    }

    async fn manifest(&self, sha256: &Digest, limit: u64) -> Result<ManifestRead, StoreError> {
        read::manifest(self.objects(), sha256, limit).await
    }

    async fn stamp(&self) -> Result<Stamp, StoreError> {
        stamp::take(self.objects()).await
    }
}

#[async_trait]
impl TreeWriter for ObjectTree {
    async fn write(
        &self,
        name: &RepositoryName,
        writes: Vec<TreeWrite>,
    ) -> Result<Written, StoreError> {
        write::all(self.objects(), name, writes).await
    }

    async fn to_copy(&self, blobs: Vec<(Digest, BlobKey)>) -> Result<Vec<Digest>, StoreError> {
        write::to_copy(self.objects(), blobs).await
    }

    async fn link_names(&self, name: &RepositoryName) -> Result<Vec<LinkName>, StoreError> {
        links::names(self.objects(), name).await
    }

    async fn remove(&self, name: &RepositoryName, links: Vec<LinkName>) -> Result<(), StoreError> {
        remove::links(self.objects(), name, &links).await
    }

    async fn remove_repository(&self, name: &RepositoryName) -> Result<(), StoreError> {
        remove::repository(self.objects(), name).await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
