//! The few names and contents that random runs choose from: few, so that
//! operations meet each other.

use bytes::Bytes;
use oci::{Digest, Manifest, MediaType, RepositoryName, Role, Tag};
use testkit::fixture::{self, ManifestFixture};

pub(crate) struct Universe {
    pub(crate) repositories: Vec<RepositoryName>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) blobs: Vec<Bytes>,
    pub(crate) manifests: Vec<ManifestFixture>,
}

impl Universe {
    pub(crate) fn new() -> Self {
        let repository = |name: &&str| RepositoryName::parse(name).unwrap();
        // Empty, inline, held and staged ones.
        let sizes = [0_usize, 10, 17_000, 140_000];
        let mut blobs: Vec<Bytes> =
            sizes.iter().map(|size| Bytes::from(fixture::blob(*size as u64, *size))).collect();
        blobs.push(Bytes::from_static(b"{}"));
        Self {
            repositories: ["a", "a-b", "a/b", "a_b"].iter().map(repository).collect(),
            tags: ["A", "_", "latest", "v1.0"].iter().map(|t| Tag::parse(t).unwrap()).collect(),
            manifests: manifests(&blobs),
            blobs,
        }
    }

    /// The type and references of a manifest, as its own parser sees them.
    pub(crate) fn parsed(fixture: &ManifestFixture) -> Manifest {
        let media_type = MediaType::parse(fixture.media_type).unwrap();
        Manifest::parse(fixture.bytes.clone().into(), Some(media_type)).unwrap()
    }

    /// Every digest there is.
    pub(crate) fn digests(&self) -> Vec<Digest> {
        let both =
            |bytes: &[u8]| [Digest::sha256(bytes), Digest::of(oci::Algorithm::Sha512, bytes)];
        let blobs = self.blobs.iter().flat_map(|bytes| both(bytes));
        let manifests = self.manifests.iter().flat_map(|manifest| both(&manifest.bytes));
        blobs.chain(manifests).collect()
    }
}

fn manifests(blobs: &[Bytes]) -> Vec<ManifestFixture> {
    let layers = |which: &[usize]| which.iter().map(|n| blobs[*n].to_vec()).collect::<Vec<_>>();
    let small = fixture::image_manifest(&blobs[1], &layers(&[0]));
    let large = fixture::image_manifest(&blobs[1], &layers(&[2, 3]));
    let same_layers = fixture::image_manifest(&blobs[2], &layers(&[3, 3]));
    let index = fixture::index(&[&small, &large]);
    vec![
        fixture::artifact(&small, "application/x.sbom"),
        fixture::artifact(&small, "application/x.signature"),
        fixture::artifact(&index, "application/x.sbom"),
        fixture::docker_list(&[&same_layers]),
        fixture::schema1(&layers(&[1, 2])),
        fixture::index(&[]),
        small,
        large,
        same_layers,
        index,
    ]
}

/// What a reference needs to be there as.
pub(crate) fn may_be_blob(role: Role) -> bool {
    role != Role::Subject
}
