//! What is absent and what is forbidden look the same to whoever may not see it.

use testkit::{Answer, Client, Request, fixture};

use super::world::World;

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Everything but the date and the name, which the client knows.
fn seen(answer: &Answer, name: &str) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().filter(|(header, _)| header != "date").cloned();
    let headers = headers.map(|(header, value)| (header, value.replace(name, "NAME")));
    let body = String::from_utf8_lossy(&answer.body).replace(name, "NAME");
    (answer.status, headers.collect(), body)
}

#[tokio::test]
async fn c17_what_is_forbidden_looks_like_what_is_not_there() {
    let world = World::new().await;
    let image = fixture::image(1, 100);
    image.pushed(&world.user("root"), "secret/there", "v1").await;
    let (manifest, config) =
        (image.manifest.digest().to_string(), oci::Digest::sha256(&image.config));
    world.grants("user:bob", "pull", "secret/**").await;
    let clients: [(&str, Client); 4] = [
        ("anonymous", world.anybody()),
        ("password", world.user("ann")),
        ("token", world.with_token(Some("ann"), "repository:secret/there:pull,push").await),
        ("nobody's token", world.with_token(None, "repository:secret/there:pull").await),
    ];
    let paths = [
        ("GET", "/v2/{}/manifests/v1".to_owned()),
        ("HEAD", "/v2/{}/manifests/v1".to_owned()),
        ("GET", format!("/v2/{{}}/manifests/{manifest}")),
        ("GET", format!("/v2/{{}}/blobs/{config}")),
        ("HEAD", format!("/v2/{{}}/blobs/{config}")),
        ("GET", format!("/v2/{{}}/blobs/{DIGEST}")),
        ("GET", "/v2/{}/tags/list".to_owned()),
        ("GET", format!("/v2/{{}}/referrers/{manifest}")),
        ("PUT", "/v2/{}/manifests/v1".to_owned()),
        ("DELETE", "/v2/{}/manifests/v1".to_owned()),
        ("DELETE", format!("/v2/{{}}/blobs/{config}")),
        ("POST", "/v2/{}/blobs/uploads/".to_owned()),
        ("PATCH", "/v2/{}/blobs/uploads/x".to_owned()),
    ];
    for (who, client) in &clients {
        for (method, path) in &paths {
            let ask = |name: &'static str| {
                let request = Request::new(method, path.replace("{}", name)).body([]);
                async move { seen(&client.send(request).await, name) }
            };
            let (there, absent) = (ask("secret/there").await, ask("secret/nowhe").await);
            assert_eq!(there, absent, "{who}: {method} {path}");
            assert!(matches!(there.0, 401 | 403), "{who}: {method} {path}: {}", there.0);
        }
    }
    // Whoever may read sees the difference.
    world.user("bob").manifest("secret/there", "v1").await.expect(200);
    world.user("bob").manifest("secret/nowhe", "v1").await.expect(404);
}

#[tokio::test]
async fn lists_show_what_the_caller_may_read() {
    let world = World::new().await;
    let root = world.user("root");
    for repository in ["public/a", "team/b", "secret/c"] {
        fixture::image(1, 100).pushed(&root, repository, "v1").await;
    }
    world.makes_visible("public/**", "public").await;
    world.grants("user:ann", "pull", "team/**").await;
    let names = |answer: Answer| answer.json()["repositories"].clone();
    let list = |client: Client| async move { names(client.get("/v2/_catalog").await.expect(200)) };
    assert_eq!(list(world.user("ann")).await, serde_json::json!(["public/a", "team/b"]));
    assert_eq!(list(world.user("bob")).await, serde_json::json!(["public/a"]));
    world.anybody().get("/v2/_catalog").await.expect(401);
}
