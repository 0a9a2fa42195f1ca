//! Two replicas over one bucket and one database, and clients that come to both
//! with the same upload; and the duty that ends uploads, beside one.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use blobstore::{Bucket, Files, FilesOptions, Memory, ObjectBlobs, ObjectBlobsOptions};
use bytes::Bytes;
use metastore::{OpenOptions, Sqlite};
use oci::{Algorithm, Digest, RepositoryName};
use registry::access::{Access, Caller, Open, Push};
use registry::{
    Error, Granted, Parts, Registry, Settings, Source, SourceError, UploadHint, UploadKey,
};
use store::{
    BlobStore, Clock, OsRandom, StoreError, SystemClock, Timestamp, UploadId, UploadRow,
    UploadStore,
};
use tempfile::TempDir;
use testkit::FakeClock;
use tokio::sync::{Notify, mpsc, watch};

const KIB: usize = 1 << 10;

struct Pair {
    one: Registry,
    other: Registry,
    /// How the other one sees the uploads.
    view: Arc<View>,
    _folder: TempDir,
}

/// The uploads as one replica sees them, by looks that a test can hold up.
struct View {
    uploads: Arc<Sqlite>,
    looks: watch::Sender<usize>,
    /// A look of this number waits, with what it has seen.
    held: usize,
    go_on: Notify,
}

impl View {
    /// Waits until the replica has looked so many times.
    async fn looked(&self, times: usize) {
        self.looks.subscribe().wait_for(|looks| *looks >= times).await.unwrap();
    }
}

#[async_trait]
impl UploadStore for View {
    async fn upload(&self, id: &UploadId) -> Result<Option<UploadRow>, StoreError> {
        let seen = self.uploads.upload(id).await;
        self.looks.send_modify(|looks| *looks += 1);
        if *self.looks.borrow() == self.held {
            self.go_on.notified().await;
        }
        seen
    }
    async fn save_upload(&self, row: UploadRow) -> Result<bool, StoreError> {
        self.uploads.save_upload(row).await
    }
    async fn stale_uploads(
        &self,
        open_before: Timestamp,
        ended_before: Timestamp,
        limit: usize,
    ) -> Result<Vec<UploadRow>, StoreError> {
        self.uploads.stale_uploads(open_before, ended_before, limit).await
    }
    async fn remove_uploads(
        &self,
        uploads: Vec<(UploadId, u64)>,
    ) -> Result<Vec<UploadId>, StoreError> {
        self.uploads.remove_uploads(uploads).await
    }
}

impl Pair {
    fn new() -> Self {
        Self::holding_up(0)
    }

    /// The other one is held up at its look at an upload of this number.
    fn holding_up(held: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("berth");
        let metadata = Sqlite::open(OpenOptions { path, synchronous_off: true }).unwrap();
        let memory = Memory::good();
        let (looks, go_on) = (watch::Sender::new(0), Notify::new());
        let view = Arc::new(View { uploads: metadata.clone(), looks, held, go_on });
        let replica = |uploads: Arc<dyn UploadStore>| {
            let bucket = Bucket::in_memory(&memory, 5 << 20);
            let options = ObjectBlobsOptions::default();
            let blobs: Arc<dyn BlobStore> = ObjectBlobs::new(bucket, Arc::new(OsRandom), options);
            let parts = Parts {
                content: metadata.clone(),
                uploads,
                blobs,
                clock: Arc::new(SystemClock::new()),
                random: Arc::new(OsRandom),
            };
            let settings = Settings { shared: true, ..Settings::default() };
            Registry::new(parts, settings, UploadKey::new(b"key"))
        };
        let (one, other) = (replica(metadata.clone()), replica(view.clone()));
        Self { one, other, view, _folder: folder }
    }
}

fn name() -> RepositoryName {
    RepositoryName::parse("team/app").unwrap()
}

fn push() -> Granted<Push> {
    Access::new(Arc::new(Open)).push(&Caller::anonymous(), name()).unwrap()
}

