//! A registry's storage as the duties see it, in a directory that goes away with the test.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use blobstore::{Files, FilesOptions};
use metastore::{OpenOptions, Sqlite};
use oci::{Digest, Manifest, RepositoryName, Tag};
use parking_lot::Mutex;
use store::{
    BlobKey, BlobPlace, BlobSlot, BlobStore, Clock, ContentStore, NewManifest, PublishBlob,
    PublishPlan, PutManifest, StagingId, Timestamp,
};
use tempfile::TempDir;
use workers::collect::Collect;
use workers::expire::Expire;
use workers::export::Export;
use workers::import::Import;
use workers::sweep::{OwnPlaces, Sweep};
use workers::tree::{FileTree, ObjectTree, TreeWriter};
use workers::verify::Verify;
use workers::{Finding, Observer, Progress};

use crate::ground::{Ground, Kind};
use crate::shelf::Shelf;

/// A clock that stands still until a test moves it.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed).unsigned_abs())
    }
}

/// The real moment at which the test began: files bear real times.
fn start() -> i64 {
    store::SystemClock::new().now().millis()
}

/// Remembers what a duty said.
#[derive(Default)]
pub(crate) struct Ear {
    pub(crate) lines: Mutex<Vec<String>>,
    pub(crate) progress: Mutex<Vec<Progress>>,
    pub(crate) findings: Mutex<Vec<Finding>>,
}

impl Observer for Ear {
    fn progress(&self, progress: &Progress) {
        self.progress.lock().push(progress.clone());
    }
    fn line(&self, line: &str) {
        self.lines.lock().push(line.to_owned());
    }
    fn finding(&self, finding: &Finding) {
        self.findings.lock().push(finding.clone());
    }
}

pub(crate) struct House {
    directory: TempDir,
    /// Where the tree and the blobs are.
    pub(crate) ground: Ground,
    pub(crate) tree: Arc<dyn TreeWriter>,
    pub(crate) meta: Arc<Sqlite>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) clock: Arc<TestClock>,
}

impl House {
    /// Blobs and tree in a directory.
    pub(crate) fn new() -> Self {
        Self::on(Kind::Directory)
    }

