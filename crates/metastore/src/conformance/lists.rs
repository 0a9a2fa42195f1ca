//! Lists: order, pages, referrers.

use oci::Digest;
use store::{NewManifest, Page};

use super::MetadataStore;
use super::fixture::*;

pub(super) async fn names_sort_by_bytes(store: &impl MetadataStore) {
    let sorted = ["a", "a-b", "a.b", "a/b", "a0", "a_b", "b"];
    for name in ["a_b", "b", "a/b", "a", "a0", "a.b", "a-b"] {
        put(store, push(name, manifest("one", &[]), &[])).await;
    }
    let found = store.repositories(everything()).await.unwrap();
    assert_eq!(found.iter().map(|name| name.as_str()).collect::<Vec<_>>(), sorted);
}

pub(super) async fn tags_sort_by_bytes(store: &impl MetadataStore) {
    let shuffled = ["b", "a_b", "A", "a", "_", "a-b", "0", "a.b", "B"];
    put(store, push("a", manifest("one", &[]), &shuffled)).await;
    let found = store.tags(&repository("a"), everything()).await.unwrap().unwrap();
    let names: Vec<_> = found.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(names, ["0", "A", "B", "_", "a", "a-b", "a.b", "a_b", "b"]);
}

pub(super) async fn pages_start_after_names_that_need_not_exist(store: &impl MetadataStore) {
    put(store, push("a", manifest("one", &[]), &["a", "b", "d"])).await;
    let page = async |after: &str| {
        let page = Page::after(after.to_owned(), 2);
        let tags = store.tags(&repository("a"), page).await.unwrap().unwrap();
        tags.iter().map(|tag| tag.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(page("a").await, ["b", "d"]);
    assert_eq!(page("c").await, ["d"]);
    assert_eq!(page("d").await, [""; 0]);
    assert_eq!(page("not a tag at all/").await, [""; 0]);
    assert_eq!(store.tags(&repository("x"), everything()).await.unwrap(), None);
}

pub(super) async fn the_catalog_holds_only_repositories_with_a_manifest(
    store: &impl MetadataStore,
) {
    publish(store, blob("blobs", "one", "k")).await;
    put(store, push("emptied", manifest("one", &[]), &[])).await;
    put(store, push("full", manifest("one", &[]), &[])).await;
    put(store, push("full", manifest("two", &[]), &[])).await;
    store.delete_manifest(&repository("emptied"), &sha256("one"), None, at(1)).await.unwrap();
    store.delete_manifest(&repository("full"), &sha256("one"), None, at(1)).await.unwrap();
    assert_eq!(store.repositories(everything()).await.unwrap(), [repository("full")]);
}

pub(super) async fn referrers_are_found_by_either_digest_of_the_subject(
    store: &impl MetadataStore,
) {
    let subject = NewManifest { sha512: Some(sha512("one")), ..manifest("one", &[]) };
    put(store, push("a", referrer("before", sha256("one")), &[])).await;
    put(store, push("a", subject, &[])).await;
    put(store, push("a", referrer("after", sha512("one")), &[])).await;
    put(store, push("b", referrer("elsewhere", sha256("one")), &[])).await;
    put(store, push("a", manifest("no subject", &[]), &[])).await;
    let mut wanted = [sha256("before"), sha256("after")];
    wanted.sort();
    for digest in [sha256("one"), sha512("one")] {
        let found = store.referrers(&repository("a"), &digest, everything()).await.unwrap();
        assert_eq!(found.iter().map(|it| it.digest).collect::<Vec<_>>(), wanted);
        assert_eq!(found[0].artifact_type.as_deref(), Some("application/x.note"));
        assert_eq!(found[0].annotations.as_deref(), Some(r#"{"a":"b"}"#));
        assert!(found.iter().any(|it| it.digest == sha256("after") && it.size == 5));
    }
    let none = store.referrers(&repository("a"), &sha256("x"), everything()).await.unwrap();
    assert_eq!(none, []);
}

pub(super) async fn referrers_come_in_pages(store: &impl MetadataStore) {
    let mut wanted = Vec::new();
    for number in 0..7 {
        let content = format!("note {number}");
        let note = referrer(&content, sha256("one"));
        let note = match number % 2 {
            0 => note,
            _ => NewManifest { sha512: Some(sha512(&content)), ..note },
        };
        wanted.push(note.sha512.unwrap_or(note.sha256));
        put(store, push("a", note, &[])).await;
    }
    wanted.sort();
    let mut found: Vec<Digest> = Vec::new();
    loop {
        let page = Page { after: found.last().copied(), limit: 2 };
        let more = store.referrers(&repository("a"), &sha256("one"), page).await.unwrap();
        if more.is_empty() {
            break;
        }
        found.extend(more.iter().map(|it| it.digest));
    }
    assert_eq!(found, wanted);
}

pub(super) async fn a_page_is_never_longer_than_its_limit(store: &impl MetadataStore) {
    let names: Vec<String> = (0..2005).map(|number| format!("t{number:04}")).collect();
    let tags: Vec<&str> = names.iter().map(String::as_str).collect();
    put(store, push("a", manifest("one", &[]), &tags)).await;
    for (limit, length) in [(0, 0), (1, 1), (2000, 2000), (usize::MAX, 2000)] {
        let found = store.tags(&repository("a"), Page::first(limit)).await.unwrap().unwrap();
        assert_eq!(found.len(), length);
    }
}
