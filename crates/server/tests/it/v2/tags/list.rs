//! Long lists: whole, in pages, while they change.

use testkit::{Client, Request, TestRegistry, fixture};

async fn tag_many(client: &Client, tags: &[String]) {
    let index = fixture::index(&[]);
    for some in tags.chunks(100) {
        let query: Vec<String> = some.iter().map(|tag| format!("tag={tag}")).collect();
        let path = format!("/v2/a/manifests/{}?{}", index.digest(), query.join("&"));
        let put = Request::new("PUT", path).with("Content-Type", index.media_type);
        client.send(put.body(&index.bytes[..])).await.expect(201);
    }
}

fn names(answer: &testkit::Answer) -> Vec<String> {
    serde_json::from_value(answer.json()["tags"].clone()).unwrap()
}

fn next(answer: &testkit::Answer) -> Option<String> {
    let link = answer.header("link")?;
    let (path, rel) = link.strip_prefix('<')?.split_once('>')?;
    assert_eq!(rel, "; rel=\"next\"");
    Some(path.to_owned())
}

async fn pages(client: &Client, first: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut path = Some(first.to_owned());
    while let Some(one) = path {
        let answer = client.get(one).await.expect(200);
        all.extend(names(&answer));
        path = next(&answer);
    }
    all
}

#[tokio::test]
async fn two_and_a_half_thousand_tags_come_whole_and_in_pages() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let mut tags: Vec<String> = (0..2500).map(|n| format!("t{n}")).collect();
    tag_many(&client, &tags).await;
    tags.sort_unstable();
    let whole = client.get("/v2/a/tags/list").await.expect(200);
    assert!(whole.complete);
    assert_eq!(whole.header("link"), None);
    assert_eq!(names(&whole), tags);
    for n in [7, 999, 1000, 1001, 2499, 2500, 1_000_000] {
        assert_eq!(pages(&client, &format!("/v2/a/tags/list?n={n}")).await, tags, "{n}");
    }
    let rest = client.get("/v2/a/tags/list?last=t2").await.expect(200);
    let after: Vec<String> = tags.iter().filter(|tag| tag.as_str() > "t2").cloned().collect();
    assert_eq!(names(&rest), after);
    let head = client.head("/v2/a/tags/list").await.expect(200);
    assert_eq!(head.header("content-type"), whole.header("content-type"));
}

#[tokio::test]
async fn a_larger_page_than_the_store_reads_at_once_is_still_complete() {
    let registry =
        TestRegistry::builder().set(|options| options.server.tags_max = 100_000).start().await;
    let client = registry.client();
    let mut tags: Vec<String> = (0..2500).map(|n| format!("t{n}")).collect();
    tag_many(&client, &tags).await;
    tags.sort_unstable();
    assert_eq!(pages(&client, "/v2/a/tags/list?n=100000").await, tags);
}

#[tokio::test]
async fn a_page_of_none_is_empty_and_ends() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    tag_many(&client, &["v1".into()]).await;
    let answer = client.get("/v2/a/tags/list?n=0").await.expect(200);
    assert_eq!(answer.json(), serde_json::json!({ "name": "a", "tags": [] }));
    assert_eq!(answer.header("link"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn paging_misses_no_tag_that_was_there_throughout() {
    let registry = TestRegistry::builder().delete_enabled().start().await;
    let client = registry.client();
    let stable: Vec<String> = (0..200).map(|n| format!("s{n:03}")).collect();
    tag_many(&client, &stable).await;
    let churn = tokio::spawn({
        let client = client.clone();
        async move {
            for round in 0..60 {
                tag_many(&client, &[format!("s{:03}x", round * 3), format!("r{round}")]).await;
                client.delete(format!("/v2/a/manifests/r{round}")).await.expect(202);
            }
        }
    });
    while !churn.is_finished() {
        let seen = pages(&client, "/v2/a/tags/list?n=13").await;
        assert!(seen.is_sorted(), "{seen:?}");
        assert!(stable.iter().all(|tag| seen.contains(tag)));
        let whole = names(&client.get("/v2/a/tags/list").await.expect(200));
        assert!(stable.iter().all(|tag| whole.contains(tag)));
    }
    churn.await.unwrap();
}
