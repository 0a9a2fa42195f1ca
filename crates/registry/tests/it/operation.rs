//! What can be asked of a registry, and how chance chooses.

use oci::{Algorithm, Digest, Reference, RepositoryName, Tag};
use testkit::SeededRandom;

use crate::universe::Universe;

/// One request. Blobs and manifests are numbers in the universe.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    PushBlob { to: RepositoryName, blob: usize, algorithm: Algorithm },
    Upload { to: RepositoryName, blob: usize, algorithm: Algorithm, wrong: bool },
    Mount { to: RepositoryName, digest: Digest, from: Option<RepositoryName> },
    PushManifest { to: RepositoryName, manifest: usize, by: By, tags: Vec<Tag> },
    DeleteManifest { from: RepositoryName, reference: Reference },
    DeleteBlob { from: RepositoryName, digest: Digest },
    Manifest { from: RepositoryName, reference: Reference },
    Blob { from: RepositoryName, digest: Digest },
    Tags { of: RepositoryName, after: Option<String>, limit: usize },
    Catalog { after: Option<String>, limit: usize },
    Referrers { of: RepositoryName, subject: Digest, types: Vec<String> },
    Restart,
}

#[derive(Debug, Clone)]
pub(crate) enum By {
    Tag(Tag),
    Digest(Algorithm),
}

/// An operation that changes something, or a look at one thing.
pub(crate) fn choose(chance: &SeededRandom, universe: &Universe) -> Operation {
    let repository = || chance.pick(&universe.repositories).clone();
    let tag = || chance.pick(&universe.tags).clone();
    let algorithm = || *chance.pick(&[Algorithm::Sha256, Algorithm::Sha256, Algorithm::Sha512]);
    let digests = universe.digests();
    let digest = || *chance.pick(&digests);
    let blob = || chance.below(universe.blobs.len());
    let reference = || match chance.below(2) {
        0 => Reference::Tag(tag()),
        _ => Reference::Digest(digest()),
    };
    match chance.below(26) {
        0..4 => Operation::PushBlob { to: repository(), blob: blob(), algorithm: algorithm() },
        4..7 => {
            let wrong = chance.below(5) == 0;
            Operation::Upload { to: repository(), blob: blob(), algorithm: algorithm(), wrong }
        }
        7..9 => {
            let from = (chance.below(2) == 0).then(repository);
            Operation::Mount { to: repository(), digest: digest(), from }
        }
        9..17 => {
            let by = match chance.below(3) {
                0 => By::Digest(algorithm()),
                _ => By::Tag(tag()),
            };
            let tags = (0..chance.below(3)).map(|_| tag()).collect();
            let manifest = chance.below(universe.manifests.len());
            Operation::PushManifest { to: repository(), manifest, by, tags }
        }
        17..19 => Operation::DeleteManifest { from: repository(), reference: reference() },
        19 => Operation::DeleteBlob { from: repository(), digest: digest() },
        20 => Operation::Manifest { from: repository(), reference: reference() },
        21 => Operation::Blob { from: repository(), digest: digest() },
        22 => {
            let after = (chance.below(2) == 0).then(|| tag().as_str().to_owned());
            Operation::Tags { of: repository(), after, limit: chance.below(5) }
        }
        23 => {
            let after = (chance.below(2) == 0).then(|| repository().as_str().to_owned());
            Operation::Catalog { after, limit: chance.below(5) }
        }
        24 => {
            let types = ["application/x.sbom", "application/x.signature"];
            let types = (0..chance.below(3)).map(|_| (*chance.pick(&types)).to_owned());
            Operation::Referrers { of: repository(), subject: digest(), types: types.collect() }
        }
        _ => Operation::Restart,
    }
}

/// A look at everything there may be.
pub(crate) fn everything(universe: &Universe) -> Vec<Operation> {
    let mut all = vec![Operation::Catalog { after: None, limit: 100 }];
    for from in &universe.repositories {
        all.push(Operation::Tags { of: from.clone(), after: None, limit: 100 });
        for digest in universe.digests() {
            let reference = Reference::Digest(digest);
            all.push(Operation::Manifest { from: from.clone(), reference });
            all.push(Operation::Blob { from: from.clone(), digest });
            let (of, types) = (from.clone(), Vec::new());
            all.push(Operation::Referrers { of, subject: digest, types });
        }
        for tag in &universe.tags {
            let reference = Reference::Tag(tag.clone());
            all.push(Operation::Manifest { from: from.clone(), reference });
        }
    }
    all
}
