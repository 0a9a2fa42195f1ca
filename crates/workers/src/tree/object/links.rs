//! Listing the links of one repository.
//!
//! A list of objects tells names, sizes and times by the thousand; only what a link holds has to be
//! read one by one.

use futures_util::{StreamExt, TryStreamExt};
use oci::{Digest, RepositoryName, Tag};
use store::{ObjectRecord, Objects, StoreError};

use super::pages::Pages;
use super::{AT_ONCE, read};
use crate::tree::keys::{self, TEMPORARY};
use crate::tree::link::{self, Link};
use crate::tree::{LayerLink, LinkName, Listing, RevisionLink, TagLink};
use crate::{Finding, Problem};

/// Blob links.
pub(super) async fn layers(
    objects: &dyn Objects,
    name: &RepositoryName,
) -> Result<Listing<LayerLink>, StoreError> {
    let mut listing = Listing::default();
    let mut pages = DigestPages::below(objects, &keys::layers(name));
    while let Some(links) = pages.next(&mut listing.findings).await? {
        for (named, link) in read_all(objects, links, &mut listing.findings).await? {
            listing.items.push(LayerLink { named, sha256: link.digest });
        }
    }
    let uploads = keys::uploads(name);
    let count = objects.folders(&format!("{uploads}/")).await?.len();
    if count > 0 {
        let problem = Problem::UnfinishedUploads(count);
        listing.findings.push(Finding { path: uploads, problem });
    }
    Ok(listing)
}

/// Manifest links.
pub(super) async fn revisions(
    objects: &dyn Objects,
    name: &RepositoryName,
) -> Result<Listing<RevisionLink>, StoreError> {
    let mut listing = Listing::default();
    let mut pages = DigestPages::below(objects, &keys::revisions(name));
    while let Some(links) = pages.next(&mut listing.findings).await? {
        for (named, link) in read_all(objects, links, &mut listing.findings).await? {
            listing.items.push(RevisionLink { named, sha256: link.digest, at: link.at });
        }
    }
    Ok(listing)
}

/// The current links of tags.
pub(super) async fn tags(
    objects: &dyn Objects,
    name: &RepositoryName,
) -> Result<Listing<TagLink>, StoreError> {
    let mut listing = Listing::default();
    let mut pages = TagPages::below(objects, &keys::tags(name));
    while let Some(seen) = pages.next(&mut listing.findings).await? {
        let current = seen.into_iter().filter_map(|(tag, record)| Some((tag, record?)));
        let reads = current.map(|(tag, record)| async move {
            Ok::<_, StoreError>((tag, read::link(objects, &record).await?, record.key))
        });
        let mut reads = futures_util::stream::iter(reads).buffered(AT_ONCE);
        while let Some((tag, read, path)) = reads.try_next().await? {
            match read {
                Ok(Some(Link { digest, at })) => listing.items.push(TagLink { tag, digest, at }),
                Ok(None) => {}
                Err(problem) => listing.findings.push(Finding { path, problem }),
            }
        }
    }
    // In the order of keys `a-b/` comes before `a/`.
    listing.items.sort_unstable_by(|one, other| one.tag.cmp(&other.tag));
    Ok(listing)
}

/// All links by the names of their folders, whatever they hold.
pub(super) async fn names(
    objects: &dyn Objects,
    name: &RepositoryName,
) -> Result<Vec<LinkName>, StoreError> {
    let mut names = Vec::new();
    let ignored = &mut Vec::new();
    let kinds = [
        (keys::layers(name), LinkName::Layer as fn(Digest) -> LinkName),
        (keys::revisions(name), LinkName::Revision),
    ];
    for (top, kind) in kinds {
        let mut pages = DigestPages::below(objects, &top);
        while let Some(links) = pages.next(ignored).await? {
            names.extend(links.into_iter().map(|(named, _)| kind(named)));
            ignored.clear();
        }
    }
    let mut pages = TagPages::below(objects, &keys::tags(name));
    while let Some(seen) = pages.next(ignored).await? {
        names.extend(seen.into_iter().map(|(tag, _)| LinkName::TagCurrent(tag)));
        ignored.clear();
    }
    names.dedup();
    Ok(names)
}

