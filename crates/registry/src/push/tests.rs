//! Uploads over real stores, across crashes and clean stops. A crash is a
//! registry that is dropped in the middle: only what the stores hold is left.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use blobstore::{Files, FilesOptions};
use bytes::Bytes;
use metastore::{OpenOptions, Sqlite};
use oci::{Algorithm, Digest, RepositoryName};
use store::{BlobStore, OsRandom, SystemClock, UploadId, UploadState, UploadStore};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::{Source, SourceError, UploadHint, UploadKey};
use crate::access::{Access, Caller, Open, Push};
use crate::{Error, Granted, Parts, Registry, Settings};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const EVERY: u64 = 2 << 20;

/// What outlives a registry.
struct House {
    root: TempDir,
    blobs: Arc<Files>,
    metadata: Arc<Sqlite>,
}

impl House {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let blobs = Files::open(FilesOptions::new(root.path())).unwrap();
        let path = root.path().join("berth");
        let metadata = Sqlite::open(OpenOptions { path, synchronous_off: true }).unwrap();
        Self { root, blobs, metadata }
    }

    /// A registry that knows what the stores know.
    fn registry(&self) -> Registry {
        self.replica(false)
    }

    /// One of several registries if `shared`.
    fn replica(&self, shared: bool) -> Registry {
        let parts = Parts {
            content: self.metadata.clone(),
            uploads: self.metadata.clone(),
            blobs: self.blobs.clone(),
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(OsRandom),
        };
        let settings = Settings { checkpoint_every_bytes: EVERY, shared, ..Settings::default() };
        Registry::new(parts, settings, UploadKey::new(b"key"))
    }

    /// The offset that the upload's row tells.
    async fn noted(&self, id: &UploadId) -> Option<u64> {
        match self.metadata.upload(id).await.unwrap()?.state {
            UploadState::Open { offset, .. } => Some(offset),
            _ => None,
        }
    }

    fn blob_files(&self) -> usize {
        let blobs = self.root.path().join("docker/registry/v2/blobs/sha256");
        std::fs::read_dir(blobs).unwrap().count()
    }
}

fn granted() -> Granted<Push> {
    let name = RepositoryName::parse("team/app").unwrap();
    Access::new(Arc::new(Open)).push(&Caller::anonymous(), name).unwrap()
}

fn start(registry: &Registry) -> UploadId {
    registry.start_upload(&granted(), UploadHint(Algorithm::Sha256))
}

/// Bytes in which no two blocks are alike.
fn content(length: usize) -> Bytes {
    let words = (0..length.div_ceil(8) as u64).flat_map(|word| word.to_le_bytes());
    words.take(length).collect::<Vec<u8>>().into()
}

/// A body that comes whole, or breaks off.
struct Body {
    rest: Bytes,
    breaks_off: bool,
}

impl Body {
    fn whole(bytes: Bytes) -> Self {
        Self { rest: bytes, breaks_off: false }
    }
}

#[async_trait]
impl Source for Body {
    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.rest.is_empty() && self.breaks_off {
            return Err(SourceError::Broken("the client left".to_owned()));
        }
        let chunk = self.rest.split_to(self.rest.len().min(64 * KIB));
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}

/// A body that stops without a word once the upload's row tells an offset.
struct UntilNoted<'h> {
    house: &'h House,
    id: UploadId,
    rest: Bytes,
    stopped: Arc<Notify>,
}

#[async_trait]
impl Source for UntilNoted<'_> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.house.noted(&self.id).await.is_some() {
            self.stopped.notify_one();
            std::future::pending::<()>().await;
        }
        // Small steps at the end: the row follows the bytes by some buffers.
        let left = self.rest.len();
        let size = if left > MIB { 64 * KIB } else { 1 };
        Ok(Some(self.rest.split_to(size.min(left))))
    }
}

async fn finish(registry: &Registry, id: &UploadId, whole: &Bytes) -> Result<(), Error> {
    let offset = registry.upload_offset(&granted(), id).await?;
    let mut rest = Body::whole(whole.slice(usize::try_from(offset).unwrap()..));
    registry.finish_upload(&granted(), id, None, &mut rest, Digest::sha256(whole)).await
}

#[tokio::test]
async fn after_a_crash_a_large_upload_goes_on_from_its_last_checkpoint() {
    let house = House::new();
    let whole = content(12 * MIB + 5);
    let registry = house.registry();
    let id = start(&registry);
    let stopped = Arc::new(Notify::new());
    let rest = whole.clone();
    let mut body = UntilNoted { house: &house, id: id.clone(), rest, stopped: stopped.clone() };
    let grant = granted();
    tokio::select! {
        ended = registry.append(&grant, &id, None, &mut body) => panic!("{ended:?}"),
        () = stopped.notified() => {}
    }
    drop(body);
    drop(registry);

    let registry = house.registry();
    let noted = house.noted(&id).await.unwrap();
    assert!(noted >= EVERY, "{noted}");
    assert_eq!(registry.upload_offset(&granted(), &id).await.unwrap(), noted);
    finish(&registry, &id, &whole).await.unwrap();
}

