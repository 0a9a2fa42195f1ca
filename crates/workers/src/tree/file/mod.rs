//! The tree as files, below the original's `rootdirectory`.
//!
//! All work is `std::fs` on threads that may block; one call is one hop to such a thread.

mod layout;
mod links;
mod read;
mod remove;
mod repositories;
mod stamp;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use oci::{Digest, RepositoryName};
use store::{BlobKey, StoreError};

use super::{
    BlobLook, LayerLink, LinkName, Listing, ManifestRead, RevisionLink, Stamp, TagLink, Tree,
    TreeWrite, TreeWriter, Written,
};
use layout::Layout;

/// A tree in a directory.
#[derive(Debug, Clone)]
pub struct FileTree {
    layout: Arc<Layout>,
}

impl FileTree {
    /// The tree below `root`, the original's `storage.filesystem.rootdirectory`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { layout: Arc::new(Layout::new(root.into())) }
    }

    /// Runs `work` where it may block.
    async fn blocking<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Layout) -> Result<T, StoreError> + Send + 'static,
    {
        let layout = Arc::clone(&self.layout);
        tokio::task::spawn_blocking(move || work(&layout))
            .await
            .unwrap_or_else(|error| Err(StoreError::Failed(format!("reading the tree: {error}"))))
    }
}

#[async_trait]
impl Tree for FileTree {
    async fn holds_repositories(&self) -> Result<bool, StoreError> {
        self.blocking(repositories::any).await
    }

    async fn repositories(&self) -> Result<Listing<RepositoryName>, StoreError> {
        self.blocking(repositories::all).await
    }

    async fn layers(&self, name: &RepositoryName) -> Result<Listing<LayerLink>, StoreError> {
        let name = name.clone();
        self.blocking(move |layout| Ok(links::layers(layout, &name))).await
    }

    async fn revisions(&self, name: &RepositoryName) -> Result<Listing<RevisionLink>, StoreError> {
        let name = name.clone();
        self.blocking(move |layout| Ok(links::revisions(layout, &name))).await
    }

    async fn tags(&self, name: &RepositoryName) -> Result<Listing<TagLink>, StoreError> {
        let name = name.clone();
        self.blocking(move |layout| Ok(links::tags(layout, &name))).await
    }

    async fn blobs(&self, sha256: Vec<Digest>) -> Result<Vec<BlobLook>, StoreError> {
        let all = move |layout: &Layout| Ok(sha256.iter().map(|d| read::blob(layout, d)).collect());
        self.blocking(all).await
    }

    async fn manifest(&self, sha256: &Digest, limit: u64) -> Result<ManifestRead, StoreError> {
        let sha256 = *sha256;
        self.blocking(move |layout| Ok(read::manifest(layout, &sha256, limit))).await
    }

    async fn stamp(&self) -> Result<Stamp, StoreError> {
        self.blocking(stamp::take).await
    }
}

#[async_trait]
impl TreeWriter for FileTree {
    async fn write(
        &self,
        name: &RepositoryName,
        writes: Vec<TreeWrite>,
    ) -> Result<Written, StoreError> {
        let name = name.clone();
        self.blocking(move |layout| write::all(layout, &name, writes)).await
    }

    /// A file gets a second name. A file system that knows no such thing copies; that shows only
    /// when it is tried.
    async fn to_copy(&self, _: Vec<(Digest, BlobKey)>) -> Result<Vec<Digest>, StoreError> {
        Ok(Vec::new())
    }

    async fn link_names(&self, name: &RepositoryName) -> Result<Vec<LinkName>, StoreError> {
        let name = name.clone();
        self.blocking(move |layout| Ok(links::names(layout, &name))).await
    }

    async fn remove(&self, name: &RepositoryName, links: Vec<LinkName>) -> Result<(), StoreError> {
        let name = name.clone();
        self.blocking(move |layout| remove::links(layout, &name, &links)).await
    }

    async fn remove_repository(&self, name: &RepositoryName) -> Result<(), StoreError> {
        let name = name.clone();
        self.blocking(move |layout| remove::repository(layout, &name)).await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        self.blocking(|layout| sync(layout.root())).await
    }
}

/// Flushes the whole file system that holds `root`: one flush for any number of small files.
fn sync(root: &Path) -> Result<(), StoreError> {
    let failed =
        |error: std::io::Error| StoreError::io(format!("syncing {}", root.display()), &error);
    let directory = std::fs::File::open(root).map_err(failed)?;
    rustix::fs::syncfs(&directory).map_err(|error| failed(error.into()))
}
