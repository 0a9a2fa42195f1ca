//! The real registry over SQLite and files in a temporary directory.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;

use async_trait::async_trait;
use blobstore::{Files, FilesOptions};
use bytes::Bytes;
use metastore::{OpenOptions, Sqlite};
use oci::{Algorithm, Digest, MediaType, Reference, RepositoryName};
use registry::access::{Access, Caller, Open};
use registry::{Error, Parts, Registry, Settings, Source, SourceError, UploadHint, UploadKey};
use tempfile::TempDir;
use testkit::{FakeClock, SeededRandom};

use crate::answer::Answer;
use crate::operation::{By, Operation};
use crate::universe::Universe;

/// A body of whole chunks.
struct Chunks(VecDeque<Bytes>);

impl Chunks {
    fn of(bytes: &Bytes, size: usize) -> Self {
        Self(bytes.chunks(size).map(|chunk| bytes.slice_ref(chunk)).collect())
    }
}

#[async_trait]
impl Source for Chunks {
    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        Ok(self.0.pop_front())
    }
}

pub(crate) struct Real {
    directory: TempDir,
    clock: Arc<FakeClock>,
    random: Arc<SeededRandom>,
    open: Option<(Registry, Arc<Sqlite>)>,
}

impl Real {
    pub(crate) fn new(seed: u64) -> Self {
        let mut real = Self {
            directory: testkit::directory(),
            clock: Arc::new(FakeClock::new()),
            random: Arc::new(SeededRandom::new(seed)),
            open: None,
        };
        real.begin();
        real
    }

    fn begin(&mut self) {
        let root = self.directory.path();
        let path = root.join("berth");
        let metadata = Sqlite::open(OpenOptions { path, synchronous_off: true }).unwrap();
        let parts = Parts {
            content: metadata.clone(),
            uploads: metadata.clone(),
            blobs: Files::open(FilesOptions::new(root)).unwrap(),
            clock: self.clock.clone(),
            random: self.random.clone(),
        };
        let settings = Settings { delete_enabled: true, ..Settings::default() };
        self.open = Some((Registry::new(parts, settings, UploadKey::new(b"key")), metadata));
    }

    pub(crate) async fn apply(&mut self, universe: &Universe, operation: &Operation) -> Answer {
        if let Operation::Restart = operation {
            let (registry, metadata) = self.open.take().unwrap();
            drop(registry);
            metadata.close();
            drop(metadata);
            self.begin();
            return Answer::Done;
        }
        // So that nothing depends on two things having happened at once.
        self.clock.advance(std::time::Duration::from_millis(1));
        self.ask(universe, operation).await.unwrap_or_else(Answer::of)
    }

