//! Pushing a manifest: parse, decide, commit.

use bytes::Bytes;
use oci::{Algorithm, Digest, Manifest, MediaType, Reference, Role, Tag};
use store::{NewManifest, PutManifest, PutManifestFacts, Refusal, WriteError};

use crate::access::Push;
use crate::rules::{ClosureRule, closure, tags_free};
use crate::{Error, Granted, Registry};

/// A manifest that is now in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedManifest {
    /// In the algorithm that the client used; sha256 for a push by tag.
    pub digest: Digest,
    /// What it is attached to.
    pub subject: Option<Digest>,
}

impl Registry {
    /// Stores a manifest under its digest and moves tags to it: the one of the
    /// `reference`, if it is a tag, and `tags`.
    pub async fn push_manifest(
        &self,
        granted: &Granted<Push>,
        reference: &Reference,
        tags: Vec<Tag>,
        media_type: Option<MediaType>,
        bytes: Bytes,
    ) -> Result<PushedManifest, Error> {
        let limit = self.settings.manifest_max_bytes;
        if bytes.len() as u64 > limit {
            return Err(Error::ManifestTooLarge { limit });
        }
        let digest = named_digest(reference, &bytes)?;
        let manifest = Manifest::parse(bytes, media_type)?;
        self.permit(&manifest)?;
        let rule = ClosureRule::of(&manifest, granted.repository(), &self.settings.manifest_rules);
        let subject = manifest.subject().map(|subject| subject.digest);
        let command = PutManifest {
            repository: granted.repository().clone(),
            manifest: new_manifest(&manifest, digest),
            tags: all_tags(reference, tags),
            tag_digest: digest,
            asks_taken: !granted.may_overwrite(),
            actor: granted.caller().name().map(str::to_owned),
            at: self.clock.now(),
        };
        let may_overwrite = granted.may_overwrite();
        let rule = Box::new(move |facts: &PutManifestFacts| {
            tags_free(facts, may_overwrite).and_then(|()| closure(&rule, facts))
        });
        match self.content.put_manifest(command, rule).await {
            Ok(()) => Ok(PushedManifest { digest, subject }),
            Err(WriteError::Refused(Refusal::MissingReferences(missing))) => {
                Err(Error::MissingReferences(missing))
            }
            Err(WriteError::Refused(Refusal::TagsTaken(tags))) => Err(Error::TagsTaken {
                who: granted.caller().name().unwrap_or("an anonymous client").to_owned(),
                tags: tags.iter().map(|tag| format!("tag {tag}")).collect(),
            }),
            Err(error) => Err(Error::unexpected(error)),
        }
    }

    /// The operator's own rules.
    fn permit(&self, manifest: &Manifest) -> Result<(), Error> {
        let rules = &self.settings.manifest_rules;
        if let Some(url) = rules.refused_url(manifest) {
            let url = oci::quoted(url);
            return Err(Error::ManifestRefused(format!(
                "layer URL {url} is not allowed by validation.manifests.urls"
            )));
        }
        match rules.refused_class(manifest) {
            Some(class) => Err(Error::Forbidden(format!(
                "content of class {class:?} is not allowed by policy.repository.classes"
            ))),
            None => Ok(()),
        }
    }
}

/// What every descriptor of `manifest` says, as the store keeps it. Also what
/// import writes, so that both agree.
fn new_manifest(manifest: &Manifest, named: Digest) -> NewManifest {
    let references = manifest.references().iter().filter(|link| link.role != Role::Subject);
    let subject = manifest.subject().map(|subject| subject.digest);
    NewManifest {
        sha256: match named.algorithm() {
            Algorithm::Sha256 => named,
            Algorithm::Sha512 => manifest.digest(Algorithm::Sha256),
        },
        sha512: (named.algorithm() == Algorithm::Sha512).then_some(named),
        media_type: manifest.media_type().clone(),
        bytes: manifest.bytes().clone(),
        references: references.map(|link| (link.role, link.descriptor.digest)).collect(),
        subject,
        artifact_type: subject.and_then(|_| manifest.artifact_type()),
        annotations: subject.and_then(|_| annotations(manifest)),
    }
}

fn annotations(manifest: &Manifest) -> Option<String> {
    let annotations = manifest.annotations();
    if annotations.is_empty() { None } else { serde_json::to_string(annotations).ok() }
}

/// The digest the client will know the manifest by, checked against the bytes.
fn named_digest(reference: &Reference, bytes: &[u8]) -> Result<Digest, Error> {
    match reference {
        Reference::Tag(_) => Ok(Digest::sha256(bytes)),
        Reference::Digest(expected) => {
            let actual = Digest::of(expected.algorithm(), bytes);
            if actual == *expected {
                Ok(actual)
            } else {
                Err(Error::DigestMismatch { expected: *expected, actual })
            }
        }
    }
}

fn all_tags(reference: &Reference, mut tags: Vec<Tag>) -> Vec<Tag> {
    if let Reference::Tag(tag) = reference {
        tags.push(tag.clone());
    }
    tags.sort();
    tags.dedup();
    tags
}
