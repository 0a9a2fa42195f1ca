//! Importing one repository: blob links, then manifests, then tags.

use std::collections::HashSet;

use oci::{Algorithm, Digest, RepositoryName};
use store::{ImportedBlob, ImportedManifest, ImportedTag};

use super::batch::Batches;
use super::{Import, MAX_MANIFEST, manifest};
use crate::tree::{BlobLook, LayerLink, ManifestRead, RevisionLink};
use crate::{Finding, Problem, Shutdown, WorkError};

/// Blobs whose sizes are asked for at once.
const BLOBS_AT_ONCE: usize = 500;

/// What was handed to the store. What was there before counts as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Blobs, once per repository that holds them.
    pub blobs: u64,
    /// Bytes of these blobs.
    pub bytes: u64,
    /// Manifests.
    pub manifests: u64,
    /// Tags.
    pub tags: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.blobs += other.blobs;
        self.bytes += other.bytes;
        self.manifests += other.manifests;
        self.tags += other.tags;
    }
}

/// How the import of a repository ended.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) counts: Counts,
    pub(super) findings: Vec<Finding>,
}

/// Imports one repository.
pub(super) async fn import(
    import: &Import,
    name: &RepositoryName,
    shutdown: &Shutdown,
) -> Result<Outcome, WorkError> {
    let mut work = Work {
        import,
        name,
        shutdown,
        batches: Batches::new(import.store.as_ref(), name.clone(), import.clock.now()),
        present: HashSet::new(),
        needed: Vec::new(),
        outcome: Outcome::default(),
    };
    work.blobs().await?;
    work.manifests().await?;
    work.tags().await?;
    work.missing_references();
    work.finish().await
}

struct Work<'a> {
    import: &'a Import,
    name: &'a RepositoryName,
    shutdown: &'a Shutdown,
    batches: Batches<'a>,
    /// Blobs and manifests that the repository has, by every name.
    present: HashSet<Digest>,
    /// Manifests, and what they need.
    needed: Vec<(Digest, Vec<Digest>)>,
    outcome: Outcome,
}

impl Work<'_> {
    async fn blobs(&mut self) -> Result<(), WorkError> {
        let listing = self.import.tree.layers(self.name).await?;
        self.outcome.findings.extend(listing.findings);
        for links in listing.items.chunks(BLOBS_AT_ONCE) {
            self.go_on()?;
            let wanted = links.iter().map(|link| link.sha256).collect();
            let files = self.import.tree.blobs(wanted).await?;
            for (link, file) in links.iter().zip(files) {
                match sound(link.sha256, file) {
                    Ok(blob) => self.blob(link, blob).await?,
                    Err(problem) => self.report("_layers", link.named, problem),
                }
            }
        }
        Ok(())
    }

    async fn blob(&mut self, link: &LayerLink, blob: ImportedBlob) -> Result<(), WorkError> {
        // A blob with two names has two links; the second adds the name only.
        if self.present.insert(blob.sha256) {
            self.outcome.counts.blobs += 1;
            self.outcome.counts.bytes += blob.size;
        }
        self.present.insert(link.named);
        let sha512 = Some(link.named).filter(|named| named.algorithm() == Algorithm::Sha512);
        self.batches.blob(ImportedBlob { sha512, ..blob }).await
    }

    async fn manifests(&mut self) -> Result<(), WorkError> {
        let listing = self.import.tree.revisions(self.name).await?;
        self.outcome.findings.extend(listing.findings);
        for link in listing.items {
            self.go_on()?;
            match self.read(&link).await? {
                Ok(read) => {
                    self.present.extend([link.sha256, link.named]);
                    self.needed.push((link.sha256, read.needs));
                    self.outcome.counts.manifests += 1;
                    let manifest = ImportedManifest { manifest: read.manifest, at: link.at };
                    self.batches.manifest(manifest).await?;
                }
                Err(problem) => self.report("_manifests/revisions", link.named, problem),
            }
        }
        Ok(())
    }

    async fn read(
        &self,
        link: &RevisionLink,
    ) -> Result<Result<manifest::Read, Problem>, WorkError> {
        let limit = MAX_MANIFEST;
        Ok(match self.import.tree.manifest(&link.sha256, limit).await? {
            ManifestRead::Bytes(bytes) => manifest::read(link, bytes),
            ManifestRead::Absent => Err(Problem::NoBytes(link.sha256)),
            ManifestRead::TooLarge { size } => Err(Problem::TooLarge { size, limit }),
            ManifestRead::Unreadable(why) => Err(Problem::Unreadable(why)),
        })
    }

    async fn tags(&mut self) -> Result<(), WorkError> {
        let listing = self.import.tree.tags(self.name).await?;
        self.outcome.findings.extend(listing.findings);
        for link in listing.items {
            self.go_on()?;
            self.outcome.counts.tags += 1;
            let tag = ImportedTag { tag: link.tag, digest: link.digest, at: link.at };
            self.batches.tag(tag).await?;
        }
        Ok(())
    }

    fn missing_references(&mut self) {
        for (manifest, needs) in std::mem::take(&mut self.needed) {
            for digest in needs {
                if !self.present.contains(&digest) {
                    let problem = Problem::MissingReference(digest);
                    self.report("_manifests/revisions", manifest, problem);
                }
            }
        }
    }

    async fn finish(self) -> Result<Outcome, WorkError> {
        let mut outcome = self.outcome;
        for tag in self.batches.finish().await? {
            outcome.counts.tags -= 1;
            let path = path(self.name, &format!("_manifests/tags/{tag}/current/link"));
            outcome.findings.push(Finding { path, problem: Problem::TagWithoutManifest });
        }
        Ok(outcome)
    }

    fn report(&mut self, below: &str, digest: Digest, problem: Problem) {
        let link = format!("{below}/{}/{}/link", digest.algorithm(), digest.hex());
        self.outcome.findings.push(Finding { path: path(self.name, &link), problem });
    }

    fn go_on(&self) -> Result<(), WorkError> {
        match self.shutdown.requested() {
            true => Err(WorkError::Interrupted),
            false => Ok(()),
        }
    }
}

/// The record of a blob, unless what is seen without reading it rules it out. An empty file stands
/// for a write that a crash cut off: verification would find it, but a client might before.
fn sound(sha256: Digest, file: BlobLook) -> Result<ImportedBlob, Problem> {
    let file = file?.ok_or(Problem::NoBytes(sha256))?;
    let nothing = Digest::sha256(b"");
    match file.size == 0 && sha256 != nothing {
        true => Err(Problem::HashMismatch(nothing)),
        false => Ok(ImportedBlob { sha256, sha512: None, size: file.size, key: file.key }),
    }
}

fn path(name: &RepositoryName, link: &str) -> String {
    format!("docker/registry/v2/repositories/{name}/{link}")
}
