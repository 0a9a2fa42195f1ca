//! One bucket: every call to the store is made, timed, counted and sorted here.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{Attributes, ClientOptions, ObjectMeta, ObjectStore};
use store::{ObjectRecord, StoreError, Timestamp};

use super::calls::{Call, Calls};
use super::connect;
use super::failure::{self, Trouble};
use super::settings::BucketSettings;

/// Longest wait for an answer to a call that carries no content, and for the
/// next piece of a content.
pub(super) const STALL: Duration = Duration::from_secs(30);

/// The slowest rate, in bytes per second, at which content may leave.
pub(super) const SLOWEST: u64 = 64 << 10;

/// The library's clients for one bucket.
pub(super) struct Clients {
    pub objects: Arc<dyn ObjectStore>,
    pub multipart: Arc<dyn MultipartStore>,
    /// Lists by the beginning of names; `None` in memory.
    pub pages: Option<Arc<dyn PaginatedListStore>>,
    /// Signs addresses that clients may use by themselves.
    pub signer: Option<Arc<dyn Signer>>,
    /// Whether clients elsewhere can be expected to reach the store.
    pub public: bool,
    /// Before every name: empty or with a slash behind.
    pub root: String,
    /// Bytes of the first parts of an upload.
    pub part: u64,
    /// Bytes that every part but the last must have.
    pub smallest_part: u64,
    /// What every new object gets.
    pub attributes: Attributes,
    /// How large objects are copied, where one call cannot.
    pub part_copy: Option<PartCopy>,
    /// For messages.
    pub name: String,
}

/// Copies in parts, which the library does not know.
pub(super) struct PartCopy {
    pub bucket: String,
    pub signer: Arc<dyn Signer>,
    pub options: ClientOptions,
    pub chunk: u64,
    pub concurrency: usize,
    pub threshold: u64,
}

/// A bucket of an object store, below the settings' root directory.
///
/// Keys are names below that directory, without a leading slash.
pub struct Bucket {
    clients: Clients,
    calls: Calls,
    /// Whether a write that must not replace anything was seen to work.
    creates: AtomicBool,
    /// Whether the store was seen to tell a part from one that replaced it.
    tells_parts: AtomicBool,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("name", &self.clients.name).finish_non_exhaustive()
    }
}

impl Bucket {
    /// Prepares the clients. Nothing is sent: see [`Bucket::probe`].
    ///
    /// # Errors
    /// If a setting cannot be honoured; the text names its key.
    pub fn connect(settings: &BucketSettings) -> Result<Arc<Self>, StoreError> {
        Ok(Self::on(connect::clients(settings)?))
    }

    pub(super) fn on(clients: Clients) -> Arc<Self> {
        let (creates, tells_parts) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { clients, calls: Calls::default(), creates, tells_parts })
    }

    /// The store and the bucket, for messages.
    pub fn name(&self) -> &str {
        &self.clients.name
    }

    /// Calls made since the start.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    pub(super) fn clients(&self) -> &Clients {
        &self.clients
    }

    pub(super) fn creates(&self) -> bool {
        self.creates.load(Ordering::Relaxed)
    }

    pub(super) fn tells_parts(&self) -> bool {
        self.tells_parts.load(Ordering::Relaxed)
    }

    pub(crate) fn learned(&self, creates: bool, tells_parts: bool) {
        self.creates.store(creates, Ordering::Relaxed);
        self.tells_parts.store(tells_parts, Ordering::Relaxed);
    }

    /// The library's name of a key.
    pub(super) fn path(&self, key: &str) -> Result<Path, StoreError> {
        Path::parse(format!("{}{key}", self.clients.root)).map_err(|error| {
            StoreError::Failed(format!("object key {} cannot be used: {error}", oci::quoted(key)))
        })
    }

    /// The key of one of the library's names; `None` outside of the root.
    pub(super) fn key(&self, path: &Path) -> Option<String> {
        path.as_ref().strip_prefix(&self.clients.root).map(str::to_owned)
    }

    pub(super) fn record(&self, meta: &ObjectMeta) -> Option<ObjectRecord> {
        let modified = Timestamp::from_millis(meta.last_modified.timestamp_millis());
        Some(ObjectRecord { key: self.key(&meta.location)?, size: meta.size, modified })
    }

    pub(super) async fn call<T>(
        &self,
        call: Call,
        key: &str,
        carried: u64,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Trouble> {
        self.calls.count(call);
        let doing = format!("{} of {} in {}", call.name(), key, self.clients.name);
        let patience = STALL + Duration::from_secs(carried / SLOWEST);
        match tokio::time::timeout(patience, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(failure::sorted(&doing, &error)),
            Err(_) => Err(Trouble::Other(failure::stalled(&doing))),
        }
    }
}
