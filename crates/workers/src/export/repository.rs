//! Exporting one repository.

use std::collections::HashSet;

use oci::{Digest, RepositoryName, Tag};
use store::{BlobPlace, LinkWalk, ManifestWalk, Page, TagWalk};

use super::{Export, unheld};
use crate::tree::{LinkName, TreeWrite};
use crate::{Finding, Problem, WorkError};

/// Links and tags in one page.
const PAGE: usize = 500;
/// Manifests in one page; they come with their bytes.
const MANIFEST_PAGE: usize = 32;

/// What was exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Repositories.
    pub repositories: u64,
    /// Blobs, once per repository that holds them.
    pub blobs: u64,
    /// Manifests.
    pub manifests: u64,
    /// Tags.
    pub tags: u64,
    /// Files that were written or renamed, since they were not there or not right.
    pub changed: u64,
    /// Links that were removed.
    pub removed: u64,
}

impl Exported {
    pub(super) fn add(&mut self, other: &Self) {
        self.repositories += other.repositories;
        self.blobs += other.blobs;
        self.manifests += other.manifests;
        self.tags += other.tags;
        self.changed += other.changed;
        self.removed += other.removed;
    }
}

/// Exports one repository; returns what was done and what is not as it should be.
pub(super) async fn export(
    export: &Export,
    name: &RepositoryName,
) -> Result<(Exported, Vec<Finding>), WorkError> {
    let mut work = Work {
        export,
        name,
        layers: HashSet::new(),
        revisions: HashSet::new(),
        kept_tags: HashSet::new(),
        done: Exported { repositories: 1, ..Exported::default() },
        findings: Vec::new(),
    };
    // Names first: everything that these tags and manifests need is there when it is read later.
    let tags = work.read_tags().await?;
    let manifests = work.read_manifest_names().await?;
    work.blobs().await?;
    work.manifests(&manifests).await?;
    work.tags(tags).await?;
    work.remove_gone().await?;
    Ok((work.done, work.findings))
}

struct Work<'a> {
    export: &'a Export,
    name: &'a RepositoryName,
    layers: HashSet<Digest>,
    revisions: HashSet<Digest>,
    kept_tags: HashSet<Tag>,
    done: Exported,
    findings: Vec<Finding>,
}

