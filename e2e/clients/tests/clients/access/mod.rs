//! Accounts: each client signs in, does what it may, and is told in words what it may not.

mod clients_of_oci;
mod docker;
mod engines;
mod keyless;
mod together;

use clients::accounts::{Accounts, PASSWORD, basic};
use clients::fixture;
use clients::http::{Client, closing, digest};

/// Alice develops in `team`, Bob may do nothing, `open` is for everybody to read. There is an
/// image `1` in `team/app`, `open/app` and `secret/app`.
pub(super) fn house() -> Accounts {
    let accounts = Accounts::start();
    accounts.told(&["user", "add", "root", "--admin", "--password-stdin"], PASSWORD).unwrap();
    accounts.user("alice");
    accounts.user("bob");
    accounts.grant("user:alice", "developer", "team/**");
    accounts.operator(&["visibility", "open/**", "public"]);
    for repository in ["team/app", "open/app", "secret/app"] {
        push(&accounts, repository);
    }
    accounts
}

/// Pushes an image of random layers as the administrator.
fn push(accounts: &Accounts, repository: &str) {
    let client = Client::new(&accounts.registry.url());
    let authorization = basic("root", PASSWORD);
    let header = [("Authorization", authorization.as_str())];
    let image = fixture::image(31, 2, 40_000);
    for blob in &image.blobs {
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        let begun = client.send("POST", &uploads, &header, &[]).unwrap();
        let place = closing(begun.header("Location"), &digest(blob));
        assert_eq!(client.send("PUT", &place, &header, blob).unwrap().status, 201);
    }
    let manifest: serde_json::Value = serde_json::from_slice(&image.manifest).unwrap();
    let media_type = manifest["mediaType"].as_str().unwrap();
    let headers = [header[0], ("Content-Type", media_type)];
    let path = format!("/v2/{repository}/manifests/1");
    assert_eq!(client.send("PUT", &path, &headers, &image.manifest).unwrap().status, 201);
}

/// What a client says when it was refused must let a person see that it is about rights.
pub(super) fn is_about_rights(said: &str) {
    let said = said.to_lowercase();
    let words = [
        "denied",
        "unauthorized",
        "may not",
        "authentication required",
        "forbidden",
        "authorization failed",
    ];
    assert!(words.iter().any(|word| said.contains(word)), "{said}");
}