/// Reads links, each of which lies in the folder of a digest.
async fn read_all(
    objects: &dyn Objects,
    links: Vec<(Digest, ObjectRecord)>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<(Digest, Link)>, StoreError> {
    let reads = links.into_iter().map(|(named, record)| async move {
        Ok::<_, StoreError>((named, read::link(objects, &record).await?, record.key))
    });
    let mut reads = futures_util::stream::iter(reads).buffered(AT_ONCE);
    let mut found = Vec::new();
    while let Some((named, read, path)) = reads.try_next().await? {
        let Some(read) = read.transpose() else { continue };
        match read.and_then(|read| link::fits(&named, read)) {
            Ok(link) => found.push((named, link)),
            Err(problem) => findings.push(Finding { path, problem }),
        }
    }
    Ok(found)
}

/// The links below `<alg>/<hex>/`, and what else is found there.
struct DigestPages<'a> {
    pages: Pages<'a>,
    top: String,
    /// The folder that was spoken of last, so that no object repeats it.
    told: String,
}

impl<'a> DigestPages<'a> {
    fn below(objects: &'a dyn Objects, top: &str) -> Self {
        Self { pages: Pages::below(objects, top), top: top.to_owned(), told: String::new() }
    }

    async fn next(
        &mut self,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Vec<(Digest, ObjectRecord)>>, StoreError> {
        let Some(page) = self.pages.next().await? else { return Ok(None) };
        let mut links = Vec::new();
        for record in page {
            let tail = self.pages.tail(&record.key).to_owned();
            let mut parts = tail.splitn(3, '/');
            let (algorithm, hex) = (parts.next().unwrap_or_default(), parts.next());
            let (folder, odd) = match hex {
                _ if algorithm.ends_with(TEMPORARY) => (algorithm.to_owned(), Problem::Leftover),
                // A mark of the folder above, or something that lies there by itself.
                None | Some("") => continue,
                Some(hex) if hex.ends_with(TEMPORARY) => {
                    (format!("{algorithm}/{hex}"), Problem::Leftover)
                }
                Some(hex) => match (keys::digest(algorithm, hex), parts.next()) {
                    (Ok(digest), Some("link")) => {
                        links.push((digest, record));
                        continue;
                    }
                    (Ok(_), Some(rest)) if rest.starts_with("signatures/") => {
                        (format!("{algorithm}/{hex}/signatures"), Problem::OldSignatures)
                    }
                    (Ok(_), _) => continue,
                    (Err(problem), _) => (format!("{algorithm}/{hex}"), problem),
                },
            };
            if self.told != folder {
                findings.push(Finding { path: format!("{}/{folder}", self.top), problem: odd });
                self.told = folder;
            }
        }
        Ok(Some(links))
    }
}

/// Tags as objects come in sight below `tags/`.
struct TagPages<'a> {
    pages: Pages<'a>,
    top: String,
    /// The folder that was seen last.
    folder: String,
}

impl<'a> TagPages<'a> {
    fn below(objects: &'a dyn Objects, top: &str) -> Self {
        Self { pages: Pages::below(objects, top), top: top.to_owned(), folder: String::new() }
    }

    /// Each tag without an object when its folder begins, and with its current link when that is
    /// met: a tag that was being made or removed has none.
    async fn next(
        &mut self,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Vec<(Tag, Option<ObjectRecord>)>>, StoreError> {
        let Some(page) = self.pages.next().await? else { return Ok(None) };
        let mut seen = Vec::new();
        for record in page {
            let Some((folder, rest)) = self.pages.tail(&record.key).split_once('/') else {
                continue;
            };
            let is_new = self.folder != folder;
            if is_new {
                self.folder = folder.to_owned();
            }
            let mut report = |problem| {
                findings.push(Finding { path: format!("{}/{folder}", self.top), problem });
            };
            match Tag::parse(folder) {
                _ if folder.ends_with(TEMPORARY) && is_new => report(Problem::Leftover),
                _ if folder.ends_with(TEMPORARY) => {}
                Ok(tag) if rest == "current/link" => seen.push((tag, Some(record))),
                Ok(tag) if is_new => seen.push((tag, None)),
                Ok(_) => {}
                Err(error) if is_new => report(Problem::BadTag(error.to_string())),
                Err(_) => {}
            }
        }
        Ok(Some(seen))
    }
}
