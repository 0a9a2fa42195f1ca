//! When a repository lost the last manifest that it had.

use store::{ContentStore, Timestamp};

use super::MetadataStore;
use super::fixture::*;

async fn emptied(store: &impl ContentStore, name: &str) -> Option<Timestamp> {
    store.emptied_at(&repository(name)).await.unwrap()
}

async fn delete(store: &impl ContentStore, name: &str, content: &str, when: i64) {
    let name = repository(name);
    let gone = store.delete_manifest(&name, &sha256(content), None, at(when)).await.unwrap();
    assert!(gone.is_some(), "{content} was there");
}

pub(super) async fn a_repository_is_emptied_with_its_last_manifest(store: &impl MetadataStore) {
    assert_eq!(emptied(store, "a").await, None, "nobody ever pushed to it");
    publish(store, blob("a", "layer", "k")).await;
    for (content, tags) in [("one", &["t"][..]), ("two", &[])] {
        put(store, push("a", manifest(content, &[]), tags)).await;
        put(store, push("b", manifest(content, &[]), tags)).await;
    }
    delete(store, "a", "one", 3000).await;
    assert_eq!(emptied(store, "a").await, None, "one is left");
    delete(store, "a", "two", 4000).await;
    assert_eq!(emptied(store, "a").await, Some(at(4000)));
    assert_eq!(emptied(store, "b").await, None, "another repository");
    let again = store.delete_manifest(&repository("a"), &sha256("two"), None, at(5000)).await;
    assert_eq!(again.unwrap(), None);
    assert_eq!(emptied(store, "a").await, Some(at(4000)), "there was nothing to delete");
}

pub(super) async fn the_time_of_the_last_emptying_stays_until_the_next(store: &impl MetadataStore) {
    for (emptying, content) in [(3000, "one"), (7000, "two"), (5000, "three")] {
        let before = emptied(store, "a").await;
        put(store, push("a", manifest(content, &[]), &["t"])).await;
        assert_eq!(emptied(store, "a").await, before, "filling it again is no emptying");
        delete(store, "a", content, emptying).await;
        // Whatever a clock said that was wrong, the last one counts.
        assert_eq!(emptied(store, "a").await, Some(at(emptying)));
    }
}

pub(super) async fn a_tag_that_goes_or_a_manifest_pushed_again_empties_nothing(
    store: &impl MetadataStore,
) {
    for tags in [&["t"][..], &["t", "u"], &[]] {
        put(store, push("a", manifest("one", &[]), tags)).await;
    }
    for name in ["t", "u"] {
        assert!(store.delete_tag(&repository("a"), &tag(name), None, at(3000)).await.unwrap());
    }
    assert_eq!(emptied(store, "a").await, None);
}

pub(super) async fn the_collector_empties_a_repository_too(store: &impl MetadataStore) {
    for content in ["one", "two", "three"] {
        put(store, push("a", manifest(content, &[]), &[])).await;
    }
    let drop = async |contents: &[&str], now| {
        let digests = contents.iter().map(|content| sha256(content)).collect();
        store.drop_untagged(&repository("a"), digests, at(2001), at(now)).await.unwrap()
    };
    assert_eq!(drop(&["one", "gone"], 3000).await, 1);
    assert_eq!(emptied(store, "a").await, None);
    assert_eq!(drop(&["two", "three"], 4000).await, 2);
    assert_eq!(emptied(store, "a").await, Some(at(4000)));
    assert_eq!(drop(&["two"], 5000).await, 0);
    assert_eq!(emptied(store, "a").await, Some(at(4000)), "there was nothing to drop");
}
