//! Two replicas over one bucket and one database, and clients that come to both
//! with the same upload.

use std::future::poll_fn;
use std::sync::Arc;

use async_trait::async_trait;
use blobstore::{Bucket, Memory, ObjectBlobs, ObjectBlobsOptions};
use bytes::Bytes;
use metastore::{OpenOptions, Sqlite};
use oci::{Algorithm, Digest, RepositoryName};
use registry::access::{Access, Caller, Open, Push};
use registry::{
    Error, Granted, Parts, Registry, Settings, Source, SourceError, UploadHint, UploadKey,
};
use store::{BlobStore, OsRandom, SystemClock, UploadId};
use tempfile::TempDir;
use tokio::sync::mpsc;

const KIB: usize = 1 << 10;

struct Pair {
    one: Registry,
    other: Registry,
    _folder: TempDir,
}

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("berth");
        let metadata = Sqlite::open(OpenOptions { path, synchronous_off: true }).unwrap();
        let memory = Memory::good();
        let replica = || {
            let bucket = Bucket::in_memory(&memory, 5 << 20);
            let options = ObjectBlobsOptions::default();
            let blobs: Arc<dyn BlobStore> = ObjectBlobs::new(bucket, Arc::new(OsRandom), options);
            let parts = Parts {
                content: metadata.clone(),
                uploads: metadata.clone(),
                blobs,
                clock: Arc::new(SystemClock::new()),
                random: Arc::new(OsRandom),
            };
            let settings = Settings { shared: true, ..Settings::default() };
            Registry::new(parts, settings, UploadKey::new(b"key"))
        };
        Self { one: replica(), other: replica(), _folder: folder }
    }
}

fn name() -> RepositoryName {
    RepositoryName::parse("team/app").unwrap()
}

fn push() -> Granted<Push> {
    Access::new(Arc::new(Open)).push(&Caller::Anonymous, name()).unwrap()
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
    let pull = Access::new(Arc::new(Open)).pull(&Caller::Anonymous, name()).unwrap();
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
