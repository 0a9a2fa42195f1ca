//! The dry run: what a collection would remove, from reads alone.
//!
//! The store tells what is dead now. What would die in consequence (the layers of untagged
//! manifests, the bytes of stale links) is worked out here from the manifests. Only the ages of
//! links that a manifest still holds are unknown, so with `delete_untagged` a layer that was pushed
//! again within the grace period is counted though a real run would spare it.

use std::collections::HashSet;

use oci::{Digest, Manifest, MediaType, RepositoryName, Role};
use store::{LinkWalk, ManifestWalk, Page, Timestamp};

use super::{PAGE, Run};
use crate::WorkError;

/// Manifests in one page; they come with their bytes.
const MANIFEST_PAGE: usize = 32;

/// A manifest as a node of its repository's graph.
struct Node {
    sha256: Digest,
    sha512: Option<Digest>,
    at: Timestamp,
    tagged: bool,
    subject: Option<Digest>,
    needs: Vec<Digest>,
}

impl Run<'_> {
    pub(super) async fn forecast(&mut self) -> Result<(), WorkError> {
        let mut names = Vec::new();
        let mut page = Page::first(PAGE);
        loop {
            let some = self.repositories(page).await?;
            let Some(last) = some.last() else { break };
            page = Page::after(last.as_str().to_owned(), PAGE);
            names.extend(some);
        }
        let mut unlinked = HashSet::new();
        let mut linked = HashSet::new();
        for name in &names {
            self.begin(name);
            let stale = self.stale(name).await?;
            for link in self.links(name).await? {
                match stale.contains(&link.sha256) {
                    true => unlinked.insert(link.sha256),
                    false => linked.insert(link.sha256),
                };
            }
        }
        let dead = unlinked.difference(&linked).copied().collect();
        self.blobs(dead).await
    }

    /// Links of a repository that would be dropped.
    async fn stale(&mut self, name: &RepositoryName) -> Result<HashSet<Digest>, WorkError> {
        let mut stale = HashSet::new();
        if self.options.delete_untagged {
            stale = self.freed(name).await?;
        }
        let mut page = Page::first(PAGE);
        loop {
            self.go_on()?;
            let some = self.collect.liveness.stale_links(name, self.before, page).await?;
            let Some(last) = some.last() else { break };
            page = Page::after(last.sha256, PAGE);
            stale.extend(some.iter().map(|link| link.sha256));
        }
        let mut sorted: Vec<_> = stale.iter().collect();
        sorted.sort_unstable();
        sorted.iter().for_each(|digest| self.link_line(name, digest));
        self.report.links += stale.len() as u64;
        Ok(stale)
    }

    /// Links that only manifests which would be dropped need.
    async fn freed(&mut self, name: &RepositoryName) -> Result<HashSet<Digest>, WorkError> {
        let nodes = self.nodes(name).await?;
        let dropped = dropped(&nodes, self.before);
        let (dead, alive): (Vec<_>, Vec<_>) =
            nodes.iter().partition(|node| dropped.contains(&node.sha256));
        dead.iter().for_each(|node| self.manifest_line(name, &node.sha256));
        self.report.manifests += dead.len() as u64;
        let needed = |nodes: &[&Node]| -> HashSet<Digest> {
            nodes.iter().flat_map(|node| node.needs.iter().copied()).collect()
        };
        let (freed, kept) = (needed(&dead), needed(&alive));
        let has = |set: &HashSet<Digest>, link: &LinkWalk| {
            set.contains(&link.sha256) || link.sha512.is_some_and(|sha512| set.contains(&sha512))
        };
        let links = self.links(name).await?.into_iter();
        let only_freed = links.filter(|link| has(&freed, link) && !has(&kept, link));
        Ok(only_freed.map(|link| link.sha256).collect())
    }

    async fn nodes(&self, name: &RepositoryName) -> Result<Vec<Node>, WorkError> {
        let tagged = self.tagged(name).await?;
        let mut nodes = Vec::new();
        let mut page = Page::first(MANIFEST_PAGE);
        loop {
            self.go_on()?;
            let some = self.collect.walk.walk_manifests(name, page).await?;
            let Some(last) = some.last() else { return Ok(nodes) };
            page = Page::after(last.sha256, MANIFEST_PAGE);
            nodes.extend(some.iter().map(|m| node(m, tagged.contains(&m.sha256))));
        }
    }

    async fn tagged(&self, name: &RepositoryName) -> Result<HashSet<Digest>, WorkError> {
        let mut tagged = HashSet::new();
        let mut page = Page::first(PAGE);
        loop {
            let some = self.collect.walk.walk_tags(name, page).await?;
            let Some(last) = some.last() else { return Ok(tagged) };
            page = Page::after(last.tag.as_str().to_owned(), PAGE);
            tagged.extend(some.iter().map(|tag| tag.sha256));
        }
    }

    async fn links(&self, name: &RepositoryName) -> Result<Vec<LinkWalk>, WorkError> {
        let mut links = Vec::new();
        let mut page = Page::first(PAGE);
        loop {
            let some = self.collect.walk.walk_links(name, page).await?;
            let Some(last) = some.last() else { return Ok(links) };
            page = Page::after(last.sha256, PAGE);
            links.extend(some);
        }
    }

    /// Counts blobs: orphans as of now, those that become one, and what is buried already.
    async fn blobs(&mut self, mut dead: HashSet<Digest>) -> Result<(), WorkError> {
        let mut page = Page::first(PAGE);
        loop {
            self.go_on()?;
            let some = self.collect.liveness.orphan_blobs(self.before, page).await?;
            let Some(last) = some.last() else { break };
            page = Page::after(last.sha256, PAGE);
            dead.extend(some.iter().map(|blob| blob.sha256));
        }
        let mut page = Page::first(PAGE);
        loop {
            self.go_on()?;
            let some = self.collect.walk.walk_blobs(page).await?;
            let Some(last) = some.last() else { break };
            page = Page::after(last.sha256, PAGE);
            for blob in some.iter().filter(|blob| dead.contains(&blob.sha256)) {
                self.count(&blob.sha256, blob.size);
            }
        }
        let mut page = Page::first(PAGE);
        loop {
            let some = self.collect.liveness.deleting(page).await?;
            let Some(last) = some.last() else { return Ok(()) };
            page = Page::after(last.sha256, PAGE);
            some.iter().for_each(|blob| self.count(&blob.sha256, blob.size));
        }
    }

    fn count(&mut self, digest: &Digest, size: u64) {
        self.blob_line(digest);
        self.report.blobs += 1;
        self.report.bytes += size;
    }
}