fn content(length: usize) -> Bytes {
    let words = (0..length.div_ceil(8) as u64).flat_map(|word| word.to_le_bytes());
    words.take(length).collect::<Vec<u8>>().into()
}

/// A body of which each chunk comes when the test sends it.
struct Body(mpsc::Receiver<Bytes>);

impl Body {
    fn of(bytes: Bytes) -> Self {
        let (chunks, body) = mpsc::channel(1);
        if !bytes.is_empty() {
            chunks.try_send(bytes).unwrap();
        }
        Self(body)
    }
}

#[async_trait]
impl Source for Body {
    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        Ok(self.0.recv().await)
    }
}

async fn begun(pair: &Pair, bytes: &Bytes) -> UploadId {
    let id = pair.one.start_upload(&push(), UploadHint(Algorithm::Sha256));
    pair.one.append(&push(), &id, None, &mut Body::of(bytes.clone())).await.unwrap();
    id
}

async fn close(registry: &Registry, id: &UploadId, digest: Digest) -> Result<(), Error> {
    registry.finish_upload(&push(), id, None, &mut Body::of(Bytes::new()), digest).await
}

async fn assert_holds(registry: &Registry, bytes: &Bytes) {
    let pull = Access::new(Arc::new(Open)).pull(&Caller::anonymous(), name()).unwrap();
    let blob = registry.blob(&pull, &Digest::sha256(bytes)).await.unwrap();
    let mut stream = registry.read_blob(&blob, None).await.unwrap();
    let mut found = Vec::new();
    while let Some(chunk) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        found.extend_from_slice(&chunk.unwrap());
    }
    assert!(found == *bytes, "{} holds other bytes", blob.digest);
}

#[tokio::test]
async fn whoever_goes_on_with_an_upload_cannot_erase_what_another_request_published() {
    let pair = Pair::new();
    let (short, long) = (content(200 * KIB), content(200 * KIB + 1));
    let id = begun(&pair, &short).await;
    let (more, rest) = mpsc::channel(1);
    let slower = async {
        let mut rest = Body(rest);
        pair.other.finish_upload(&push(), &id, None, &mut rest, Digest::sha256(&long)).await
    };
    let quicker = async {
        let closed = close(&pair.one, &id, Digest::sha256(&short)).await;
        more.send(long.slice(200 * KIB..)).await.unwrap();
        drop(more);
        closed
    };
    let (slower, quicker) = tokio::join!(slower, quicker);
    quicker.unwrap();
    assert!(matches!(slower, Err(Error::UploadBusy)), "{slower:?}");
    assert_holds(&pair.one, &short).await;
    assert_holds(&pair.other, &short).await;
}

#[tokio::test]
async fn the_same_put_at_two_replicas_ends_well_at_both_at_the_latest_when_it_is_repeated() {
    let pair = Pair::new();
    for length in [1, 20 * KIB, 200 * KIB, 12 << 20] {
        let bytes = content(length);
        let id = begun(&pair, &bytes).await;
        let digest = Digest::sha256(&bytes);
        let (one, other) =
            tokio::join!(close(&pair.one, &id, digest), close(&pair.other, &id, digest));
        assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
        for ended in [one, other] {
            assert!(
                matches!(ended, Ok(()) | Err(Error::UploadBusy | Error::Store(_))),
                "{ended:?}"
            );
        }
        close(&pair.one, &id, digest).await.unwrap();
        close(&pair.other, &id, digest).await.unwrap();
        assert_holds(&pair.other, &bytes).await;
    }
}

/// Ends with the test's patience.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.unwrap()
}

#[tokio::test]
async fn a_put_that_finds_the_pieces_gone_gets_the_answer_of_the_replica_that_took_them() {
    let pair = Pair::holding_up(1);
    let bytes = content(400 * KIB);
    let id = begun(&pair, &bytes.slice(..200 * KIB)).await;
    for start in [200 * KIB, 300 * KIB] {
        let mut piece = Body::of(bytes.slice(start..start + 100 * KIB));
        pair.one.append(&push(), &id, None, &mut piece).await.unwrap();
    }
    let digest = Digest::sha256(&bytes);
    let quicker = async {
        pair.view.looked(1).await;
        let closed = close(&pair.one, &id, digest).await;
        pair.view.go_on.notify_one();
        closed
    };
    let (slower, quicker) =
        soon(Box::pin(async { tokio::join!(close(&pair.other, &id, digest), quicker) })).await;
    quicker.unwrap();
    slower.unwrap();
    assert_holds(&pair.other, &bytes).await;
}

