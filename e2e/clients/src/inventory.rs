//! Everything that a registry serves, read over the protocol: if two registries have the same inventory, no
//! client can tell them apart.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::http::{Answer, Client, digest};

/// Repository and name → what is answered there. Each digest was compared with the bytes.
pub type Inventory = BTreeMap<String, String>;

/// Reads every tag of every repository, and everything that hangs on one. `untagged` are paths of
/// manifests that must be there as well.
pub fn inventory(client: &Client, untagged: &[String]) -> Inventory {
    let mut found = Inventory::new();
    let catalog = client.get("/v2/_catalog?n=1000").json();
    for repository in texts(&catalog["repositories"]) {
        let tags = client.get(&format!("/v2/{repository}/tags/list")).json();
        for tag in texts(&tags["tags"]) {
            read_manifest(client, &mut found, &repository, &tag);
        }
    }
    for path in untagged {
        let (repository, digest) = path["/v2/".len()..].split_once("/manifests/").unwrap();
        read_manifest(client, &mut found, repository, digest);
    }
    found
}

fn read_manifest(client: &Client, found: &mut Inventory, repository: &str, reference: &str) {
    let key = format!("{repository} {reference}");
    if found.contains_key(&key) {
        return;
    }
    let answer = client.get(&format!("/v2/{repository}/manifests/{reference}"));
    let named = reference.starts_with("sha256:").then_some(reference);
    let own = exact(&answer, &key, named.unwrap_or(answer.header("Docker-Content-Digest")));
    found.insert(key, format!("{} {own}", answer.header("Content-Type")));
    let manifest = answer.json();
    for child in digests(&manifest["manifests"]) {
        read_manifest(client, found, repository, &child);
    }
    let config = manifest["config"]["digest"].as_str().map(str::to_owned);
    for blob in digests(&manifest["layers"]).into_iter().chain(config) {
        read_blob(client, found, repository, &blob);
    }
}

fn read_blob(client: &Client, found: &mut Inventory, repository: &str, blob: &str) {
    let key = format!("{repository} {blob}");
    found.entry(key.clone()).or_insert_with(|| {
        let answer = client.get(&format!("/v2/{repository}/blobs/{blob}"));
        exact(&answer, &key, blob);
        format!("{} bytes", answer.body.len())
    });
}

/// The digest of the body, which must be the one that is expected.
fn exact(answer: &Answer, key: &str, expected: &str) -> String {
    assert_eq!(answer.status, 200, "{key}: {}", String::from_utf8_lossy(&answer.body));
    let own = digest(&answer.body);
    assert_eq!(own, expected, "{key}");
    own
}

fn digests(descriptors: &Value) -> Vec<String> {
    let all = descriptors.as_array().into_iter().flatten();
    all.map(|one| one["digest"].as_str().unwrap().to_owned()).collect()
}

fn texts(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.map(|one| one.as_str().unwrap().to_owned()).collect()
}