    /// Blobs and tree on this ground, the metadata in a directory.
    pub(crate) fn on(kind: Kind) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir_all(root.join("berth")).unwrap();
        let path = root.join("berth/metadata.db");
        let meta = Sqlite::open(OpenOptions { path, synchronous_off: true }).unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(start())));
        let shelf = Arc::new(Shelf::new());
        let (ground, blobs, tree): (_, Arc<dyn BlobStore>, Arc<dyn TreeWriter>) = match kind {
            Kind::Directory => (
                root.into(),
                Files::open(FilesOptions::new(root)).unwrap(),
                Arc::new(FileTree::new(root)),
            ),
            Kind::Bucket => {
                (Ground::Bucket(shelf.clone()), shelf.blobs(), Arc::new(ObjectTree::new(shelf)))
            }
        };
        Self { directory, ground, tree, meta, blobs, clock }
    }

    /// The bucket; only for a house that has one.
    pub(crate) fn shelf(&self) -> &Shelf {
        match &self.ground {
            Ground::Bucket(shelf) => shelf,
            Ground::Directory(_) => panic!("this house has no bucket"),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn import(&self) -> Import {
        Import {
            tree: self.tree.clone(),
            store: self.meta.clone(),
            settings: self.meta.clone(),
            clock: self.clock.clone(),
        }
    }

    pub(crate) fn export(&self) -> Export {
        Export {
            tree: self.tree.clone(),
            walk: self.meta.clone(),
            content: self.meta.clone(),
            settings: self.meta.clone(),
        }
    }

    pub(crate) fn collect(&self) -> Collect {
        Collect {
            walk: self.meta.clone(),
            liveness: self.meta.clone(),
            blobs: self.blobs.clone(),
            clock: self.clock.clone(),
        }
    }

    /// A sweep that looks at the places of the tree too.
    pub(crate) fn sweep(&self) -> Sweep {
        let own_places = OwnPlaces {
            tree: self.tree.clone(),
            content: self.meta.clone(),
            settings: self.meta.clone(),
        };
        Sweep {
            blobs: self.blobs.clone(),
            liveness: self.meta.clone(),
            uploads: self.meta.clone(),
            clock: self.clock.clone(),
            own_places: Some(own_places),
        }
    }

    pub(crate) fn expire(&self) -> Expire {
        Expire { uploads: self.meta.clone(), blobs: self.blobs.clone(), clock: self.clock.clone() }
    }

    pub(crate) fn verify(&self) -> Verify {
        Verify {
            store: self.meta.clone(),
            blobs: self.blobs.clone(),
            clock: self.clock.clone(),
            rate: None,
        }
    }

    /// Uploads bytes as a client does that sends them in pieces, and commits no row.
    pub(crate) async fn upload(&self, bytes: &[u8], id: &str) -> BlobKey {
        let (sha256, unique) = (Digest::sha256(bytes), StagingId::parse(id).unwrap());
        let hasher = oci::Hasher::new(oci::Algorithm::Sha256);
        let mut staged = self.blobs.stage(&unique, vec![hasher]).await.unwrap();
        staged.append(bytes.to_vec().into()).await.unwrap();
        staged.finish().await.unwrap();
        staged.publish(&BlobSlot { sha256, unique, own_place: true }).await.unwrap()
    }

    /// Puts bytes where the blob store puts them, and commits no row.
    pub(crate) async fn place(&self, bytes: &[u8], unique: &str, own_place: bool) -> BlobKey {
        let sha256 = Digest::sha256(bytes);
        let slot = BlobSlot { sha256, unique: StagingId::parse(unique).unwrap(), own_place };
        self.blobs.put(&slot, bytes.to_vec().into()).await.unwrap()
    }

    /// Pushes a blob as a file of its own.
    pub(crate) async fn push_stored(&self, repository: &str, bytes: &[u8]) -> Digest {
        let key = self.place(bytes, &Digest::sha256(bytes).hex(), true).await;
        self.publish(repository, bytes, BlobPlace::Stored(key)).await
    }

    /// Pushes a blob that lives in the metadata.
    pub(crate) async fn push_inline(&self, repository: &str, bytes: &[u8]) -> Digest {
        self.publish(repository, bytes, BlobPlace::Inline(bytes.to_vec().into())).await
    }

    pub(crate) async fn publish(&self, repository: &str, bytes: &[u8], place: BlobPlace) -> Digest {
        let sha256 = Digest::sha256(bytes);
        let command = PublishBlob {
            repository: name(repository),
            sha256,
            sha512: None,
            size: bytes.len() as u64,
            place: Some(place),
            session: None,
            at: self.clock.now(),
        };
        self.meta.publish_blob(command, Box::new(|_| Ok(PublishPlan::TakeNew))).await.unwrap();
        sha256
    }

    /// Pushes a manifest by tags, or by digest without any.
    pub(crate) async fn push_manifest(&self, name: &str, body: &str, tags: &[&str]) -> Digest {
        self.push_manifest_as(name, body, tags, None).await
    }

    /// The same, by a sha512 if given.
    pub(crate) async fn push_manifest_as(
        &self,
        repository: &str,
        body: &str,
        tags: &[&str],
        sha512: Option<Digest>,
    ) -> Digest {
        let manifest = Manifest::parse(body.to_owned().into(), None).unwrap();
        let subject = manifest.subject().map(|subject| subject.digest);
        let sha256 = Digest::sha256(body.as_bytes());
        let references = manifest.references().iter();
        let references = references.filter(|link| link.role != oci::Role::Subject);
        let new = NewManifest {
            sha256,
            sha512,
            media_type: manifest.media_type().clone(),
            bytes: manifest.bytes().clone(),
            references: references.map(|link| (link.role, link.descriptor.digest)).collect(),
            subject,
            artifact_type: subject.and_then(|_| manifest.artifact_type()),
            annotations: None,
        };
        let command = PutManifest {
            repository: name(repository),
            manifest: new,
            tags: tags.iter().map(|tag| Tag::parse(tag).unwrap()).collect(),
            tag_digest: sha512.unwrap_or(sha256),
            asks_taken: false,
            actor: None,
            at: self.clock.now(),
        };
        self.meta.put_manifest(command, Box::new(|_| Ok(()))).await.unwrap();
        sha256
    }
}

pub(crate) fn name(text: &str) -> RepositoryName {
    RepositoryName::parse(text).unwrap()
}

/// An OCI image manifest without layers but these.
pub(crate) fn image(config: &[u8], layers: &[&[u8]]) -> String {
    let describe = |bytes: &[u8], kind: &str| {
        let digest = Digest::sha256(bytes);
        format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{}}}"#, bytes.len())
    };
    let config = describe(config, oci::MediaType::OCI_CONFIG);
    let layers: Vec<_> = layers.iter().map(|l| describe(l, oci::MediaType::OCI_LAYER)).collect();
    let media_type = oci::MediaType::OCI_MANIFEST;
    let layers = layers.join(",");
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{config},"layers":[{layers}]}}"#
    )
}

/// An OCI index of these manifests.
pub(crate) fn index(children: &[&str]) -> String {
    let describe = |child: &&str| {
        let (digest, size) = (Digest::sha256(child.as_bytes()), child.len());
        let media_type = oci::MediaType::OCI_MANIFEST;
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
    };
    let children: Vec<_> = children.iter().map(describe).collect();
    let (media_type, children) = (oci::MediaType::OCI_INDEX, children.join(","));
    format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{children}]}}"#)
}

/// A signature, say, about `subject`.
pub(crate) fn referrer(subject: &str, config: &[u8]) -> String {
    let (digest, size) = (Digest::sha256(subject.as_bytes()), subject.len());
    let media_type = oci::MediaType::OCI_MANIFEST;
    let about =
        format!(r#""subject":{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#);
    let about = format!(r#"{about},"artifactType":"application/vnd.example.signature""#);
    image(config, &[]).replacen(r#""config""#, &format!(r#"{about},"config""#), 1)
}