#[tokio::test]
async fn a_put_that_is_repeated_while_another_replica_is_at_it_waits_for_its_end() {
    let pair = Pair::holding_up(1);
    let bytes = content(300 * KIB);
    let id = begun(&pair, &bytes.slice(..200 * KIB)).await;
    let digest = Digest::sha256(&bytes);
    let (chunks, body) = mpsc::channel(1);
    let quicker =
        async { pair.one.finish_upload(&push(), &id, None, &mut Body(body), digest).await };
    let slower = async {
        let mut again = Body::of(bytes.slice(200 * KIB..));
        pair.other.finish_upload(&push(), &id, None, &mut again, digest).await
    };
    let turns = async {
        pair.view.looked(1).await;
        chunks.send(bytes.slice(200 * KIB..250 * KIB)).await.unwrap();
        // Taken from the channel once the one before it has been added.
        chunks.send(bytes.slice(250 * KIB..299 * KIB)).await.unwrap();
        chunks.send(bytes.slice(299 * KIB..)).await.unwrap();
        pair.view.go_on.notify_one();
        pair.view.looked(3).await;
        drop(chunks);
    };
    let (slower, quicker, ()) =
        soon(Box::pin(async { tokio::join!(slower, quicker, turns) })).await;
    quicker.unwrap();
    slower.unwrap();
    assert_holds(&pair.other, &bytes).await;
}

#[tokio::test]
async fn an_upload_that_rested_for_long_is_claimed_before_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("berth");
    let metadata = Sqlite::open(OpenOptions { path, synchronous_off: true }).unwrap();
    let clock = Arc::new(FakeClock::new());
    let registry = || {
        let parts = Parts {
            content: metadata.clone(),
            uploads: metadata.clone(),
            blobs: Files::open(FilesOptions::new(folder.path())).unwrap(),
            clock: clock.clone(),
            random: Arc::new(OsRandom),
        };
        Registry::new(parts, Settings::default(), UploadKey::new(b"key"))
    };
    let (bytes, before) = (content(300 * KIB), registry());
    let id = before.start_upload(&push(), UploadHint(Algorithm::Sha256));
    let first = bytes.slice(..200 * KIB);
    before.append(&push(), &id, None, &mut Body::of(first)).await.unwrap();
    before.settle_uploads(Duration::ZERO).await.unwrap();
    drop(before);
    clock.advance(Duration::from_secs(200 * 3600));
    let now = clock.now();
    let stale = metadata.stale_uploads(now, now, 10).await.unwrap();
    let listed: Vec<_> = stale.iter().map(|row| (row.id.clone(), row.version)).collect();
    assert_eq!(listed, [(id.clone(), 1)]);

    let registry = registry();
    let (chunks, body) = mpsc::channel(1);
    let goes_on = async { registry.append(&push(), &id, None, &mut Body(body)).await };
    let ends = async {
        chunks.send(bytes.slice(200 * KIB..250 * KIB)).await.unwrap();
        // Taken from the channel once the one before it has been added.
        chunks.send(bytes.slice(250 * KIB..299 * KIB)).await.unwrap();
        chunks.send(bytes.slice(299 * KIB..)).await.unwrap();
        let ended = metadata.remove_uploads(listed).await.unwrap();
        drop(chunks);
        ended
    };
    let (went_on, ended) = soon(Box::pin(async { tokio::join!(goes_on, ends) })).await;
    assert_eq!((went_on.unwrap(), ended), (300 << 10, vec![]));
    close(&registry, &id, Digest::sha256(&bytes)).await.unwrap();
    assert_holds(&registry, &bytes).await;
}
