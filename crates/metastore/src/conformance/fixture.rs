//! Short ways to say what a check is about.

use bytes::Bytes;
use oci::{Algorithm, Digest, MediaType, Reference, RepositoryName, Role, Tag};
use store::{
    BlobKey, BlobPlace, ContentStore, NewManifest, Page, PublishBlob, PublishFacts, PublishPlan,
    Published, PutManifest, Refusal, Rule, Timestamp, WriteError,
};

pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) fn repository(name: &str) -> RepositoryName {
    RepositoryName::parse(name).unwrap()
}

pub(super) fn tag(name: &str) -> Tag {
    Tag::parse(name).unwrap()
}

pub(super) fn by_tag(name: &str) -> Reference {
    Reference::Tag(tag(name))
}

pub(super) fn sha256(content: &str) -> Digest {
    Digest::sha256(content.as_bytes())
}

pub(super) fn sha512(content: &str) -> Digest {
    Digest::of(Algorithm::Sha512, content.as_bytes())
}

/// All of a list.
pub(super) fn everything<K>() -> Page<K> {
    Page::first(1000)
}

/// A rule that always answers the same.
pub(super) fn always<F: 'static, P: Clone + Send + Sync + 'static>(plan: P) -> Rule<F, P> {
    Box::new(move |_| Ok(plan.clone()))
}

/// A rule that refuses all facts but these. A store may ask it about others
/// first, which it then finds not to hold.
pub(super) fn expecting<F, P>(facts: F, plan: P) -> Rule<F, P>
where
    F: PartialEq + std::fmt::Debug + Send + Sync + 'static,
    P: Clone + Send + Sync + 'static,
{
    Box::new(move |seen| {
        if *seen == facts {
            return Ok(plan.clone());
        }
        eprintln!("asked about {seen:?}, expected {facts:?}");
        Err(Refusal::RepositoryUnknown)
    })
}

/// A rule that refuses.
pub(super) fn never<F: 'static, P: 'static>(refusal: Refusal) -> Rule<F, P> {
    Box::new(move |_| Err(refusal.clone()))
}

pub(super) fn refused<T: std::fmt::Debug>(result: Result<T, WriteError>) -> Refusal {
    match result {
        Err(WriteError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// A blob with these contents, kept under `key`.
pub(super) fn blob(repository: &str, content: &str, key: &str) -> PublishBlob {
    PublishBlob {
        repository: self::repository(repository),
        sha256: sha256(content),
        sha512: None,
        size: content.len() as u64,
        place: Some(BlobPlace::Stored(BlobKey::new(key))),
        session: None,
        at: at(1000),
    }
}

/// Takes new bytes if there is no row or a bad one.
pub(super) fn first_wins() -> Rule<PublishFacts, PublishPlan> {
    use store::BlobState::{Condemned, Live};
    Box::new(|facts| match facts.existing {
        Some(Live | Condemned) => Ok(PublishPlan::KeepExisting),
        _ if facts.has_bytes => Ok(PublishPlan::TakeNew),
        _ => Err(Refusal::BytesNeeded),
    })
}

pub(super) async fn publish(store: &impl ContentStore, blob: PublishBlob) -> Published {
    store.publish_blob(blob, first_wins()).await.unwrap()
}

/// A manifest with these bytes and references.
pub(super) fn manifest(content: &str, references: &[(Role, Digest)]) -> NewManifest {
    NewManifest {
        sha256: sha256(content),
        sha512: None,
        media_type: MediaType::parse(MediaType::OCI_MANIFEST).unwrap(),
        bytes: Bytes::copy_from_slice(content.as_bytes()),
        references: references.to_vec(),
        subject: None,
        artifact_type: None,
        annotations: None,
    }
}

/// A manifest attached to a subject.
pub(super) fn referrer(content: &str, subject: Digest) -> NewManifest {
    NewManifest {
        subject: Some(subject),
        artifact_type: Some("application/x.note".into()),
        annotations: Some(r#"{"a":"b"}"#.into()),
        ..manifest(content, &[])
    }
}

/// A push of a manifest by tags, or by digest if there are none.
pub(super) fn push(repository: &str, manifest: NewManifest, tags: &[&str]) -> PutManifest {
    PutManifest {
        repository: self::repository(repository),
        tag_digest: manifest.sha512.unwrap_or(manifest.sha256),
        asks_taken: false,
        manifest,
        tags: tags.iter().map(|name| tag(name)).collect(),
        actor: Some("ann".into()),
        at: at(2000),
    }
}

pub(super) async fn put(store: &impl ContentStore, push: PutManifest) {
    store.put_manifest(push, always(())).await.unwrap();
}
