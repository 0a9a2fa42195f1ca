//! Which stores a configuration means, and opening them.

use std::sync::Arc;

use blobstore::{Bucket, Cached, Files, FilesOptions, Listener, Measured, ObjectBlobs};
use metastore::MetadataStore;
use store::{BlobStore, Clock, Objects, OsRandom, Random, StoreError, SystemClock};
use workers::transfer::Gate;
use workers::tree::{FileTree, ObjectTree, TreeWriter};

use server::{Figure, FigureKind};

use crate::config::Config;

/// Where a registry keeps everything, and the world around it.
#[derive(Clone)]
pub(crate) struct Stores {
    /// Names.
    pub(crate) metadata: Arc<dyn MetadataStore>,
    /// Bytes.
    pub(crate) blobs: Arc<dyn BlobStore>,
    /// The local disk before a bucket, which a server takes into use; `None` if there is none.
    pub(crate) cache: Option<Arc<Cached>>,
    /// The tree of the original, in the same place as the bytes.
    pub(crate) tree: Arc<dyn TreeWriter>,
    /// The bucket that bytes and tree are in; `None` if they are files.
    pub(crate) objects: Option<Arc<dyn Objects>>,
    pub(crate) world: World,
    /// Whether other processes may serve the same stores at the same time.
    pub(crate) shared: bool,
    /// One run of this process, among all that share the stores.
    pub(crate) holder: String,
    /// What a served registry's writes pass, until it is moved.
    pub(crate) gate: Gate,
}

/// Time and chance.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl World {
    /// The real one.
    pub(crate) fn real() -> Self {
        Self { clock: Arc::new(SystemClock::new()), random: Arc::new(OsRandom) }
    }

    /// A name that nobody else has.
    pub(crate) fn name(&self) -> String {
        let mut chance = [0; 16];
        self.random.fill(&mut chance);
        chance.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Stores {
    /// The same for a server: through the local cache, if there is one, and telling `heard` how
    /// long each action on bytes takes.
    pub(crate) fn measured(mut self, heard: Arc<Listener>) -> Self {
        if let Some(cache) = &self.cache {
            cache.begin();
            self.blobs = cache.clone();
        }
        self.blobs = Arc::new(Measured::new(self.blobs, self.world.clock.clone(), heard));
        self
    }

    /// The figures of the local cache; none without one.
    pub(crate) fn cache_figures(&self) -> Vec<Figure> {
        let Some(cache) = &self.cache else { return Vec::new() };
        let told = cache.figures();
        let figure =
            |kind, name, help, value: u64| Figure { name, help, kind, value: value as f64 };
        let counter = |name, help, value| figure(FigureKind::Counter, name, help, value);
        let gauge = |name, help, value| figure(FigureKind::Gauge, name, help, value);
        vec![
            counter("berth_cache_hits", "Reads of blobs from the local disk", told.hits),
            counter("berth_cache_misses", "Reads of blobs from the bucket", told.misses),
            counter("berth_cache_hit_bytes", "Bytes read from the local disk", told.hit_bytes),
            counter("berth_cache_fills", "Blobs that were put on the disk", told.fills),
            counter("berth_cache_lost_fills", "Fills that were given up", told.fills_lost),
            counter("berth_cache_evictions", "Blobs that made room", told.evictions),
            counter("berth_cache_errors", "Failures of the local disk", told.errors),
            counter("berth_cache_mismatches", "Blobs with another digest", told.mismatches),
            gauge("berth_cache_ready", "Whether the directory is in use", told.ready.into()),
            gauge("berth_cache_filling", "Fills that are going on", told.filling),
            gauge("berth_cache_files", "Blobs on the local disk", told.files),
            gauge("berth_cache_bytes", "Bytes of their files", told.bytes),
            gauge("berth_cache_capacity_bytes", "Most bytes of their files", told.capacity),
        ]
    }
}

/// Opens the stores; where one process owns them, the caller holds the lock.
pub(crate) async fn open_stores(config: &Config, world: World) -> Result<Stores, StoreError> {
    let Bytes { blobs, cache, tree, objects } = open_bytes(config, &world).await?;
    let metadata = super::metadata::open(config, &world).await?;
    let shared = super::home(config).is_none();
    let holder = world.name();
    let gate = Gate::default();
    Ok(Stores { metadata, blobs, cache, tree, objects, world, shared, holder, gate })
}

/// What lies where the driver says.
struct Bytes {
    blobs: Arc<dyn BlobStore>,
    cache: Option<Arc<Cached>>,
    tree: Arc<dyn TreeWriter>,
    objects: Option<Arc<dyn Objects>>,
}

async fn open_bytes(config: &Config, world: &World) -> Result<Bytes, StoreError> {
    let Some(settings) = super::bucket::settings(&config.storage.driver) else {
        let root = config.storage.local_root().map_err(StoreError::Failed)?;
        let (blobs, tree) = (Files::open(FilesOptions::new(root))?, FileTree::new(root));
        return Ok(Bytes { blobs, cache: None, tree: Arc::new(tree), objects: None });
    };
    let bucket = Bucket::connect(&settings)?;
    let probe = bucket.probe(&*world.random).await?;
    tracing::info!(
        bucket = bucket.name(),
        conditional_writes = probe.creates,
        signed_addresses = probe.signs,
        "the bucket does what a registry needs"
    );
    let options = super::bucket::options(config, world)?;
    let blobs = ObjectBlobs::new(bucket.clone(), world.random.clone(), options);
    let cache = super::bucket::cache(config)
        .map(|settings| Cached::new(blobs.clone(), settings, world.clock.clone(), &*world.random));
    let tree = Arc::new(ObjectTree::new(bucket.clone()));
    Ok(Bytes { blobs, cache, tree, objects: Some(bucket) })
}
