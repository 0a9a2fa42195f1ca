//! Walks for export.

use store::{BlobKey, BlobPlace, NewManifest, Page};

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
        assert_eq!((link.sha256, link.sha512), (sha256(content), alias));
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
