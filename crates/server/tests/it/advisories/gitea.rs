//! What Gitea's package registry had.

use oci::Digest;
use testkit::{Answer, Request, fixture};

use crate::access::world::{PASSWORD, World, api, basic};

#[tokio::test]
async fn cve_2026_27771_nobodys_token_pulls_no_private_image() {
    let world = World::new().await;
    let image = fixture::image(1, 100);
    for repository in ["public/web", "secret/web", "inner/web"] {
        image.pushed(&world.user("root"), repository, "v1").await;
    }
    world.makes_visible("public/**", "public").await;
    world.makes_visible("inner/**", "internal").await;
    for scope in [
        "repository:secret/web:pull",
        "repository:secret/web:pull,push,delete repository:inner/web:*",
        "repository:public/web:pull repository:secret/web:pull",
        "",
    ] {
        let nobody = world.with_token(None, scope).await;
        for repository in ["secret/web", "inner/web"] {
            nobody.manifest(repository, "v1").await.expect(401);
            nobody.blob(repository, &Digest::sha256(&image.config)).await.expect(401);
            nobody.get(format!("/v2/{repository}/tags/list")).await.expect(401);
        }
        nobody.get("/v2/_catalog").await.expect(401);
    }
}

#[tokio::test]
async fn cve_2026_117685_a_mount_reads_its_source_only_if_the_token_does() {
    let world = World::new().await;
    world.grants("user:ann", "owner", "ann/**").await;
    let image = fixture::image(1, 100);
    image.pushed(&world.user("ann"), "ann/private", "v1").await;
    let digest = Digest::sha256(&image.config);
    let mount = |from: &str| format!("/v2/ann/web/blobs/uploads/?mount={digest}{from}");
    let narrow = world.personal_token("ann", &["push:ann/web"]).await;
    let narrow = world.anybody().with("Authorization", basic("ann", &narrow));
    let token = world.with_token(Some("ann"), "repository:ann/web:pull,push").await;
    for client in [&narrow, &token] {
        for from in ["&from=ann/private", ""] {
            client.post(mount(from)).await.expect(202);
            client.blob("ann/web", &digest).await.expect(404);
        }
    }
    let both = "repository:ann/web:pull,push repository:ann/private:pull";
    let wide = world.with_token(Some("ann"), both).await;
    wide.post(mount("&from=ann/private")).await.expect(201);
}

/// Also CVE-2025-68941, CVE-2026-25714, CVE-2026-24791 and CVE-2026-28699: the
/// narrowness of a token was lost on some of the ways.
#[tokio::test]
async fn cve_2025_68944_a_narrow_token_is_narrow_on_every_way() {
    let world = World::new().await;
    fixture::image(1, 100).pushed(&world.user("root"), "team/web", "v1").await;
    fixture::image(2, 100).pushed(&world.user("root"), "other/web", "v1").await;
    world.makes_visible("public/**", "public").await;
    fixture::image(3, 100).pushed(&world.user("root"), "public/web", "v1").await;
    let narrow = world.personal_token("root", &["pull:team/**"]).await;
    for name in ["root", "AWS", "oauth2accesstoken"] {
        let direct = world.anybody().with("Authorization", basic(name, &narrow));
        let everything = "scope=repository:team/web:*&scope=repository:other/web:*\
                          &scope=repository:public/web:*";
        let path = format!("/auth/token?{everything}");
        let got = direct.get(path).await.expect(200).json();
        let through_a_token = world.bearer(got["token"].as_str().unwrap());
        for (client, refused) in [(&direct, 403), (&through_a_token, 401)] {
            client.manifest("team/web", "v1").await.expect(200);
            for repository in ["other/web", "public/web"] {
                client.manifest(repository, "v1").await.expect(refused);
                client.get(format!("/v2/{repository}/tags/list")).await.expect(refused);
            }
            client.post("/v2/team/web/blobs/uploads/").await.expect(refused);
            client.delete("/v2/team/web/manifests/v1").await.expect(refused);
        }
        direct.get("/api/v1/users").await.expect(403);
        let more = api("POST", "/tokens", &serde_json::json!({"label": "more"}));
        direct.send(more).await.expect(403);
        let listed = direct.get("/v2/_catalog").await.expect(200).json();
        assert_eq!(listed["repositories"], serde_json::json!(["team/web"]));
        // A token for the list would show what lies outside.
        let path = "/auth/token?scope=registry:catalog:*";
        let got = direct.get(path).await.expect(200).json();
        world.bearer(got["token"].as_str().unwrap()).get("/v2/_catalog").await.expect(401);
    }
}

/// The same for moving tags, which the token protocol has no word for.
#[tokio::test]
async fn cve_2025_68944_a_token_that_moves_no_tags_moves_none_on_every_way() {
    let world = World::new().await;
    let (first, second) = (fixture::image(1, 100), fixture::image(2, 100));
    first.pushed(&world.user("root"), "web/app", "v1").await;
    let narrow = world.personal_token("root", &["push:web/**"]).await;
    let direct = world.anybody().with("Authorization", basic("root", &narrow));
    for words in ["pull,push", "*", "pull,push,overwrite"] {
        let path = format!("/auth/token?scope=repository:web/app:{words}");
        let got = direct.get(path).await.expect(200).json();
        let through_a_token = world.bearer(got["token"].as_str().unwrap());
        for client in [&direct, &through_a_token] {
            let answers = second.push(client, "web/app", "v1").await;
            assert_eq!(answers.last().unwrap().status, 403, "{words}");
            assert_eq!(client.manifest("web/app", "v1").await.body, first.manifest.bytes);
            second.manifest.push(client, "web/app", "v2").await.expect(201);
            first.manifest.push(client, "web/app", "v1").await.expect(201);
        }
    }
    let whole = world.with_token(Some("root"), "repository:web/app:pull,push").await;
    second.pushed(&whole, "web/app", "v1").await;
}

