//! Bodies that take their time, of people who lose their rights meanwhile.

use std::time::Duration;

use oci::{Digest, MediaType};
use serde_json::json;
use testkit::{Answer, Request, Wire, fixture};

use super::world::{PASSWORD, World, basic};

/// Longer than a decision holds.
const A_WHILE: Duration = Duration::from_secs(6);
/// Far longer than a test takes.
const SOON: Duration = Duration::from_secs(20);

/// A request whose body is begun and not ended.
struct Begun {
    wire: Wire,
    rest: Vec<u8>,
}

impl Begun {
    /// Sends half of the body, once the server wants it: then it has been decided.
    async fn new(world: &World, authorization: &str, request: Request, body: &[u8]) -> Self {
        let request = request
            .with("Authorization", authorization)
            .with("Expect", "100-continue")
            .with("Content-Length", body.len().to_string());
        let mut wire = world.anybody().wire().await;
        wire.send(request.bytes()).await.unwrap();
        let wanted = tokio::time::timeout(SOON, wire.head()).await.unwrap().unwrap();
        assert_eq!(wanted.status, 100, "{wanted:?}");
        let (half, rest) = body.split_at(body.len() / 2);
        wire.send(half).await.unwrap();
        Self { wire, rest: rest.to_vec() }
    }

    async fn ended(mut self) -> Answer {
        self.wire.send(&self.rest).await.unwrap();
        tokio::time::timeout(SOON, self.wire.answer(false)).await.unwrap()
    }
}

async fn world() -> World {
    let world = World::with(|auth, _| {
        // So that nothing but the questions themselves is forgotten in between.
        auth.settings.session_check = Duration::from_secs(1);
    })
    .await;
    world.grants("user:ann", "push", "team/**").await;
    world
}

async fn disable(world: &World, user: &str) {
    world.does(json!({"command": "user-disable", "name": user})).await;
}

/// With a password, a token of theirs, and one of the token endpoint.
async fn proofs(world: &World, user: &str) -> [String; 3] {
    let personal = world.personal_token(user, &[]).await;
    let got = world.token_for(Some(user), "repository:team/web:pull,push").await;
    let bearer = format!("Bearer {}", got["token"].as_str().unwrap());
    [basic(user, PASSWORD), basic(user, &personal), bearer]
}

fn manifest(reference: &str) -> Request {
    Request::new("PUT", format!("/v2/team/web/manifests/{reference}"))
        .with("Content-Type", MediaType::OCI_INDEX)
}

#[tokio::test]
async fn a_manifest_of_who_was_disabled_while_it_came_is_not_published() {
    let world = world().await;
    let index = fixture::index(&[]);
    let mut begun = Vec::new();
    for (n, proof) in proofs(&world, "ann").await.iter().enumerate() {
        begun.push(Begun::new(&world, proof, manifest(&format!("v{n}")), &index.bytes).await);
    }
    disable(&world, "ann").await;
    world.registry.clock.advance(A_WHILE);
    for (n, begun) in begun.into_iter().enumerate() {
        begun.ended().await.expect(401);
        world.user("root").manifest("team/web", &format!("v{n}")).await.expect(404);
    }
}

#[tokio::test]
async fn a_right_that_was_taken_away_while_a_manifest_came_is_gone() {
    let world = world().await;
    let (old, new) = (fixture::index(&[]), fixture::image(1, 100));
    new.pushed(&world.user("root"), "team/web", "new").await;
    old.push(&world.user("root"), "team/web", "v1").await.expect(201);
    world.grants("user:bob", "overwrite", "team/**").await;
    let proof = basic("bob", PASSWORD);
    let moves = Request::new("PUT", "/v2/team/web/manifests/v1")
        .with("Content-Type", MediaType::OCI_MANIFEST);
    let one = Begun::new(&world, &proof, moves.clone(), &new.manifest.bytes).await;
    let other = Begun::new(&world, &proof, moves, &new.manifest.bytes).await;
    let revoke = |role: &str| json!({"command": "revoke", "subject": "user:bob", "role": role, "pattern": "team/**"});
    world.grants("user:bob", "push", "team/**").await;
    world.does(revoke("overwrite")).await;
    world.registry.clock.advance(A_WHILE);
    assert_eq!(one.ended().await.expect(403).code(), "DENIED");
    world.does(revoke("push")).await;
    assert_eq!(other.ended().await.expect(403).code(), "DENIED");
    let root = world.user("root");
    assert_eq!(root.manifest("team/web", "v1").await.expect(200).body, old.bytes);
}

