//! Walks for export.

use oci::Digest;
use store::{BlobKey, BlobPlace, NewHistory, NewManifest, Page, TagMove, Timestamp};

use super::MetadataStore;
use super::fixture::*;

pub(super) async fn a_walk_visits_everything_in_order(store: &impl MetadataStore) {
    let mut contents = vec!["one", "two", "three"];
    contents.sort_by_key(|content| sha256(content));
    for content in ["one", "two", "three"] {
        publish(store, blob("a", content, content)).await;
    }
    publish(store, store::PublishBlob { sha512: Some(sha512("two")), ..blob("a", "two", "x") })
        .await;
    let by_sha512 = NewManifest { sha512: Some(sha512("m")), ..manifest("m", &[]) };
    put(store, push("b", by_sha512, &["v", "u"])).await;
    let repositories = store.walk_repositories(everything()).await.unwrap();
    assert_eq!(repositories, [repository("a"), repository("b")]);
    let links = store.walk_links(&repository("a"), everything()).await.unwrap();
    for (link, content) in links.iter().zip(&contents) {
        let alias = (*content == "two").then(|| sha512("two"));
        assert_eq!((link.sha256, link.sha512, link.at), (sha256(content), alias, at(1000)));
    }
    let blobs = store.walk_blobs(Page::after(sha256(contents[0]), 10)).await.unwrap();
    assert_eq!((links.len(), blobs.len()), (3, 2));
    assert_eq!(blobs[1].place, BlobPlace::Stored(BlobKey::new(contents[2])));
    assert_eq!((blobs[1].sha256, blobs[1].size), (sha256(contents[2]), contents[2].len() as u64));
    let manifests = store.walk_manifests(&repository("b"), everything()).await.unwrap();
    assert_eq!((manifests[0].sha256, manifests[0].sha512), (sha256("m"), Some(sha512("m"))));
    assert_eq!((manifests[0].bytes.as_ref(), manifests[0].at), (b"m".as_slice(), at(2000)));
    let tags = store.walk_tags(&repository("b"), everything()).await.unwrap();
    assert_eq!(tags.iter().map(|it| it.tag.as_str()).collect::<Vec<_>>(), ["u", "v"]);
    assert_eq!((tags[0].digest, tags[0].sha256, tags[0].at), (sha512("m"), sha256("m"), at(2000)));
    let second = store.walk_tags(&repository("b"), Page::after("u".into(), 10)).await.unwrap();
    assert_eq!(second, tags[1..]);
}

pub(super) async fn a_walk_of_an_unknown_repository_is_empty(store: &impl MetadataStore) {
    publish(store, blob("a", "one", "k")).await;
    let x = repository("x");
    assert_eq!(store.walk_links(&x, everything()).await.unwrap(), []);
    assert_eq!(store.walk_manifests(&x, everything()).await.unwrap(), []);
    assert_eq!(store.walk_tags(&x, everything()).await.unwrap(), []);
}

/// Where a tag went, when and by whom.
type Told = (String, Option<Digest>, Option<Digest>, Timestamp, Option<String>);

async fn told(store: &impl MetadataStore, page: Page<(String, i64)>) -> Vec<Told> {
    let moves = store.walk_history(&repository("a"), page).await.unwrap();
    let told = |one: TagMove| (one.tag.to_string(), one.from, one.to, one.at, one.actor);
    moves.into_iter().map(told).collect()
}

pub(super) async fn the_history_of_tags_is_told_in_order_and_kept_when_they_are_gone(
    store: &impl MetadataStore,
) {
    assert_eq!(told(store, everything()).await, []);
    put(store, push("a", manifest("one", &[]), &["v", "w"])).await;
    put(store, push("a", manifest("two", &[]), &["v"])).await;
    put(store, push("b", manifest("one", &[]), &["v"])).await;
    assert!(store.delete_tag(&repository("a"), &tag("v"), None, at(9000)).await.unwrap());
    let (one, two) = (Some(sha256("one")), Some(sha256("two")));
    let all = told(store, everything()).await;
    let actor = all[0].4.clone();
    let expected = [
        ("v".to_owned(), None, one, at(2000), actor.clone()),
        ("v".to_owned(), one, two, at(2000), actor.clone()),
        ("v".to_owned(), two, None, at(9000), None),
        ("w".to_owned(), None, one, at(2000), actor),
    ];
    assert_eq!(all, expected);
    let first = store.walk_history(&repository("a"), Page::first(1)).await.unwrap();
    let rest = Page::after(("v".to_owned(), first[0].number), 10);
    assert_eq!(told(store, rest).await, expected[1..]);
}

pub(super) async fn history_made_elsewhere_takes_the_place_of_an_end(store: &impl MetadataStore) {
    for content in ["one", "two", "three"] {
        put(store, push("a", manifest(content, &[]), &["v"])).await;
    }
    let held = store.walk_history(&repository("a"), everything()).await.unwrap();
    let moved = |name: &str, to: &str, actor: Option<&str>| TagMove {
        tag: tag(name),
        number: 7,
        from: None,
        to: Some(sha512(to)),
        at: at(5),
        actor: actor.map(str::to_owned),
    };
    let end = [moved("v", "x", Some("ann")), moved("v", "y", None)];
    let cut = NewHistory { tag: tag("v"), from_number: Some(held[1].number), moves: end.to_vec() };
    let more =
        NewHistory { tag: tag("gone"), from_number: None, moves: vec![moved("gone", "z", None)] };
    store.write_history(&repository("a"), vec![cut, more]).await.unwrap();
    let all = store.walk_history(&repository("a"), everything()).await.unwrap();
    let same =
        |one: &TagMove, other: &TagMove| *one == TagMove { number: one.number, ..other.clone() };
    assert_eq!(all.len(), 4);
    let expected = [&moved("gone", "z", None), &held[0], &end[0], &end[1]];
    assert!(all.iter().zip(expected).all(|(one, other)| same(one, other)), "{all:?}");
    assert!(all[2].number < all[3].number);
    let unknown = NewHistory { tag: tag("v"), from_number: None, moves: Vec::new() };
    assert!(store.write_history(&repository("x"), vec![unknown]).await.is_err());
    // The tag itself is where it was.
    let found = store.manifest(&repository("a"), &by_tag("v")).await.unwrap().unwrap();
    assert_eq!(found.digest, sha256("three"));
}
