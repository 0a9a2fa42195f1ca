//! The file adapter: one directory for staging, one place for each blob.
//!
//! Async callers meet the disk in three ways. Reads that the page cache can
//! answer run on the caller's thread. Uploads hand full buffers to two lanes,
//! one that hashes and one that writes. Everything that syncs runs on the
//! runtime's blocking threads.

mod block;
mod buffer;
mod chunks;
mod direct;
mod directory;
mod failure;
mod lane;
mod layout;
mod lease;
mod listing;
mod options;
mod pipe;
mod place;
mod points;
mod put;
mod read;
mod remove;
mod stage;
mod stored;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use oci::{ByteRange, Hasher};
use store::{
    AddressRequest, BlobKey, BlobSlot, BlobStore, ByteStream, Checkpoint, StagedBlob, StagingId,
    StagingRecord, StoreError, StoredRecord,
};

use buffer::Buffers;
use layout::Layout;
use lease::Leases;
use place::Places;
use stage::FileStage;

pub(crate) use chunks::{Chunks, read_cached};
pub use options::{DirectIo, FilesOptions};

/// Keeps blobs as files below a root directory.
///
/// One process at a time may write below one root.
#[derive(Debug)]
pub struct Files {
    shared: Arc<Shared>,
}

/// What every operation and every open upload needs.
#[derive(Debug)]
struct Shared {
    layout: Layout,
    places: Places,
    buffers: Arc<Buffers>,
    leases: Arc<Leases>,
    direct: bool,
}

impl Files {
    /// Opens the store below `options.root`, making and syncing the directories
    /// it needs, and finds out whether the file system takes direct writes.
    ///
    /// Blocks for some milliseconds; meant for the start of the process.
    ///
    /// # Errors
    /// If a directory cannot be made, or if staging lies on another file system
    /// than the blobs, between which nothing can be renamed.
    pub fn open(options: FilesOptions) -> Result<Arc<Self>, StoreError> {
        let layout = Layout::new(options.root, options.staging);
        layout.make()?;
        let direct = options.direct == DirectIo::Auto && direct::probe(&layout);
        let shared = Shared {
            layout,
            places: Places::default(),
            buffers: Buffers::new(options.buffers),
            leases: Leases::new(),
            direct,
        };
        Ok(Arc::new(Self { shared: Arc::new(shared) }))
    }
}

#[async_trait]
impl BlobStore for Files {
    async fn stage(
        &self,
        id: &StagingId,
        hashers: Vec<Hasher>,
    ) -> Result<Box<dyn StagedBlob>, StoreError> {
        Ok(Box::new(FileStage::create(Arc::clone(&self.shared), id.clone(), hashers).await?))
    }

    async fn reopen(
        &self,
        id: &StagingId,
        from: Checkpoint,
    ) -> Result<Option<Box<dyn StagedBlob>>, StoreError> {
        let stage = FileStage::reopen(Arc::clone(&self.shared), id.clone(), from).await?;
        Ok(stage.map(|stage| Box::new(stage) as Box<dyn StagedBlob>))
    }

    async fn discard(&self, id: &StagingId) -> Result<(), StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.clone());
        block::on(move || remove::staging(&shared.layout, &id)).await
    }

    async fn staged(&self, limit: usize) -> Result<Vec<StagingRecord>, StoreError> {
        let shared = Arc::clone(&self.shared);
        block::on(move || listing::oldest(&shared.layout, limit)).await
    }

    async fn put(&self, slot: &BlobSlot, bytes: Bytes) -> Result<BlobKey, StoreError> {
        let (shared, slot) = (Arc::clone(&self.shared), slot.clone());
        block::on(move || put::whole(&shared, &slot, &bytes)).await
    }

    async fn read(&self, key: &BlobKey, range: ByteRange) -> Result<ByteStream, StoreError> {
        read::open(&self.shared.layout, key, range)
    }

    /// Files have no address.
    async fn address(
        &self,
        _key: &BlobKey,
        _request: AddressRequest,
    ) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn stored(
        &self,
        own_places: bool,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let (shared, after) = (Arc::clone(&self.shared), after.cloned());
        block::on(move || stored::list(&shared.layout, own_places, after.as_ref(), limit)).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        let (shared, key) = (Arc::clone(&self.shared), key.clone());
        block::on(move || remove::blob(&shared.layout, &key)).await
    }
}