#[tokio::test]
async fn cve_2026_24059_no_get_writes() {
    let world = World::new().await;
    let root = world.user("root");
    fixture::image(1, 100).pushed(&root, "a", "v1").await;
    let upload = root.open_upload("a").await;
    root.patch(&upload, *b"abc").await.expect(202);
    let state = || async {
        let tags = root.get("/v2/a/tags/list").await.body;
        let access = root.get("/api/v1/access").await.expect(200).body;
        let range = root.get(&upload).await.expect(204).header("range").map(str::to_owned);
        (tags, access, range)
    };
    let before = state().await;
    let digest = Digest::sha256(b"abc");
    for path in [
        format!("{upload}?digest={digest}"),
        "/v2/a/manifests/v1?tag=v2".to_owned(),
        "/v2/a/blobs/uploads/?digest=".to_owned(),
        format!("/v2/a/blobs/uploads/?mount={digest}&from=a"),
        "/v2/a/manifests/v1?_method=DELETE".to_owned(),
        "/api/v1/users?name=eve&admin=true".to_owned(),
        "/api/v1/grants?subject=user:ann&role=owner&pattern=**&method=POST".to_owned(),
        "/api/v1/users/ann/disable".to_owned(),
        "/api/v1/setup?secret=x".to_owned(),
        "/auth/exchange?subject_token=x".to_owned(),
    ] {
        for method in ["GET", "HEAD"] {
            let request = Request::new(method, &path)
                .with("X-HTTP-Method-Override", "DELETE")
                .with("X-Method-Override", "PUT")
                .with("Authorization", basic("root", PASSWORD));
            world.anybody().send(request).await;
        }
    }
    assert_eq!(state().await, before);
}

#[tokio::test]
async fn cve_2025_69413_a_failed_login_tells_nothing() {
    let world = World::with(|auth, _| auth.settings.throttle.free = u32::MAX).await;
    let ways = ["/v2/", "/auth/token?service=berth", "/api/v1/whoami"];
    for way in ways {
        let ask = |name: &'static str| {
            let client = world.anybody().with("Authorization", basic(name, "wrong password"));
            async move { client.get(way).await.expect(401) }
        };
        let seen = |answer: Answer| {
            let headers: Vec<_> =
                answer.headers.into_iter().filter(|(name, _)| name != "date").collect();
            (headers, answer.body)
        };
        assert_eq!(seen(ask("ann").await), seen(ask("who").await), "{way}");
        assert_eq!(seen(ask("ann").await), seen(ask("robot$x").await), "{way}");
    }
}

#[tokio::test]
async fn cve_2026_20896_nobody_is_who_a_header_says() {
    let world = World::new().await;
    fixture::image(1, 100).pushed(&world.user("root"), "secret/web", "v1").await;
    for (name, value) in [
        ("X-WEBAUTH-USER", "root"),
        ("X-Forwarded-User", "root"),
        ("X-Remote-User", "root"),
        ("Remote-User", "root"),
        ("X-Forwarded-Client-Cert", "Subject=\"CN=root\""),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1;proto=https"),
        ("X-Original-URL", "/livez"),
        ("X-Rewrite-URL", "/livez"),
    ] {
        let client = world.anybody().with(name, value);
        client.manifest("secret/web", "v1").await.expect(401);
        client.get("/v2/").await.expect(401);
        client.get("/api/v1/whoami").await.expect(401);
    }
}

#[tokio::test]
async fn cve_2026_28740_to_know_a_digest_is_not_to_have_its_bytes() {
    let world = World::new().await;
    let secret = fixture::blob(1, 100_000);
    let digest = Digest::sha256(&secret);
    world.user("root").push_blob("secret/web", &secret).await.expect(201);
    world.grants("user:ann", "push", "ann/**").await;
    let ann = world.user("ann");
    let opened = ann.open_upload("ann/web").await;
    ann.close_upload(&opened, &digest, []).await.expect(400);
    let opened = ann.open_upload("ann/web").await;
    ann.close_upload(&opened, &digest, &secret[..99_999]).await.expect(400);
    let single = Request::new("POST", format!("/v2/ann/web/blobs/uploads/?digest={digest}"));
    ann.send(single.clone().body(*b"guess")).await.expect(400);
    // Without a body it announces an upload.
    ann.send(single.body([])).await.expect(202);
    ann.blob("ann/web", &digest).await.expect(404);
}

/// The parts under a signature must not run into each other.
#[tokio::test]
async fn cve_2026_58426_an_upload_belongs_to_one_repository_however_it_is_cut() {
    let world = World::new().await;
    let root = world.user("root");
    let opened = root.open_upload("ab/cd").await;
    let id = opened.rsplit('/').next().unwrap().to_owned();
    for repository in ["ab", "ab/c", "ab/cd/e", "abcd", "a/bcd", "ab/cd0"] {
        root.get(format!("/v2/{repository}/blobs/uploads/{id}")).await.expect(404);
        let path = format!("/v2/{repository}/blobs/uploads/{id}");
        root.patch(path, *b"x").await.expect(404);
    }
    root.patch(&opened, *b"x").await.expect(202);
}
