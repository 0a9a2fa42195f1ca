//! Manifests and tags.

use oci::{MediaType, Reference, Role};
use store::{NewManifest, Presence, PutManifestFacts, Refusal};

use super::MetadataStore;
use super::fixture::*;

async fn digest_of(store: &impl MetadataStore, name: &str) -> Option<oci::Digest> {
    let found = store.manifest(&repository("a"), &by_tag(name)).await.unwrap();
    found.map(|manifest| manifest.digest)
}

pub(super) async fn push_by_tag_moves_the_tag(store: &impl MetadataStore) {
    put(store, push("a", manifest("one", &[]), &["t", "u"])).await;
    put(store, push("a", manifest("two", &[]), &["t"])).await;
    let t = store.manifest(&repository("a"), &by_tag("t")).await.unwrap().unwrap();
    assert_eq!((t.digest, t.bytes.as_ref()), (sha256("two"), b"two".as_slice()));
    assert_eq!(t.media_type.as_str(), MediaType::OCI_MANIFEST);
    assert_eq!(digest_of(store, "u").await, Some(sha256("one")));
    assert_eq!(digest_of(store, "v").await, None);
    assert_eq!(store.manifest(&repository("b"), &by_tag("t")).await.unwrap(), None);
}

pub(super) async fn a_manifest_is_found_by_either_digest(store: &impl MetadataStore) {
    let by_sha256 = manifest("one", &[]);
    put(store, push("a", by_sha256.clone(), &[])).await;
    let wanted = Reference::Digest(sha512("one"));
    assert_eq!(store.manifest(&repository("a"), &wanted).await.unwrap(), None);
    put(store, push("a", NewManifest { sha512: Some(sha512("one")), ..by_sha256 }, &[])).await;
    for digest in [sha256("one"), sha512("one")] {
        let found = store.manifest(&repository("a"), &Reference::Digest(digest)).await.unwrap();
        let found = found.unwrap();
        assert_eq!((found.digest, found.bytes.as_ref()), (digest, b"one".as_slice()));
    }
}

pub(super) async fn a_tag_pushed_by_sha512_resolves_to_it(store: &impl MetadataStore) {
    let new = NewManifest { sha512: Some(sha512("one")), ..manifest("one", &[]) };
    put(store, push("a", new, &["t"])).await;
    assert_eq!(digest_of(store, "t").await, Some(sha512("one")));
}

pub(super) async fn presence_tells_blobs_from_manifests_in_order(store: &impl MetadataStore) {
    publish(store, blob("a", "config", "k1")).await;
    publish(store, blob("b", "elsewhere", "k2")).await;
    put(store, push("a", manifest("child", &[]), &[])).await;
    let references = [
        (Role::Layer, sha256("absent")),
        (Role::Child, sha256("child")),
        (Role::Config, sha256("config")),
        (Role::Layer, sha256("elsewhere")),
    ];
    let found = [(false, false), (false, true), (true, false), (false, false)];
    let presence = references.iter().zip(found).map(|((role, digest), (blob, manifest))| {
        Presence { role: *role, digest: *digest, blob, manifest }
    });
    let facts = PutManifestFacts { presence: presence.collect(), taken: Vec::new() };
    let index = push("a", manifest("index", &references), &["t"]);
    store.put_manifest(index, expecting(facts, ())).await.unwrap();
    let absent =
        Presence { role: Role::Layer, digest: sha256("config"), blob: false, manifest: false };
    let facts = PutManifestFacts { presence: vec![absent], taken: Vec::new() };
    let other = push("new", manifest("m", &[(Role::Layer, sha256("config"))]), &[]);
    store.put_manifest(other, expecting(facts, ())).await.unwrap();
}

pub(super) async fn the_rule_hears_which_tags_point_elsewhere(store: &impl MetadataStore) {
    let asking = |content, tags: &[&str]| store::PutManifest {
        asks_taken: true,
        ..push("a", manifest(content, &[]), tags)
    };
    let taken = |tags: &[&str]| PutManifestFacts {
        presence: Vec::new(),
        taken: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
    };
    let first = asking("m1", &["v1", "v2"]);
    store.put_manifest(first.clone(), expecting(taken(&[]), ())).await.unwrap();
    store.put_manifest(first, expecting(taken(&[]), ())).await.unwrap();
    let refused = Box::new(|facts: &PutManifestFacts| Err(Refusal::TagsTaken(facts.taken.clone())));
    let error = store.put_manifest(asking("m2", &["v0", "v1", "v2"]), refused).await.unwrap_err();
    let expected = Refusal::TagsTaken(taken(&["v1", "v2"]).taken);
    assert!(matches!(error, store::WriteError::Refused(refusal) if refusal == expected));
    let unasked = push("a", manifest("m2", &[]), &["v1"]);
    store.put_manifest(unasked, expecting(taken(&[]), ())).await.unwrap();
}

