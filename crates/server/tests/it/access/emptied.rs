//! A repository that was deleted and made again is another one for tokens that
//! were made before.

use std::time::Duration;

use oci::Digest;
use testkit::fixture::ImageFixture;
use testkit::{Answer, Client, Request, fixture};

use super::world::{PASSWORD, World, basic};

/// For so long a repository counts as it was seen last.
const SESSION_CHECK: Duration = Duration::from_secs(10);

/// A registry in which ann maintains `team/**` and `team/web` holds an image.
async fn world() -> (World, ImageFixture) {
    let world = World::new().await;
    world.grants("user:ann", "maintainer", "team/**").await;
    let image = fixture::image(1, 100);
    image.pushed(&world.user("root"), "team/web", "v1").await;
    (world, image)
}

/// Deletes all that is in `repository`, later than any token was made so far.
async fn empty(world: &World, repository: &str, image: &ImageFixture) {
    world.registry.clock.advance(SESSION_CHECK);
    let path = format!("/v2/{repository}/manifests/{}", image.manifest.digest());
    world.user("root").delete(path).await.expect(202);
}

/// All that can be asked of a repository: the request, and the scope that its
/// challenge names.
fn requests(name: &str, image: &ImageFixture, upload: &str) -> Vec<(Request, &'static str)> {
    let (manifest, blob) = (image.manifest.digest(), Digest::sha256(&image.config));
    let at = |path: &str| format!("/v2/{name}/{path}");
    let ask = |method: &str, path: String| Request::new(method, path);
    let send = |method: &str, path: String| Request::new(method, path).body([]);
    vec![
        (ask("GET", at("manifests/v1")), "pull"),
        (ask("HEAD", at(&format!("manifests/{manifest}"))), "pull"),
        (ask("GET", at(&format!("blobs/{blob}"))), "pull"),
        (ask("GET", at("tags/list")), "pull"),
        (ask("GET", at(&format!("referrers/{manifest}"))), "pull"),
        (send("PUT", at("manifests/v2")), "pull,push"),
        (send("POST", at("blobs/uploads/")), "pull,push"),
        (send("PATCH", upload.to_owned()), "pull,push"),
        (send("PUT", format!("{upload}?digest={blob}")), "pull,push"),
        (ask("GET", upload.to_owned()), "pull,push"),
        (send("DELETE", upload.to_owned()), "pull,push"),
        (send("DELETE", at("manifests/v1")), "delete"),
        (send("DELETE", at(&format!("blobs/{blob}"))), "delete"),
    ]
}

fn asks_for_another_token(answer: &Answer, scope: &str) {
    let challenge = answer.header("www-authenticate").unwrap();
    let expected = format!(
        "Bearer realm=\"http://registry.test/auth/token\",service=\"berth\",\
         scope=\"{scope}\",error=\"invalid_token\""
    );
    assert_eq!(challenge, expected);
}

#[tokio::test]
async fn a_token_from_before_a_repository_was_deleted_does_not_work_on_the_new_one() {
    let (world, image) = world().await;
    let scopes = "repository:team/web:pull,push,delete repository:team/other:pull";
    let old = world.with_token(Some("ann"), scopes).await;
    let upload = old.open_upload("team/web").await;
    old.manifest("team/web", "v1").await.expect(200);
    old.get("/v2/team/other/tags/list").await.expect(404);
    empty(&world, "team/web", &image).await;
    image.pushed(&world.user("root"), "team/web", "v1").await;
    let requests = requests("team/web", &image, &upload);
    for (request, actions) in requests {
        let shown = format!("{} {}", request.method, request.path);
        let answer = old.send(request).await;
        assert_eq!(answer.status, 401, "{shown}");
        asks_for_another_token(&answer, &format!("repository:team/web:{actions}"));
    }
    old.get("/v2/").await.expect(200);
    old.get("/v2/team/other/tags/list").await.expect(404);
    // The token that the challenge is about is enough to go on.
    let new = world.with_token(Some("ann"), scopes).await;
    new.manifest("team/web", "v1").await.expect(200);
    new.patch(&upload, *b"x").await.expect(202);
    // What is judged by grants alone goes on without one.
    let personal = world.personal_token("ann", &["pull:team/**"]).await;
    for password in [PASSWORD, &personal] {
        let client = world.anybody().with("Authorization", basic("ann", password));
        client.manifest("team/web", "v1").await.expect(200);
    }
}

#[tokio::test]
async fn whoever_deletes_and_pushes_again_fetches_one_more_token() {
    let (world, image) = world().await;
    let scope = "repository:team/web:pull,push,delete";
    let push = async |client: &Client, tag: &str| {
        let answers = image.push(client, "team/web", tag).await;
        answers.iter().map(|answer| answer.status).all(|status| status == 201)
    };
    for round in 0..3 {
        let first = world.with_token(Some("ann"), scope).await;
        assert!(push(&first, "v1").await, "{round}");
        world.registry.clock.advance(Duration::from_secs(1));
        let path = format!("/v2/team/web/manifests/{}", image.manifest.digest());
        first.delete(path).await.expect(202);
        world.registry.clock.advance(SESSION_CHECK);
        assert!(!push(&first, "v1").await, "{round}");
    }
}

#[tokio::test]
async fn a_mount_from_a_repository_that_was_deleted_and_made_again_is_an_upload() {
    let (world, image) = world().await;
    let digest = Digest::sha256(&image.config);
    let scopes = "repository:team/new:pull,push repository:team/web:pull";
    let old = world.with_token(Some("ann"), scopes).await;
    let mount = async |client: &Client, from: &str| {
        let path = format!("/v2/team/new/blobs/uploads/?mount={digest}{from}");
        client.post(path).await.status
    };
    empty(&world, "team/web", &image).await;
    image.pushed(&world.user("root"), "team/web", "v1").await;
    for from in ["&from=team/web", ""] {
        assert_eq!(mount(&old, from).await, 202, "{from}");
    }
    let new = world.with_token(Some("ann"), scopes).await;
    for from in ["&from=team/web", ""] {
        assert_eq!(mount(&new, from).await, 201, "{from}");
    }
}

#[tokio::test]
async fn who_may_do_nothing_there_does_not_learn_that_it_was_deleted() {
    let (world, image) = world().await;
    let scopes = "repository:team/web:pull repository:team/not:pull";
    let fallen = world.with_token(Some("ann"), scopes).await;
    let command = serde_json::json!({
        "command": "revoke", "subject": "user:ann", "role": "maintainer", "pattern": "team/**",
    });
    world.does(command).await;
    empty(&world, "team/web", &image).await;
    let hidden = |answer: &Answer| {
        let headers = answer.headers.iter().filter(|(name, _)| name != "date");
        let headers = headers.map(|(name, value)| format!("{name}: {value}"));
        let text = headers.collect::<Vec<_>>().join("\n") + &String::from_utf8_lossy(&answer.body);
        text.replace("team/not", "team/web")
    };
    let there = fallen.manifest("team/web", "v1").await.expect(401);
    let absent = fallen.manifest("team/not", "v1").await.expect(401);
    assert_eq!(hidden(&there), hidden(&absent));
}
