//! The stamp of a tree of files.
//!
//! Every way in which the original changes what a client can see leaves a mark in the time of a
//! directory or of a tag's link: a new blob link or manifest makes a directory below
//! `_layers/<alg>` or `revisions/<alg>`, a new or deleted tag changes `tags/`, and a tag that moves
//! (also back to an image that is there already) rewrites `tags/<tag>/current/link`. So the stamp
//! reads the directories of each repository and one time per tag, and no file. `blobs/` and
//! `_uploads/` are not looked at, since Berth itself writes blobs there.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use oci::{Algorithm, Hasher, RepositoryName};
use store::StoreError;

use super::layout::Layout;
use super::repositories;
use crate::tree::{Stamp, keys};

/// Takes the stamp of the tree as it is now.
pub(super) fn take(layout: &Layout) -> Result<Stamp, StoreError> {
    let names = repositories::all(layout)?.items;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut tags = 0_u64;
    for name in &names {
        tags += repository(layout, name, &mut hasher);
    }
    let repositories = names.len() as u64;
    Ok(Stamp { repositories, tags, fingerprint: hasher.finish().hex() })
}

/// Takes in one repository; returns its number of tags.
fn repository(layout: &Layout, name: &RepositoryName, hasher: &mut Hasher) -> u64 {
    note(hasher, name.as_str(), &layout.path(&keys::manifests(name)));
    for top in [keys::layers(name), keys::revisions(name)] {
        let top = layout.path(&top);
        for algorithm in sorted(&top) {
            note(hasher, &algorithm, &top.join(&algorithm));
        }
    }
    let directory = layout.path(&keys::tags(name));
    note(hasher, "tags", &directory);
    let tags = sorted(&directory);
    for tag in &tags {
        note(hasher, tag, &directory.join(tag).join("current").join("link"));
    }
    tags.len() as u64
}

/// Takes in a name and the modification time of a path; one that is absent counts as such.
fn note(hasher: &mut Hasher, name: &str, path: &Path) {
    hasher.update(name.as_bytes());
    hasher.update(&[0]);
    let (seconds, nanos) = std::fs::metadata(path).map_or((0, 0), |m| (m.mtime(), m.mtime_nsec()));
    hasher.update(&seconds.to_be_bytes());
    hasher.update(&nanos.to_be_bytes());
}

fn sorted(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<_> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}
