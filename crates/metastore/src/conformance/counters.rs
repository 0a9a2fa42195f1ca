//! Pull counters.

use store::{NewManifest, PullCount};

use super::MetadataStore;
use super::fixture::*;

fn pulls(content: &str, by: Option<&str>, count: u64, last: i64) -> PullCount {
    let (repository, digest) = (repository("a"), sha256(content));
    PullCount { repository, digest, tag: by.map(tag), count, last: at(last) }
}

async fn of_manifest(store: &impl MetadataStore, content: &str) -> (u64, Option<i64>) {
    let all = store.walk_manifests(&repository("a"), everything()).await.unwrap();
    let one = all.iter().find(|manifest| manifest.sha256 == sha256(content)).unwrap();
    (one.pulls, one.last_pulled.map(|last| last.millis()))
}

async fn of_tag(store: &impl MetadataStore, name: &str) -> (u64, Option<i64>) {
    let all = store.walk_tags(&repository("a"), everything()).await.unwrap();
    let one = all.iter().find(|walk| walk.tag == tag(name)).unwrap();
    (one.pulls, one.last_pulled.map(|last| last.millis()))
}

pub(super) async fn pulls_add_up_by_manifest_and_by_tag(store: &impl MetadataStore) {
    let one = NewManifest { sha512: Some(sha512("one")), ..manifest("one", &[]) };
    put(store, push("a", one, &["t", "u"])).await;
    put(store, push("a", manifest("two", &[]), &[])).await;
    assert_eq!(of_manifest(store, "one").await, (0, None));
    let by_sha512 = PullCount { digest: sha512("one"), ..pulls("one", Some("u"), 1, 40) };
    let first = vec![pulls("one", Some("t"), 3, 70), pulls("one", None, 2, 60), by_sha512];
    store.add_pulls(first).await.unwrap();
    store.add_pulls(vec![pulls("one", Some("t"), 4, 50)]).await.unwrap();
    assert_eq!(of_manifest(store, "one").await, (10, Some(70)));
    assert_eq!(of_manifest(store, "two").await, (0, None));
    assert_eq!(of_tag(store, "t").await, (7, Some(70)));
    assert_eq!(of_tag(store, "u").await, (1, Some(40)));
}

pub(super) async fn pulls_of_what_is_gone_are_passed_over(store: &impl MetadataStore) {
    put(store, push("a", manifest("one", &[]), &["t"])).await;
    let elsewhere = PullCount { repository: repository("x"), ..pulls("one", None, 1, 1) };
    let gone = pulls("two", Some("gone"), 1, 1);
    store.add_pulls(vec![elsewhere, gone, pulls("one", Some("t"), 1, 9)]).await.unwrap();
    assert_eq!(of_manifest(store, "one").await, (1, Some(9)));
    assert!(!store.repository_exists(&repository("x")).await.unwrap());
}

pub(super) async fn a_manifest_takes_its_counters_along(store: &impl MetadataStore) {
    put(store, push("a", manifest("one", &[]), &["t"])).await;
    store.add_pulls(vec![pulls("one", Some("t"), 5, 9)]).await.unwrap();
    let deleted = store.delete_manifest(&repository("a"), &sha256("one"), None, at(10)).await;
    assert!(deleted.unwrap().is_some());
    put(store, push("a", manifest("one", &[]), &["t"])).await;
    assert_eq!(of_manifest(store, "one").await, (0, None));
    assert_eq!(of_tag(store, "t").await, (0, None));
}

pub(super) async fn a_tag_that_moves_keeps_its_counter(store: &impl MetadataStore) {
    put(store, push("a", manifest("one", &[]), &["t"])).await;
    store.add_pulls(vec![pulls("one", Some("t"), 5, 9)]).await.unwrap();
    put(store, push("a", manifest("two", &[]), &["t"])).await;
    assert_eq!(of_tag(store, "t").await, (5, Some(9)));
    assert_eq!(of_manifest(store, "two").await, (0, None));
}
