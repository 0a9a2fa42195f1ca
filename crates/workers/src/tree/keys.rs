//! Where everything lies in a tree, whatever keeps it: the only place that knows.
//!
//! A key is a path below the storage root, with `/` and without a leading one. In a directory it
//! names a file, in a bucket an object.

use oci::{Digest, RepositoryName};
use store::BlobKey;

use super::LinkName;
use crate::Problem;

/// Above all repositories.
pub(super) const REPOSITORIES: &str = "docker/registry/v2/repositories";
/// Above all bytes.
const BLOBS: &str = "docker/registry/v2/blobs";
/// Blob links of a repository.
pub(super) const LAYERS: &str = "_layers";
/// Manifest and tag links of a repository.
pub(super) const MANIFESTS: &str = "_manifests";
/// Uploads under way in a repository.
pub(super) const UPLOADS: &str = "_uploads";

/// Suffix of the files that the original renames into place.
pub(super) const TEMPORARY: &str = ".tmp";

pub(super) fn repository(name: &RepositoryName) -> String {
    format!("{REPOSITORIES}/{name}")
}

pub(super) fn layers(name: &RepositoryName) -> String {
    format!("{REPOSITORIES}/{name}/{LAYERS}")
}

pub(super) fn manifests(name: &RepositoryName) -> String {
    format!("{REPOSITORIES}/{name}/{MANIFESTS}")
}

pub(super) fn uploads(name: &RepositoryName) -> String {
    format!("{REPOSITORIES}/{name}/{UPLOADS}")
}

pub(super) fn revisions(name: &RepositoryName) -> String {
    format!("{}/revisions", manifests(name))
}

pub(super) fn tags(name: &RepositoryName) -> String {
    format!("{}/tags", manifests(name))
}

/// The file or object of a link.
pub(super) fn link(name: &RepositoryName, link: &LinkName) -> String {
    format!("{}/link", link_folder(name, link))
}

/// The folder that exists for this link alone.
fn link_folder(name: &RepositoryName, link: &LinkName) -> String {
    match link {
        LinkName::Layer(digest) => under(&layers(name), digest),
        LinkName::Revision(digest) => under(&revisions(name), digest),
        LinkName::TagIndex(tag, digest) => under(&format!("{}/{tag}/index", tags(name)), digest),
        LinkName::TagCurrent(tag) => format!("{}/{tag}/current", tags(name)),
    }
}

/// The folder that goes when the link is removed: that of a tag holds its history too.
pub(super) fn removed_folder(name: &RepositoryName, link: &LinkName) -> String {
    match link {
        LinkName::TagCurrent(tag) => format!("{}/{tag}", tags(name)),
        other => link_folder(name, other),
    }
}

/// The key of a blob at its digest's own place, as every blob store names it.
pub(super) fn own_key(digest: &Digest) -> BlobKey {
    BlobKey::new(own_place(digest))
}

/// A digest's own place.
pub(super) fn own_place(digest: &Digest) -> String {
    let hex = digest.hex();
    let shard = hex.get(..2).unwrap_or_default();
    format!("{BLOBS}/{}/{shard}/{hex}/data", digest.algorithm())
}

/// The digest that the folders `<algorithm>/<hex>` name.
pub(super) fn digest(algorithm: &str, hex: &str) -> Result<Digest, Problem> {
    let parsed = format!("{algorithm}:{hex}").parse();
    parsed.map_err(|error: oci::DigestError| Problem::BadDigest(error.to_string()))
}

fn under(top: &str, digest: &Digest) -> String {
    format!("{top}/{}/{}", digest.algorithm(), digest.hex())
}
