//! Listing the links of one repository.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use oci::{Digest, RepositoryName, Tag};

use super::layout::Layout;
use super::read;
use crate::tree::keys::{self, TEMPORARY};
use crate::tree::link::{self, Link};
use crate::tree::{LayerLink, LinkName, Listing, RevisionLink, TagLink};
use crate::{Finding, Problem};

/// Blob links.
pub(super) fn layers(layout: &Layout, name: &RepositoryName) -> Listing<LayerLink> {
    let mut listing = Listing::default();
    let layers = layout.path(&keys::layers(name));
    each_digest(layout, &layers, &mut listing.findings, |named, path, findings| {
        if let Some(link) = read_link(layout, &path, named, findings) {
            listing.items.push(LayerLink { named, sha256: link.digest });
        }
    });
    let uploads = layout.path(&keys::uploads(name));
    let count = entries(layout, &uploads, &mut listing.findings).len();
    if count > 0 {
        let path = layout.shown(&uploads);
        listing.findings.push(Finding { path, problem: Problem::UnfinishedUploads(count) });
    }
    listing
}

/// Manifest links.
pub(super) fn revisions(layout: &Layout, name: &RepositoryName) -> Listing<RevisionLink> {
    let mut listing = Listing::default();
    let revisions = layout.path(&keys::revisions(name));
    each_digest(layout, &revisions, &mut listing.findings, |named, path, findings| {
        let signatures = path.join("signatures");
        if signatures.is_dir() {
            let path = layout.shown(&signatures);
            findings.push(Finding { path, problem: Problem::OldSignatures });
        }
        if let Some(link) = read_link(layout, &path, named, findings) {
            listing.items.push(RevisionLink { named, sha256: link.digest, at: link.at });
        }
    });
    listing
}

/// The current links of tags.
pub(super) fn tags(layout: &Layout, name: &RepositoryName) -> Listing<TagLink> {
    let mut listing = Listing::default();
    let directory = layout.path(&keys::tags(name));
    for entry in entries(layout, &directory, &mut listing.findings) {
        let mut report = |path: &Path, problem| {
            listing.findings.push(Finding { path: layout.shown(path), problem });
        };
        let place = directory.join(&entry);
        let tag = match Tag::parse(&entry) {
            Ok(tag) => tag,
            Err(error) => {
                report(&place, Problem::BadTag(error.to_string()));
                continue;
            }
        };
        let path = place.join("current").join("link");
        match read::link(&path) {
            Ok(Some(link)) => listing.items.push(TagLink { tag, digest: link.digest, at: link.at }),
            // A tag that was being made or removed: no registry shows it.
            Ok(None) => {}
            Err(problem) => report(&path, problem),
        }
    }
    listing
}

/// All links by the names of their directories, whatever they hold.
pub(super) fn names(layout: &Layout, name: &RepositoryName) -> Vec<LinkName> {
    let mut names = Vec::new();
    let ignored = &mut Vec::new();
    each_digest(layout, &layout.path(&keys::layers(name)), ignored, |digest, path, _| {
        if path.join("link").exists() {
            names.push(LinkName::Layer(digest));
        }
    });
    each_digest(layout, &layout.path(&keys::revisions(name)), ignored, |digest, path, _| {
        if path.join("link").exists() {
            names.push(LinkName::Revision(digest));
        }
    });
    let tags = entries(layout, &layout.path(&keys::tags(name)), ignored);
    names.extend(tags.iter().filter_map(|tag| Tag::parse(tag).ok()).map(LinkName::TagCurrent));
    names
}

/// Reads the link in `directory`, which is named by `named`.
fn read_link(
    layout: &Layout,
    directory: &Path,
    named: Digest,
    findings: &mut Vec<Finding>,
) -> Option<Link> {
    let path = directory.join("link");
    let read = read::link(&path).transpose()?;
    match read.and_then(|read| link::fits(&named, read)) {
        Ok(link) => Some(link),
        Err(problem) => {
            findings.push(Finding { path: layout.shown(&path), problem });
            None
        }
    }
}

/// Calls `visit` for each `<alg>/<hex>` below `top`, in order of names.
fn each_digest(
    layout: &Layout,
    top: &Path,
    findings: &mut Vec<Finding>,
    mut visit: impl FnMut(Digest, PathBuf, &mut Vec<Finding>),
) {
    for algorithm in entries(layout, top, findings) {
        let directory = top.join(&algorithm);
        for hex in entries(layout, &directory, findings) {
            let path = directory.join(&hex);
            match keys::digest(&algorithm, &hex) {
                Ok(digest) => visit(digest, path, findings),
                Err(problem) => findings.push(Finding { path: layout.shown(&path), problem }),
            }
        }
    }
}

/// The names in a directory, sorted, without what a crash left behind. A directory that does not
/// exist has none.
fn entries(layout: &Layout, directory: &Path, findings: &mut Vec<Finding>) -> Vec<String> {
    let mut report = |path: &Path, problem| {
        findings.push(Finding { path: layout.shown(path), problem });
    };
    let reader = match std::fs::read_dir(directory) {
        Ok(reader) => reader,
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                report(directory, Problem::Unreadable(error.to_string()));
            }
            return Vec::new();
        }
    };
    let mut names = Vec::new();
    for entry in reader {
        match entry.map(|entry| entry.file_name().into_string()) {
            Ok(Ok(name)) if name.ends_with(TEMPORARY) => {
                report(&directory.join(name), Problem::Leftover);
            }
            Ok(Ok(name)) => names.push(name),
            Ok(Err(name)) => {
                let why = "its name is not text".to_owned();
                report(&directory.join(name), Problem::Unreadable(why));
            }
            Err(error) => report(directory, Problem::Unreadable(error.to_string())),
        }
    }
    names.sort_unstable();
    names
}
