//! Query strings: every list that comes of one is in order, holds only what is there, and ends.

use std::collections::BTreeSet;

use fuzz::{each, hostile_target};
use oci::Digest;
use serde_json::Value;
use testkit::{Answer, Client, TestRegistry, fixture};

const EXAMPLES: &[&str] = &[
    "n=2",
    "n=2&last=v1",
    "last=a%2Fb&n=1",
    "n=1&n=2",
    "n=0",
    "artifactType=application%2Fx&artifactType=y",
    "last=v3&n=100&x=%zz",
    "n=1&last=%C3%28",
];

/// The texts of a list.
fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// The address in `Link`.
fn next(answer: &Answer) -> Option<String> {
    let (address, _) = answer.header("link")?.strip_prefix('<')?.split_once('>')?;
    Some(address.to_owned())
}

/// Follows the pages from `path` to their end.
async fn pages(client: &Client, path: String, list: &str, known: &BTreeSet<String>) {
    let mut seen: Vec<String> = Vec::new();
    let mut path = Some(path);
    while let Some(here) = path {
        let answer = client.get(here.as_str()).await;
        if answer.status != 200 {
            assert!(seen.is_empty() && answer.status == 400, "{} to {here}", answer.status);
            return;
        }
        let page = texts(&answer.json()[list]);
        path = next(&answer);
        assert!(path.is_none() || !page.is_empty(), "an empty page before another: {here}");
        seen.extend(page);
        assert!(seen.len() <= known.len(), "{here} does not end");
    }
    assert!(seen.is_sorted() && seen.iter().all(|one| known.contains(one)), "{seen:?}");
}

#[test]
fn pages_are_in_order_without_repetition_and_have_an_end() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = runtime.block_on(TestRegistry::start());
    let client = registry.client();
    let (tags, names) = (["V", "a", "v1", "v2", "v3"], ["a", "a-b", "a/b", "a_b", "b"]);
    let index = fixture::index(&[]);
    runtime.block_on(async {
        for name in names {
            for tag in tags {
                index.push(&client, name, tag).await.expect(201);
            }
        }
    });
    let known = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let (tags, names): (BTreeSet<String>, BTreeSet<String>) = (known(&tags), known(&names));
    each(250, file!(), &hostile_target(EXAMPLES), |query| {
        runtime.block_on(async {
            pages(&client, format!("/v2/a/tags/list?{query}"), "tags", &tags).await;
            pages(&client, format!("/v2/_catalog?{query}"), "repositories", &names).await;
            let path = format!("/v2/a/referrers/{}?{query}", Digest::sha256(b"x"));
            let referrers = client.get(path).await;
            // Some characters are no part of a URI.
            if referrers.status != 400 {
                let list = referrers.expect(200).json();
                assert!(list["manifests"].as_array().unwrap().is_empty());
            }
        });
    });
}