    async fn ask(&self, universe: &Universe, operation: &Operation) -> Result<Answer, Error> {
        let registry = &self.open.as_ref().unwrap().0;
        let access = Access::new(Arc::new(Open));
        let anybody = Caller::anonymous();
        let push = |name: &RepositoryName| access.push(&anybody, name.clone());
        let pull = |name: &RepositoryName| access.pull(&anybody, name.clone());
        let delete = |name: &RepositoryName| access.delete(&anybody, name.clone());
        Ok(match operation {
            Operation::PushBlob { to, blob, algorithm } => {
                let bytes = &universe.blobs[*blob];
                let digest = Digest::of(*algorithm, bytes);
                let mut chunks = Chunks::of(bytes, 50_000);
                registry.push_blob(&push(to)?, &mut chunks, digest).await?;
                Answer::Done
            }
            Operation::Upload { to, blob, algorithm, wrong } => {
                let bytes = &universe.blobs[*blob];
                let digest = match wrong {
                    true => Digest::of(*algorithm, b"something else"),
                    false => Digest::of(*algorithm, bytes),
                };
                self.upload(&push(to)?, bytes, digest).await?
            }
            Operation::Mount { to, digest, from } => {
                let granted = push(to)?;
                let mounted = registry.mount_blob(&granted, &access, *digest, from.clone());
                Answer::Mounted(mounted.await?)
            }
            Operation::PushManifest { to, manifest, by, tags } => {
                let fixture = &universe.manifests[*manifest];
                let reference = match by {
                    By::Tag(tag) => Reference::Tag(tag.clone()),
                    By::Digest(algorithm) => {
                        Reference::Digest(Digest::of(*algorithm, &fixture.bytes))
                    }
                };
                let media_type = MediaType::parse(fixture.media_type).unwrap();
                let bytes = fixture.bytes.clone().into();
                let pushed = registry
                    .push_manifest(&push(to)?, &reference, tags.clone(), Some(media_type), bytes)
                    .await?;
                Answer::Pushed { digest: pushed.digest, subject: pushed.subject }
            }
            Operation::DeleteManifest { from, reference } => {
                registry.delete_manifest(&delete(from)?, reference).await?;
                Answer::Done
            }
            Operation::DeleteBlob { from, digest } => {
                registry.delete_blob(&delete(from)?, digest).await?;
                Answer::Done
            }
            Operation::Manifest { from, reference } => {
                let found = registry.manifest(&pull(from)?, reference).await?;
                let media_type = found.media_type.as_str().to_owned();
                Answer::Manifest { digest: found.digest, media_type, bytes: found.bytes }
            }
            Operation::Blob { from, digest } => {
                let blob = registry.blob(&pull(from)?, digest).await?;
                let mut stream = registry.read_blob(&blob, None).await?;
                let mut bytes = Vec::new();
                while let Some(chunk) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                    bytes.extend_from_slice(&chunk?);
                }
                assert_eq!(bytes.len() as u64, blob.size);
                Answer::Blob(bytes.into())
            }
            Operation::Tags { of, after, limit } => {
                let list = registry.tags(&pull(of)?, after.clone(), *limit).await?;
                Answer::Tags(list.tags, list.more)
            }
            Operation::Catalog { after, limit } => {
                let granted = access.catalog(&anybody)?;
                let list = registry.catalog(&granted, after.clone(), *limit).await?;
                Answer::Catalog(list.repositories, list.more)
            }
            Operation::Referrers { of, subject, types } => {
                let list = registry.referrers(&pull(of)?, subject, types, None).await?;
                assert_eq!(list.next, None);
                let entries = list
                    .referrers
                    .into_iter()
                    .map(|r| (self.sha256(universe, &r.digest), r.artifact_type));
                let mut entries: Vec<_> = entries.collect();
                entries.sort();
                Answer::Referrers(entries)
            }
            Operation::Restart => Answer::Done,
        })
    }

    /// A referrer is listed as it was pushed; compared is what it is.
    fn sha256(&self, universe: &Universe, digest: &Digest) -> Digest {
        let named = |bytes: &[u8]| Digest::of(digest.algorithm(), bytes) == *digest;
        universe.manifests.iter().find(|m| named(&m.bytes)).unwrap().digest()
    }

    /// Session by session: begun, in two parts, asked about, closed twice.
    async fn upload(
        &self,
        granted: &registry::Granted<registry::access::Push>,
        bytes: &Bytes,
        digest: Digest,
    ) -> Result<Answer, Error> {
        let registry = &self.open.as_ref().unwrap().0;
        let id = registry.start_upload(granted, UploadHint(Algorithm::Sha256));
        let (first, rest) = (bytes.slice(..bytes.len() / 2), bytes.slice(bytes.len() / 2..));
        let offset = registry.append(granted, &id, None, &mut Chunks::of(&first, 10_000)).await?;
        assert_eq!(offset, first.len() as u64);
        assert_eq!(registry.upload_offset(granted, &id).await?, offset);
        let mut rest = Chunks::of(&rest, 30_000);
        let closed = registry.finish_upload(granted, &id, None, &mut rest, digest).await;
        let mut nothing = Chunks(VecDeque::new());
        let again = registry.finish_upload(granted, &id, None, &mut nothing, digest).await;
        match &closed {
            Ok(()) => again?,
            Err(_) => assert!(matches!(again, Err(Error::UploadUnknown(_))), "{again:?}"),
        }
        closed.map(|()| Answer::Done)
    }
}
