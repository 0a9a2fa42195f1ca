//! Signing in with a browser: what goes to the provider and what comes back
//! from strangers. The whole way is walked with a real provider elsewhere.

use std::sync::Arc;
use std::time::Duration;

use identity::Secret;
use identity::openid::{Issuer, IssuerSettings, SignIn, SignInSettings};
use store::{OsRandom, SystemClock};
use testkit::{Answer, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use super::world::World;

/// There are few places for all callbacks of one process.
static PLACES: Mutex<()> = Mutex::const_new(());

/// A provider that says where it is and refuses every code, when `gate` is open.
async fn provider(gate: Arc<Semaphore>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let document = serde_json::json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
    })
    .to_string();
    let serve = move |mut stream: TcpStream, document: String, gate: Arc<Semaphore>| async move {
        let mut head = vec![0; 16 << 10];
        let read = stream.read(&mut head).await.unwrap_or(0);
        let (status, body) = match head[..read].starts_with(b"GET /.well-known/") {
            true => ("200 OK", document.as_str()),
            false => {
                let _ = gate.acquire().await;
                ("400 Bad Request", r#"{"error":"invalid_grant"}"#)
            }
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, document.clone(), gate.clone()));
        }
    });
    issuer
}

async fn world() -> World {
    world_behind(Arc::new(Semaphore::new(1))).await
}

async fn world_behind(gate: Arc<Semaphore>) -> World {
    let issuer = provider(gate).await;
    let mut settings = IssuerSettings { issuer, ..IssuerSettings::default() };
    settings.reach.private = true;
    settings.reach.plain_loopback = true;
    let clock = Arc::new(SystemClock::new());
    let issuer = Arc::new(Issuer::new(settings, clock.clone()).unwrap());
    let settings = SignInSettings {
        client_id: "berth".into(),
        client_secret: None,
        scopes: vec![],
        username_claim: "preferred_username".into(),
        groups_claim: None,
        counts_for: Duration::from_secs(86_400),
    };
    let sign_in = Arc::new(SignIn::new(issuer, settings, clock, Arc::new(OsRandom)));
    World::with(|auth, _| {
        auth.options.host = Some("https://reg.example".into());
        auth.options.cookie_key = Secret::new("key");
        auth.providers = vec![("work".into(), sign_in)];
    })
    .await
}

fn is_a_harmless_page(answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let text = String::from_utf8_lossy(&answer.body);
    assert!(!text.contains("<script") && !text.contains("style"), "{text}");
}

#[tokio::test]
async fn a_browser_is_sent_to_the_provider_with_a_sealed_cookie() {
    let world = world().await;
    let answer = world.anybody().get("/auth/oidc/work/login?next=https://evil.example").await;
    let answer = answer.expect(303);
    let location = answer.location();
    assert!(location.starts_with("http://127.0.0.1:") && location.contains("/authorize?"));
    let back = "redirect_uri=https%3A%2F%2Freg.example%2Fauth%2Foidc%2Fwork%2Fcallback";
    assert!(location.contains(back) && location.contains("code_challenge_method=S256"));
    assert!(!location.contains("evil.example"));
    let cookie = answer.header("set-cookie").unwrap();
    for attribute in [
        "__Host-berth-sign-in-work=",
        "HttpOnly",
        "Secure",
        "SameSite=Lax",
        "Path=/;",
        "Max-Age=600",
    ] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    world.anybody().get("/auth/oidc/other/login").await.expect(404);
}

/// A sign-in that was begun: the browser's cookie, and what the provider sends back.
async fn begun(world: &World) -> (String, String) {
    let begun = world.anybody().get("/auth/oidc/work/login").await.expect(303);
    let cookie = begun.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let state = begun.location().split("state=").nth(1).unwrap().split('&').next().unwrap();
    (cookie, state.to_owned())
}

