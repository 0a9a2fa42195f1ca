//! Who a client is by its certificate, and which name of ours a challenge may repeat.

use std::sync::Arc;

use server::{CertificateName, ClientAuth, TlsSource};
use testkit::{Answer, Request, Wire};

use super::world::World;
use crate::net::certificates::{Authority, Identity, connect, settings};

struct Encrypted {
    _directory: tempfile::TempDir,
    servers: Authority,
    clients: Authority,
    world: World,
}

async fn encrypted(name: Option<CertificateName>, client_auth: ClientAuth) -> Encrypted {
    let directory = testkit::directory();
    let (servers, clients) = (Authority::new(), Authority::new());
    let mut settings = settings(directory.path(), &servers.sign("localhost"));
    let path = directory.path().join("clients.crt");
    std::fs::write(&path, clients.pem()).unwrap();
    settings.client_authorities = vec![path];
    settings.client_auth = client_auth;
    let tls = Arc::new(TlsSource::load(settings).unwrap());
    let world = World::with(|auth, options| {
        auth.options.host = None;
        auth.options.certificates = name;
        options.tls = Some(tls);
    })
    .await;
    Encrypted { _directory: directory, servers, clients, world }
}

impl Encrypted {
    async fn ask(&self, identity: Option<&Identity>, request: Request) -> Answer {
        let address = self.world.registry.address();
        let stream = connect(address, &self.servers, identity, "http/1.1").await.unwrap();
        let mut wire = Wire::over(stream);
        wire.send(request.bytes()).await.unwrap();
        wire.answer(request.method == "HEAD").await
    }
}

#[tokio::test]
async fn a_verified_certificate_signs_in_whom_it_names() {
    let here = encrypted(Some(CertificateName::CommonName), ClientAuth::VerifyIfGiven).await;
    here.world.grants("user:ann", "push", "team/**").await;
    let ann = here.clients.sign_person("ann", &[]);
    let get = |path: &str| Request::new("GET", path);
    here.ask(Some(&ann), get("/v2/")).await.expect(200);
    let post = Request::new("POST", "/v2/team/web/blobs/uploads/").body([]);
    here.ask(Some(&ann), post).await.expect(202);
    here.ask(Some(&ann), get("/v2/other/tags/list")).await.expect(403);
    let who = here.ask(Some(&ann), get("/api/v1/whoami")).await.expect(200).json();
    assert_eq!(
        (who["subject"].as_str(), who["via"].as_str()),
        (Some("user:ann"), Some("certificate"))
    );
    // A token for it, without a password.
    let token = here.ask(Some(&ann), get("/auth/token?scope=repository:team/web:pull")).await;
    let token = token.expect(200).json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let absent = get("/v2/team/web/tags/list").with("Authorization", bearer);
    here.ask(None, absent).await.expect(404);
    // Nobody's, and without one.
    let stranger = here.clients.sign_person("nobody-here", &[]);
    here.ask(Some(&stranger), get("/v2/")).await.expect(401);
    here.ask(None, get("/v2/")).await.expect(401);
    // Credentials that were sent count, not the certificate beside them.
    let wrong = get("/v2/").with("Authorization", super::world::basic("bob", "wrong"));
    here.ask(Some(&ann), wrong).await.expect(401);
    here.world.does(serde_json::json!({"command": "user-disable", "name": "ann"})).await;
    here.ask(Some(&ann), get("/v2/")).await.expect(401);
}

#[tokio::test]
async fn a_certificate_that_was_not_verified_is_nobody_s() {
    let here = encrypted(Some(CertificateName::CommonName), ClientAuth::Request).await;
    let forged = Authority::new().sign_person("root", &[]);
    here.ask(Some(&forged), Request::new("GET", "/v2/")).await.expect(401);
    let signed = here.clients.sign_person("root", &[]);
    here.ask(Some(&signed), Request::new("GET", "/v2/")).await.expect(401);
}

#[tokio::test]
async fn only_the_chosen_name_of_a_certificate_counts() {
    let here = encrypted(Some(CertificateName::Email), ClientAuth::VerifyIfGiven).await;
    let add = serde_json::json!({"command": "user-add", "name": "carl@example.org"});
    here.world.does(add).await;
    for (common_name, emails, status) in [
        ("x", &["carl@example.org"][..], 200),
        ("carl@example.org", &[], 401),
        ("ann", &[], 401),
        ("x", &["carl@example.org", "other@example.org"], 401),
    ] {
        let identity = here.clients.sign_person(common_name, emails);
        let answer = here.ask(Some(&identity), Request::new("GET", "/v2/")).await;
        assert_eq!(answer.status, status, "{common_name} {emails:?}");
    }
    let off = encrypted(None, ClientAuth::VerifyIfGiven).await;
    let ann = off.clients.sign_person("ann", &[]);
    off.ask(Some(&ann), Request::new("GET", "/v2/")).await.expect(401);
}

#[tokio::test]
async fn c25_a_challenge_repeats_a_host_only_if_our_certificate_has_it() {
    let here = encrypted(None, ClientAuth::VerifyIfGiven).await;
    for (host, expected) in [
        ("localhost", "Bearer realm=\"https://localhost/auth/token\",service=\"berth\""),
        ("localhost:8443", "Bearer realm=\"https://localhost:8443/auth/token\",service=\"berth\""),
        ("evil.example", "Basic realm=\"Berth\""),
        ("127.0.0.1:443", "Basic realm=\"Berth\""),
        ("localhost@evil.example", "Basic realm=\"Berth\""),
        ("localhost\" x=\"", "Basic realm=\"Berth\""),
    ] {
        let request = Request::new("GET", "/v2/").with("Host", host);
        let answer = here.ask(None, request).await;
        assert_eq!(answer.status, 401, "{host}");
        assert_eq!(answer.header("www-authenticate"), Some(expected), "{host}");
    }
}