#[tokio::test]
async fn a_blob_of_who_was_disabled_while_it_came_is_not_published() {
    let world = world().await;
    let root = world.user("root");
    let bytes = fixture::blob(1, 10_000);
    let digest = Digest::sha256(&bytes);
    let mut begun = Vec::new();
    let mut uploads = Vec::new();
    for proof in proofs(&world, "ann").await {
        let upload = world.user("ann").open_upload("team/web").await;
        let close = Request::new("PUT", format!("{upload}?digest={digest}"));
        begun.push(Begun::new(&world, &proof, close, &bytes).await);
        uploads.push(upload);
        let whole = format!("/v2/team/web/blobs/uploads/?digest={digest}");
        begun.push(Begun::new(&world, &proof, Request::new("POST", whole), &bytes).await);
    }
    disable(&world, "ann").await;
    world.registry.clock.advance(A_WHILE);
    for begun in begun {
        begun.ended().await.expect(401);
        root.blob("team/web", &digest).await.expect(404);
    }
    // What came is kept as of any body that breaks off.
    world.does(json!({"command": "user-enable", "name": "ann"})).await;
    for upload in uploads {
        let stands = world.user("ann").get(&upload).await.expect(204);
        assert_eq!(stands.header("range"), Some("0-9999"));
        world.user("ann").close_upload(&upload, &digest, []).await.expect(201);
    }
}

#[tokio::test]
async fn a_manifest_waits_for_a_policy_that_cannot_be_read_for_too_long() {
    let world = world().await;
    let index = fixture::index(&[]);
    let mut begun = Vec::new();
    for (n, proof) in proofs(&world, "ann").await.iter().enumerate() {
        begun.push(Begun::new(&world, proof, manifest(&format!("v{n}")), &index.bytes).await);
    }
    world.registry.faults.fail_named(&["policy"], testkit::Fault::Failed);
    disable(&world, "bob").await;
    world.registry.clock.advance(Duration::from_secs(61));
    for begun in begun {
        begun.ended().await.expect(503);
    }
}

#[tokio::test]
async fn a_token_that_ends_by_itself_while_a_blob_comes_was_good_for_it() {
    let world = world().await;
    let bytes = fixture::blob(1, 10_000);
    let digest = Digest::sha256(&bytes);
    let [.., bearer] = proofs(&world, "ann").await;
    let upload = world.user("ann").open_upload("team/web").await;
    let close = Request::new("PUT", format!("{upload}?digest={digest}"));
    let begun = Begun::new(&world, &bearer, close, &bytes).await;
    world.registry.clock.advance(Duration::from_secs(3600));
    // Somebody shows it too late, so that it is remembered no more.
    let late = world.anybody().with("Authorization", bearer);
    late.get("/v2/").await.expect(401);
    begun.ended().await.expect(201);
}

#[tokio::test]
async fn a_command_of_who_was_disabled_while_it_came_is_not_carried_out() {
    let world = world().await;
    let root2 = json!({"command": "user-add", "name": "eve", "password": PASSWORD, "admin": true});
    world.does(root2).await;
    let personal = world.personal_token("eve", &[]).await;
    let proofs = [basic("eve", PASSWORD), basic("eve", &personal), format!("Bearer {personal}")];
    let mut begun = Vec::new();
    for (n, proof) in proofs.iter().enumerate() {
        let user = json!({"name": format!("mallory{n}"), "password": PASSWORD, "admin": true});
        let request =
            Request::new("POST", "/api/v1/users").with("Content-Type", "application/json");
        begun.push(Begun::new(&world, proof, request, user.to_string().as_bytes()).await);
    }
    disable(&world, "eve").await;
    for (n, begun) in begun.into_iter().enumerate() {
        let refused = begun.ended().await.expect(401);
        assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"Berth API\""));
        let path = format!("/api/v1/users/mallory{n}");
        world.user("root").get(path).await.expect(404);
    }
}

#[tokio::test]
async fn a_small_body_that_trickles_is_cut_off() {
    let world = World::with(|_, options| {
        options.server.upload_stall = Duration::from_millis(500);
    })
    .await;
    let requests = [
        manifest("v1"),
        Request::new("POST", "/api/v1/users").with("Content-Type", "application/json"),
        Request::new("POST", "/auth/token")
            .with("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let root = basic("root", PASSWORD);
    let cut = requests.map(async |request| {
        let request = request.with("Authorization", &root).with("Content-Length", "1000");
        let mut wire = world.anybody().wire().await;
        wire.send(request.bytes()).await.unwrap();
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        let answer = tokio::time::timeout(SOON, async {
            loop {
                tokio::select! {
                    answer = wire.head() => return answer.unwrap(),
                    _ = ticks.tick() => {}
                }
                let _ = wire.send(" ").await;
            }
        });
        answer.await.expect("it may go on for ever").expect(408);
    });
    let [a, b, c] = cut;
    tokio::join!(a, b, c);
}