#[tokio::test]
async fn c16_a_way_back_that_nobody_began_here_ends_on_a_harmless_page() {
    let _alone = PLACES.lock().await;
    let world = world().await;
    let (cookie, state) = begun(&world).await;
    let back = |cookie: Option<String>, query: String| {
        let mut request = Request::new("GET", format!("/auth/oidc/work/callback?{query}"));
        if let Some(cookie) = cookie {
            request = request.with("Cookie", cookie);
        }
        let client = world.anybody();
        async move { client.send(request).await }
    };
    let right = format!("code=x&state={state}");
    let mut damaged = cookie.clone();
    damaged.replace_range(damaged.len() - 3.., "AAA");
    for (cookie, query) in [
        (None, right.clone()),
        (Some(damaged), right.clone()),
        (Some(cookie.clone()), "code=x&state=other".to_owned()),
        (
            Some(cookie.clone()),
            "state=%3Cscript%3Ex%3C/script%3E&code=%22%3E%3Cscript%3E".to_owned(),
        ),
        (Some(cookie.clone()), String::new()),
        (Some("__Host-berth-sign-in-work=x.y".to_owned()), right.clone()),
    ] {
        let answer = back(cookie, query.clone()).await;
        assert_eq!(answer.status, 400, "{query}");
        is_a_harmless_page(&answer);
        assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    }
    let refused =
        back(Some(cookie.clone()), "error=%3Cb%3Eaccess_denied%3C/b%3E".into()).await.expect(403);
    is_a_harmless_page(&refused);
    assert!(!String::from_utf8_lossy(&refused.body).contains("<b>"));
    // All is right but the code, which the provider does not know.
    is_a_harmless_page(&back(Some(cookie), right).await.expect(403));
}

#[tokio::test]
async fn a_sign_in_that_comes_to_nothing_is_written_down() {
    let _alone = PLACES.lock().await;
    let world = world().await;
    let (cookie, state) = begun(&world).await;
    let right = format!("code=a-secret-code&state={state}");
    for (cookie, query) in [
        (None, right.clone()),
        (Some(&cookie), "error=access_denied".to_owned()),
        // The provider does not know the code.
        (Some(&cookie), right),
    ] {
        let mut request = Request::new("GET", format!("/auth/oidc/work/callback?{query}"));
        if let Some(cookie) = cookie {
            request = request.with("Cookie", cookie);
        }
        let answer = world.anybody().send(request).await;
        assert!(matches!(answer.status, 400 | 403), "{}", answer.status);
    }
    let lines = world.audit().await;
    let refused: Vec<_> = lines.iter().filter(|line| line["outcome"] == "refused").collect();
    let [line] = refused.as_slice() else { panic!("{refused:?}") };
    assert_eq!((&line["action"], &line["actor"]), (&"login".into(), &"anonymous".into()));
    assert_eq!((&line["via"], &line["target"]), (&"browser".into(), &"source:work".into()));
    assert_eq!((&line["count"], &line["address"]), (&3.into(), &"127.0.0.1".into()));
    assert!(line["request"].is_string(), "{line}");
    let text = line.to_string();
    assert!(!text.contains("a-secret-code") && !text.contains(&state), "{text}");
}

#[tokio::test]
async fn sign_ins_at_a_slow_provider_do_not_take_all_threads() {
    let _alone = PLACES.lock().await;
    let gate = Arc::new(Semaphore::new(0));
    let world = world_behind(gate.clone()).await;
    let mut all = JoinSet::new();
    for _ in 0..5 {
        let (cookie, state) = begun(&world).await;
        let back = format!("/auth/oidc/work/callback?code=x&state={state}");
        let request = Request::new("GET", back).with("Cookie", cookie);
        let client = world.anybody();
        all.spawn(async move { client.send(request).await });
    }
    // Four of one address wait for the provider, so only the fifth has an answer.
    let fifth = all.join_next().await.unwrap().unwrap().expect(503);
    is_a_harmless_page(&fifth);
    assert_eq!(fifth.header("retry-after"), Some("5"));
    assert_eq!(fifth.header("set-cookie"), None, "it can be sent again");
    gate.add_permits(4);
    while let Some(answer) = all.join_next().await {
        answer.unwrap().expect(403);
    }
}