impl Work<'_> {
    async fn read_tags(&self) -> Result<Vec<TagWalk>, WorkError> {
        let mut tags = Vec::new();
        let mut page = Page::first(PAGE);
        loop {
            let some = self.export.walk.walk_tags(self.name, page).await?;
            let Some(last) = some.last() else { return Ok(tags) };
            page = Page::after(last.tag.as_str().to_owned(), PAGE);
            tags.extend(some);
        }
    }

    async fn read_manifest_names(&self) -> Result<HashSet<Digest>, WorkError> {
        let mut names = HashSet::new();
        let mut page = Page::first(MANIFEST_PAGE);
        loop {
            let some = self.export.walk.walk_manifests(self.name, page).await?;
            let Some(last) = some.last() else { return Ok(names) };
            page = Page::after(last.sha256, MANIFEST_PAGE);
            names.extend(some.iter().map(|manifest| manifest.sha256));
        }
    }

    async fn blobs(&mut self) -> Result<(), WorkError> {
        let mut page = Page::first(PAGE);
        loop {
            let links = self.export.walk.walk_links(self.name, page).await?;
            let Some(last) = links.last() else { return Ok(()) };
            page = Page::after(last.sha256, PAGE);
            let mut writes = Vec::new();
            for link in links {
                writes.extend(self.blob(&link).await?);
            }
            self.write(writes).await?;
        }
    }

    /// What puts a blob into the tree; nothing for one that cannot be served.
    async fn blob(&mut self, link: &LinkWalk) -> Result<Vec<TreeWrite>, WorkError> {
        let sha256 = link.sha256;
        let Some(blob) = self.export.content.blob(self.name, &sha256).await? else {
            self.report(sha256, Problem::NoBytes(sha256));
            return Ok(Vec::new());
        };
        let bytes = match blob.place {
            BlobPlace::Inline(bytes) => TreeWrite::Bytes { sha256, bytes },
            BlobPlace::Stored(key) => TreeWrite::Stored { sha256, key },
        };
        let names = [Some(sha256), link.sha512].into_iter().flatten();
        let links = names.map(|named| {
            self.layers.insert(named);
            TreeWrite::Link { name: LinkName::Layer(named), sha256, at: None }
        });
        self.done.blobs += 1;
        Ok([bytes].into_iter().chain(links).collect())
    }

    async fn manifests(&mut self, planned: &HashSet<Digest>) -> Result<(), WorkError> {
        let mut page = Page::first(MANIFEST_PAGE);
        loop {
            let manifests = self.export.walk.walk_manifests(self.name, page).await?;
            let Some(last) = manifests.last() else { return Ok(()) };
            page = Page::after(last.sha256, MANIFEST_PAGE);
            let mut writes = Vec::new();
            for manifest in manifests.into_iter().filter(|m| planned.contains(&m.sha256)) {
                writes.extend(self.manifest(manifest));
            }
            self.write(writes).await?;
        }
    }

    fn manifest(&mut self, manifest: ManifestWalk) -> [TreeWrite; 2] {
        for why in unheld::reasons(&manifest) {
            self.report(manifest.sha256, Problem::NotForOriginal(why));
        }
        let ManifestWalk { sha256, bytes, at, .. } = manifest;
        self.revisions.insert(sha256);
        self.done.manifests += 1;
        let link = TreeWrite::Link { name: LinkName::Revision(sha256), sha256, at: Some(at) };
        [TreeWrite::Bytes { sha256, bytes }, link]
    }

    async fn tags(&mut self, tags: Vec<TagWalk>) -> Result<(), WorkError> {
        for tags in tags.chunks(PAGE) {
            let mut writes = Vec::new();
            // A manifest that was deleted meanwhile took its tags along.
            for TagWalk { tag, sha256, at, .. } in
                tags.iter().filter(|tag| self.revisions.contains(&tag.sha256))
            {
                let index = LinkName::TagIndex(tag.clone(), *sha256);
                let current = LinkName::TagCurrent(tag.clone());
                writes.push(TreeWrite::Link { name: index, sha256: *sha256, at: None });
                writes.push(TreeWrite::Link { name: current, sha256: *sha256, at: Some(*at) });
                self.kept_tags.insert(tag.clone());
                self.done.tags += 1;
            }
            self.write(writes).await?;
        }
        Ok(())
    }

    async fn write(&mut self, writes: Vec<TreeWrite>) -> Result<(), WorkError> {
        let written = self.export.tree.write(self.name, writes).await?;
        self.done.changed += written.changed;
        self.findings.extend(written.findings);
        Ok(())
    }

    async fn remove_gone(&mut self) -> Result<(), WorkError> {
        let mut gone = self.export.tree.link_names(self.name).await?;
        gone.retain(|link| match link {
            LinkName::Layer(digest) => !self.layers.contains(digest),
            LinkName::Revision(digest) => !self.revisions.contains(digest),
            LinkName::TagCurrent(tag) => !self.kept_tags.contains(tag),
            LinkName::TagIndex(..) => false,
        });
        // Names before what they name.
        gone.sort_by_key(|link| match link {
            LinkName::TagCurrent(_) | LinkName::TagIndex(..) => 0,
            LinkName::Revision(_) => 1,
            LinkName::Layer(_) => 2,
        });
        self.done.removed += gone.len() as u64;
        if !gone.is_empty() {
            self.export.tree.remove(self.name, gone).await?;
        }
        Ok(())
    }

    fn report(&mut self, digest: Digest, problem: Problem) {
        self.findings.push(Finding { path: format!("{}@{digest}", self.name), problem });
    }
}