pub(super) async fn a_sha512_reference_counts_as_the_aliased_blob(store: &impl MetadataStore) {
    let references = [(Role::Layer, sha512("one")), (Role::Child, sha512("child"))];
    let presence = |blob, manifest| PutManifestFacts {
        presence: vec![
            Presence { role: Role::Layer, digest: sha512("one"), blob, manifest: false },
            Presence { role: Role::Child, digest: sha512("child"), blob: false, manifest },
        ],
        taken: Vec::new(),
    };
    publish(store, blob("a", "one", "k1")).await;
    put(store, push("a", manifest("child", &[]), &[])).await;
    let rule = expecting(presence(false, false), ());
    store.put_manifest(push("a", manifest("m1", &references), &[]), rule).await.unwrap();
    publish(store, store::PublishBlob { sha512: Some(sha512("one")), ..blob("a", "one", "k2") })
        .await;
    let child = NewManifest { sha512: Some(sha512("child")), ..manifest("child", &[]) };
    put(store, push("a", child, &[])).await;
    let rule = expecting(presence(true, true), ());
    store.put_manifest(push("a", manifest("m2", &references), &[]), rule).await.unwrap();
}

pub(super) async fn a_refused_manifest_changes_nothing(store: &impl MetadataStore) {
    put(store, push("a", manifest("one", &[]), &["t"])).await;
    let missing = Refusal::MissingReferences(vec![sha256("x")]);
    for name in ["a", "b"] {
        let result =
            store.put_manifest(push(name, manifest("two", &[]), &["t"]), never(missing.clone()));
        assert_eq!(refused(result.await), missing);
    }
    assert_eq!(digest_of(store, "t").await, Some(sha256("one")));
    let two = store.manifest(&repository("a"), &Reference::Digest(sha256("two"))).await.unwrap();
    assert_eq!(two, None);
    assert!(!store.repository_exists(&repository("b")).await.unwrap());
}

pub(super) async fn the_last_media_type_wins(store: &impl MetadataStore) {
    let first = manifest("one", &[(Role::Layer, sha256("layer"))]);
    put(store, push("a", first.clone(), &["t"])).await;
    let media_type = MediaType::parse(MediaType::DOCKER_MANIFEST).unwrap();
    put(store, push("a", NewManifest { media_type, ..first }, &[])).await;
    let found = store.manifest(&repository("a"), &by_tag("t")).await.unwrap().unwrap();
    assert_eq!(found.media_type.as_str(), MediaType::DOCKER_MANIFEST);
    let walk = store.walk_manifests(&repository("a"), everything()).await.unwrap();
    assert_eq!(walk.len(), 1);
}

pub(super) async fn deleting_a_manifest_takes_its_tags_along(store: &impl MetadataStore) {
    let new = NewManifest { sha512: Some(sha512("one")), ..manifest("one", &[]) };
    put(store, push("a", new, &["t", "u"])).await;
    put(store, push("a", manifest("two", &[]), &["v"])).await;
    let actor = Some("bob".to_owned());
    let taken = store.delete_manifest(&repository("a"), &sha512("one"), actor, at(3000)).await;
    assert_eq!(taken.unwrap().unwrap().tags, [tag("t"), tag("u")]);
    let left = store.tags(&repository("a"), everything()).await.unwrap();
    assert_eq!(left, Some(vec![tag("v")]));
    for digest in [sha256("one"), sha512("one")] {
        let found = store.manifest(&repository("a"), &Reference::Digest(digest)).await.unwrap();
        assert_eq!(found, None);
    }
    store.delete_manifest(&repository("a"), &sha256("two"), None, at(4000)).await.unwrap();
    assert!(store.repository_exists(&repository("a")).await.unwrap());
    assert_eq!(store.tags(&repository("a"), everything()).await.unwrap(), Some(vec![]));
}

pub(super) async fn deleting_in_one_repository_keeps_the_bytes_of_the_other(
    store: &impl MetadataStore,
) {
    let new = NewManifest { sha512: Some(sha512("one")), ..manifest("one", &[]) };
    put(store, push("a", new.clone(), &["t"])).await;
    put(store, push("b", new, &["t"])).await;
    store.delete_manifest(&repository("a"), &sha256("one"), None, at(3000)).await.unwrap();
    let wanted = Reference::Digest(sha512("one"));
    let kept = store.manifest(&repository("b"), &wanted).await.unwrap().unwrap();
    assert_eq!(kept.bytes.as_ref(), b"one");
    store.delete_manifest(&repository("b"), &sha256("one"), None, at(3000)).await.unwrap();
    put(store, push("a", manifest("one", &[]), &[])).await;
    let alias = store.manifest(&repository("a"), &wanted).await.unwrap();
    assert_eq!(alias, None, "the alias went with the last manifest");
}

pub(super) async fn deleting_a_tag_keeps_the_manifest(store: &impl MetadataStore) {
    put(store, push("a", manifest("one", &[]), &["t", "u"])).await;
    assert!(store.delete_tag(&repository("a"), &tag("t"), None, at(3000)).await.unwrap());
    assert_eq!(digest_of(store, "t").await, None);
    assert_eq!(digest_of(store, "u").await, Some(sha256("one")));
}

pub(super) async fn deleting_what_is_not_there_says_so(store: &impl MetadataStore) {
    put(store, push("a", manifest("one", &[]), &["t"])).await;
    for name in ["a", "b"] {
        assert!(!store.delete_tag(&repository(name), &tag("x"), None, at(1)).await.unwrap());
        let gone = store.delete_manifest(&repository(name), &sha256("x"), None, at(1)).await;
        assert_eq!(gone.unwrap(), None);
    }
}
