//! Where everything lies in a tree of files: the only place that knows.

use std::path::{Path, PathBuf};

use oci::{Digest, RepositoryName};
use store::BlobKey;

use super::LinkName;

/// Everything the original writes lies below this directory of its storage root.
const V2: &str = "docker/registry/v2";
/// Blob links.
pub(super) const LAYERS: &str = "_layers";
/// Manifest and tag links.
pub(super) const MANIFESTS: &str = "_manifests";
/// Uploads under way.
pub(super) const UPLOADS: &str = "_uploads";

/// Paths below a storage root.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn repositories(&self) -> PathBuf {
        self.root.join(V2).join("repositories")
    }

    pub(super) fn repository(&self, name: &RepositoryName) -> PathBuf {
        self.repositories().join(name.as_str())
    }

    pub(super) fn layers(&self, name: &RepositoryName) -> PathBuf {
        self.repository(name).join(LAYERS)
    }

    pub(super) fn uploads(&self, name: &RepositoryName) -> PathBuf {
        self.repository(name).join(UPLOADS)
    }

    pub(super) fn revisions(&self, name: &RepositoryName) -> PathBuf {
        self.repository(name).join(MANIFESTS).join("revisions")
    }

    pub(super) fn tags(&self, name: &RepositoryName) -> PathBuf {
        self.repository(name).join(MANIFESTS).join("tags")
    }

    /// The directory that exists for this link alone.
    pub(super) fn link_directory(&self, name: &RepositoryName, link: &LinkName) -> PathBuf {
        match link {
            LinkName::Layer(digest) => under(self.layers(name), digest),
            LinkName::Revision(digest) => under(self.revisions(name), digest),
            LinkName::TagIndex(tag, digest) => {
                under(self.tags(name).join(tag.as_str()).join("index"), digest)
            }
            LinkName::TagCurrent(tag) => self.tags(name).join(tag.as_str()).join("current"),
        }
    }

    /// A digest's own place.
    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.root.join(own_place(digest))
    }

    /// The file that a key of the blob store names; `None` for a key that is no path below the root.
    pub(super) fn key_file(&self, key: &BlobKey) -> Option<PathBuf> {
        let path = Path::new(key.as_str());
        let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        (plain && !key.as_str().is_empty()).then(|| self.root.join(path))
    }

    /// The path below the root, for reports.
    pub(super) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// The key of a blob at its digest's own place: its path below the root, as the blob store of
/// files names it.
pub(super) fn own_key(digest: &Digest) -> BlobKey {
    BlobKey::new(own_place(digest))
}

fn own_place(digest: &Digest) -> String {
    let hex = digest.hex();
    let shard = hex.get(..2).unwrap_or_default();
    format!("{V2}/blobs/{}/{shard}/{hex}/data", digest.algorithm())
}

fn under(directory: PathBuf, digest: &Digest) -> PathBuf {
    directory.join(digest.algorithm().as_str()).join(digest.hex())
}