#[tokio::test]
async fn after_a_clean_stop_an_upload_goes_on_from_where_it_was() {
    let house = House::new();
    let whole = content(3 * MIB + 77);
    for sent in [100, 3 * MIB + 5] {
        let registry = house.registry();
        let id = start(&registry);
        let mut body = Body::whole(whole.slice(..sent));
        registry.append(&granted(), &id, None, &mut body).await.unwrap();
        assert_eq!(registry.settle_uploads(Duration::ZERO).await.unwrap(), 1);
        drop(registry);

        let registry = house.registry();
        assert_eq!(registry.upload_offset(&granted(), &id).await.unwrap(), sent as u64);
        finish(&registry, &id, &whole).await.unwrap();
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_kept_to_its_last_byte() {
    let house = House::new();
    let whole = content(2 * MIB);
    let registry = house.registry();
    let id = start(&registry);
    let mut body = Body { rest: whole.slice(..MIB + 3), breaks_off: true };
    let broken = registry.append(&granted(), &id, None, &mut body).await;
    assert!(matches!(broken, Err(Error::BodyFailed(_))), "{broken:?}");
    drop(registry);

    let registry = house.registry();
    assert_eq!(registry.upload_offset(&granted(), &id).await.unwrap(), MIB as u64 + 3);
    finish(&registry, &id, &whole).await.unwrap();
}

#[tokio::test]
async fn an_upload_that_crashed_before_its_first_checkpoint_begins_anew() {
    let house = House::new();
    let whole = content(MIB);
    let registry = house.registry();
    let id = start(&registry);
    let mut body = Body::whole(whole.slice(..MIB / 2));
    registry.append(&granted(), &id, None, &mut body).await.unwrap();
    assert_eq!(house.noted(&id).await, None);
    drop(registry);

    let registry = house.registry();
    assert_eq!(registry.upload_offset(&granted(), &id).await.unwrap(), 0);
    finish(&registry, &id, &whole).await.unwrap();
}

#[tokio::test]
async fn a_small_upload_that_paused_on_the_disk_ends_in_the_database() {
    let house = House::new();
    let whole = content(5000);
    let registry = house.registry();
    let id = start(&registry);
    let mut body = Body::whole(whole.slice(..3000));
    registry.append(&granted(), &id, None, &mut body).await.unwrap();
    registry.settle_uploads(Duration::ZERO).await.unwrap();
    assert_eq!(house.blobs.staged(10).await.unwrap().len(), 1);

    finish(&registry, &id, &whole).await.unwrap();
    assert_eq!(house.blobs.staged(10).await.unwrap(), []);
    assert_eq!(house.blob_files(), 0);
    let pull =
        Access::new(Arc::new(Open)).pull(&Caller::anonymous(), granted().repository().clone());
    let size = registry.blob_size(&pull.unwrap(), &Digest::sha256(&whole)).await.unwrap();
    assert_eq!(size.size, 5000);
}

#[tokio::test]
async fn each_chunk_of_an_upload_may_reach_another_replica() {
    let house = House::new();
    let replicas = [house.replica(true), house.replica(true), house.replica(true)];
    let granted = granted();
    for chunk in [7, 50 * KIB, 100 * KIB, MIB + 3] {
        let whole = content(5 * chunk + 1);
        let id = start(&replicas[0]);
        let mut offset = 0;
        let mut turns = replicas.iter().cycle();
        while offset < whole.len() - 1 {
            let mut body = Body::whole(whole.slice(offset..offset + chunk));
            let turn = turns.next().unwrap();
            let now = turn.append(&granted, &id, None, &mut body).await.unwrap();
            offset += chunk;
            assert_eq!(now, offset as u64);
            for replica in &replicas {
                assert_eq!(replica.upload_offset(&granted, &id).await.unwrap(), now);
            }
        }
        finish(&replicas[2], &id, &whole).await.unwrap();
        // The same PUT again, at another one, has the same end.
        let again = replicas[1]
            .finish_upload(
                &granted,
                &id,
                None,
                &mut Body::whole(Bytes::new()),
                Digest::sha256(&whole),
            )
            .await;
        again.unwrap();
    }
    assert!(replicas.iter().all(|replica| replica.open_uploads() == 0));
}

#[tokio::test]
async fn a_replica_that_comes_too_late_cannot_write_over_another_ones_bytes() {
    let house = House::new();
    let (slow, quick) = (house.replica(true), house.replica(true));
    let granted = granted();
    let whole = content(300 * KIB);
    let id = start(&slow);
    let begun = whole.slice(..100 * KIB);
    slow.append(&granted, &id, None, &mut Body::whole(begun)).await.unwrap();

    let (reached, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut body = Paused {
        rest: vec![whole.slice(100 * KIB..101 * KIB), Bytes::from_static(b"not what comes next")],
        reached: reached.clone(),
        go_on: go_on.clone(),
    };
    let late = slow.append(&granted, &id, None, &mut body);
    let other = async {
        reached.notified().await;
        let mut rest = Body::whole(whole.slice(100 * KIB..200 * KIB));
        let offset = quick.append(&granted, &id, None, &mut rest).await;
        go_on.notify_one();
        offset
    };
    let (late, other) = tokio::join!(late, other);
    assert!(matches!(late, Err(Error::UploadBusy)), "{late:?}");
    assert_eq!(other.unwrap(), 200 * KIB as u64);
    finish(&slow, &id, &whole).await.unwrap();
}

/// A body that waits between its first chunk and the next.
struct Paused {
    rest: Vec<Bytes>,
    reached: Arc<Notify>,
    go_on: Arc<Notify>,
}

#[async_trait]
impl Source for Paused {
    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        match self.rest.len() {
            0 => return Ok(None),
            1 => {
                self.reached.notify_one();
                self.go_on.notified().await;
            }
            _ => {}
        }
        Ok(Some(self.rest.remove(0)))
    }
}