fn node(manifest: &ManifestWalk, tagged: bool) -> Node {
    let parse = |media_type| Manifest::parse(manifest.bytes.clone(), Some(media_type)).ok();
    // An imported manifest may be unsound by today's rules; its references count all the same.
    let unknown = || MediaType::parse(MediaType::OCTET_STREAM).ok().and_then(parse);
    let view = parse(manifest.media_type.clone()).or_else(unknown);
    let links = view.as_ref().map(Manifest::references).unwrap_or_default();
    let of = |wanted: fn(Role) -> bool| -> Vec<Digest> {
        links.iter().filter(|link| wanted(link.role)).map(|link| link.descriptor.digest).collect()
    };
    Node {
        sha256: manifest.sha256,
        sha512: manifest.sha512,
        at: manifest.at,
        tagged,
        subject: of(|role| role == Role::Subject).first().copied(),
        needs: of(|role| role != Role::Subject),
    }
}

/// Manifests that go, until nothing more does: what an index held is judged again without it.
fn dropped(nodes: &[Node], before: Timestamp) -> HashSet<Digest> {
    let mut dropped = HashSet::new();
    loop {
        let alive = || nodes.iter().filter(|node| !dropped.contains(&node.sha256));
        let held: HashSet<_> = alive().flat_map(|node| node.needs.iter().copied()).collect();
        let present: HashSet<_> =
            alive().flat_map(|node| [Some(node.sha256), node.sha512]).flatten().collect();
        let is_dead = |node: &&Node| {
            !node.tagged
                && node.at < before
                && !held.contains(&node.sha256)
                && !node.sha512.is_some_and(|sha512| held.contains(&sha512))
                && !node.subject.is_some_and(|subject| present.contains(&subject))
        };
        let dead: Vec<_> = alive().filter(is_dead).map(|node| node.sha256).collect();
        if dead.is_empty() {
            return dropped;
        }
        dropped.extend(dead);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(name: &str) -> Node {
        Node {
            sha256: Digest::sha256(name.as_bytes()),
            sha512: None,
            at: Timestamp::from_millis(0),
            tagged: false,
            subject: None,
            needs: vec![],
        }
    }

    fn digest(name: &str) -> Digest {
        Digest::sha256(name.as_bytes())
    }

    #[test]
    fn children_go_with_their_index_and_stay_with_it() {
        let before = Timestamp::from_millis(1);
        let index = || Node { needs: vec![digest("child")], ..bare("index") };
        let nodes = [bare("child"), index()];
        assert_eq!(dropped(&nodes, before).len(), 2);
        let nodes = [bare("child"), Node { tagged: true, ..index() }];
        assert!(dropped(&nodes, before).is_empty());
    }

    #[test]
    fn a_referrer_lives_as_long_as_its_subject() {
        let before = Timestamp::from_millis(1);
        let referrer = || Node { subject: Some(digest("image")), ..bare("referrer") };
        let nodes = [referrer(), Node { tagged: true, ..bare("image") }];
        assert!(dropped(&nodes, before).is_empty());
        assert_eq!(dropped(&[referrer(), bare("image")], before).len(), 2);
    }

    #[test]
    fn what_is_young_stays() {
        assert!(dropped(&[bare("new")], Timestamp::from_millis(0)).is_empty());
    }
}
