//! Uploads and mounts between repositories of different people, and what is
//! switched off.

use oci::Digest;
use testkit::{Answer, Request, fixture};

use super::world::World;

fn seen(answer: &Answer, hide: &[&str]) -> (u16, Vec<(String, String)>, String) {
    let hidden = |text: &str| hide.iter().fold(text.to_owned(), |text, it| text.replace(it, "*"));
    let headers = answer.headers.iter().filter(|(name, _)| name != "date");
    let headers = headers.map(|(name, value)| (name.clone(), hidden(value)));
    (answer.status, headers.collect(), hidden(&String::from_utf8_lossy(&answer.body)))
}

#[tokio::test]
async fn c2_an_upload_of_one_repository_is_unknown_in_another() {
    let world = World::new().await;
    world.grants("user:ann", "push", "ann/**").await;
    world.grants("user:bob", "push", "bob/**").await;
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    let opened = ann.open_upload("ann/web").await;
    let random = ann.open_upload("ann/other").await;
    ann.delete(&random).await.expect(204);
    let id = |location: &str| location.rsplit('/').next().unwrap().to_owned();
    let (theirs, none) = (id(&opened), id(&random));
    let digest = Digest::sha256(b"x");
    for (method, query) in [
        ("GET", String::new()),
        ("HEAD", String::new()),
        ("PATCH", String::new()),
        ("PUT", format!("?digest={digest}")),
        ("DELETE", String::new()),
    ] {
        for client in [&bob, &world.user("root")] {
            let ask = |id: &str| {
                let path = format!("/v2/bob/web/blobs/uploads/{id}{query}");
                client.send(Request::new(method, path).body([]))
            };
            let (foreign, unknown) = (ask(&theirs).await, ask(&none).await);
            assert_eq!(foreign.status, 404, "{method}");
            assert_eq!(seen(&foreign, &[&theirs]), seen(&unknown, &[&none]), "{method}");
        }
    }
    // Nor is it bob's business where it belongs.
    bob.get(&opened).await.expect(403);
    ann.patch(&opened, *b"x").await.expect(202);
    ann.close_upload(&opened, &digest, []).await.expect(201);
}

#[tokio::test]
async fn c3_a_mount_from_what_one_may_not_read_is_as_from_nowhere() {
    let world = World::new().await;
    let image = fixture::image(1, 100);
    image.pushed(&world.user("root"), "secret/web", "v1").await;
    let digest = Digest::sha256(&image.config);
    world.grants("user:bob", "push", "bob/**").await;
    let token = world.with_token(Some("bob"), "repository:bob/web:pull,push").await;
    for client in [world.user("bob"), token] {
        let mount = |digest: &Digest, from: &str| {
            let from = if from.is_empty() { String::new() } else { format!("&from={from}") };
            client.post(format!("/v2/bob/web/blobs/uploads/?mount={digest}{from}"))
        };
        let unknown = mount(&Digest::sha256(b"nowhere"), "secret/web").await.expect(202);
        for from in ["secret/web", "secret/absent", ""] {
            let answer = mount(&digest, from).await.expect(202);
            let id = |answer: &Answer| answer.header("docker-upload-uuid").unwrap().to_owned();
            let (one, other) = (id(&answer), id(&unknown));
            assert_eq!(seen(&answer, &[&one]), seen(&unknown, &[&other]), "{from}");
        }
        client.blob("bob/web", &digest).await.expect(404);
    }
    // With the right to read it is a mount.
    world.grants("user:bob", "pull", "secret/**").await;
    let path = format!("/v2/bob/web/blobs/uploads/?mount={digest}&from=secret/web");
    world.user("bob").post(path).await.expect(201);
}

#[tokio::test]
async fn new_tags_and_moved_tags_are_two_rights() {
    let world = World::new().await;
    world.grants("user:ann", "push", "team/**").await;
    let ann = world.user("ann");
    fixture::image(1, 100).pushed(&ann, "team/web", "v1").await;
    let other = fixture::image(2, 100);
    other.pushed(&ann, "team/web", "v2").await;
    let refused = other.manifest.push(&ann, "team/web", "v1").await.expect(403);
    assert_eq!(refused.code(), "DENIED");
    // The same again moves nothing.
    other.manifest.push(&ann, "team/web", "v2").await.expect(201);
    let token = world.with_token(Some("ann"), "repository:team/web:pull,push").await;
    other.manifest.push(&token, "team/web", "v1").await.expect(403);
    world.grants("user:ann", "overwrite", "team/**").await;
    // A token is a ceiling: one from before does not rise with its owner.
    other.manifest.push(&token, "team/web", "v1").await.expect(403);
    let token = world.with_token(Some("ann"), "repository:team/web:pull,push").await;
    other.manifest.push(&token, "team/web", "v1").await.expect(201);
    ann.delete("/v2/team/web/manifests/v1").await.expect(403);
    world.grants("user:ann", "delete", "team/**").await;
    ann.delete("/v2/team/web/manifests/v1").await.expect(202);
}

#[tokio::test]
async fn c22_what_is_switched_off_stays_off_for_administrators() {
    let world = World::with(|_, options| options.registry.delete_enabled = false).await;
    let root = world.user("root");
    let image = fixture::image(1, 100);
    image.pushed(&root, "a", "v1").await;
    let (digest, config) = (image.manifest.digest(), Digest::sha256(&image.config));
    root.delete(format!("/v2/a/manifests/{digest}")).await.expect(405);
    root.delete(format!("/v2/a/blobs/{config}")).await.expect(405);
    root.manifest("a", "v1").await.expect(200);
    let frozen = World::with(|_, options| options.server.read_only = true).await;
    let root = frozen.user("root");
    for (method, path) in [
        ("POST", "/v2/a/blobs/uploads/"),
        ("PUT", "/v2/a/manifests/v1"),
        ("DELETE", "/v2/a/manifests/v1"),
        ("DELETE", "/v2/a/blobs/uploads/x"),
    ] {
        root.send(Request::new(method, path).body([])).await.expect(405);
    }
    root.get("/auth/token").await.expect(200);
}
