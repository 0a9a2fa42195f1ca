//! A provider on this machine that says what it is told, and the tricks that
//! providers, browsers and thieves may play.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use store::OsRandom;

use super::*;
use crate::jose::TokenRefusal;
use crate::outbound::Reach;
use crate::secret::Secret;
use crate::testing::{START, Server, Signer, TestClock};

const CALLBACK: &str = "https://registry.example/callback";

struct Provider {
    server: Server,
    signer: Signer,
    clock: TestClock,
}

impl Provider {
    async fn start() -> Self {
        let provider =
            Self { server: Server::start().await, signer: Signer::new(), clock: TestClock::new() };
        provider.discovery(|_| ());
        provider.keys(&[provider.signer.jwk("k1")]);
        provider
    }

    fn discovery(&self, change: impl FnOnce(&mut Value)) {
        let url = &self.server.url;
        let mut document = json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize?tenant=1"),
            "token_endpoint": format!("{url}/token"),
            "userinfo_endpoint": format!("{url}/me"),
            "jwks_uri": format!("{url}/jwks"),
        });
        change(&mut document);
        self.server.says("/.well-known/openid-configuration", document);
    }

    fn keys(&self, keys: &[Value]) {
        self.server.says("/jwks", json!({"keys": keys}));
    }

    fn issuer(&self) -> Arc<Issuer> {
        self.issuer_with(IssuerKeys::Discovered)
    }

    fn issuer_with(&self, keys: IssuerKeys) -> Arc<Issuer> {
        let reach = Reach { plain_loopback: true, ..Reach::default() };
        let settings = IssuerSettings { issuer: self.server.url.clone(), keys, reach };
        Arc::new(Issuer::new(settings, Arc::new(self.clock.clone())).unwrap())
    }

    fn sign_in(&self, change: impl FnOnce(&mut SignInSettings)) -> SignIn {
        let mut settings = SignInSettings {
            client_id: "berth".into(),
            client_secret: Some(Secret::new("c+nary/")),
            scopes: vec!["profile".into(), "openid".into()],
            username_claim: "preferred_username".into(),
            groups_claim: Some("realm.groups".into()),
            counts_for: Duration::from_secs(86_400),
        };
        change(&mut settings);
        SignIn::new(self.issuer(), settings, Arc::new(self.clock.clone()), Arc::new(OsRandom))
    }

    fn claims(&self) -> Value {
        let now = START.seconds();
        json!({"iss": self.server.url, "sub": "42", "aud": "berth", "exp": now + 300, "iat": now,
            "preferred_username": "ann", "email": "ann@example.org",
            "realm": {"groups": ["devs", "admins", "devs"]}})
    }

    fn id_token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        self.signer.sign(&json!({"alg": "ES256", "kid": "k1"}), &claims)
    }

    /// The provider's token endpoint answers with this token from now on.
    fn grants(&self, id_token: &str) {
        self.server.says("/token", json!({"id_token": id_token, "access_token": "at-canary"}));
    }

    async fn returns(&self, sign_in: &SignIn) -> Result<crate::Identity, OpenIdError> {
        self.returns_with(sign_in, |_| ()).await
    }

    /// Begins, lets the provider grant a changed token, comes back.
    async fn returns_with(
        &self,
        sign_in: &SignIn,
        change: impl FnOnce(&mut Value),
    ) -> Result<crate::Identity, OpenIdError> {
        let (_, pending) = sign_in.begin(CALLBACK).await?;
        let nonce = json!(pending.nonce.reveal());
        self.grants(&self.id_token(|claims| {
            claims["nonce"] = nonce;
            change(claims);
        }));
        sign_in.finish(&callback(pending.state()), &pending).await
    }
}

fn callback(state: &str) -> Callback<'_> {
    Callback { code: "the-code", state, issuer: None }
}

fn expected<'a>() -> Expected<'a> {
    Expected { audiences: &["berth"], nonce: None, client: None }
}

#[tokio::test]
async fn a_sign_in_tells_who_came_back() {
    let provider = Provider::start().await;
    let identity = provider.returns(&provider.sign_in(|_| ())).await.unwrap();
    assert_eq!((identity.subject.as_str(), identity.name.as_str()), ("42", "ann"));
    assert_eq!(identity.groups, ["admins", "devs"]);
    assert_eq!(identity.email.as_deref(), Some("ann@example.org"));
}

#[tokio::test]
async fn the_browser_is_sent_with_everything_that_protects_it() {
    let provider = Provider::start().await;
    let (url, pending) = provider.sign_in(|_| ()).begin(CALLBACK).await.unwrap();
    let url = reqwest::Url::parse(&url).unwrap();
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    let of = |name: &str| query.get(name).map(String::as_str);
    assert_eq!((url.path(), of("tenant")), ("/authorize", Some("1")));
    assert_eq!(of("response_type"), Some("code"));
    assert_eq!(of("client_id"), Some("berth"));
    assert_eq!(of("redirect_uri"), Some(CALLBACK));
    assert_eq!(of("scope"), Some("openid profile"));
    assert_eq!(of("state"), Some(pending.state()));
    assert_eq!(of("nonce"), Some(pending.nonce.reveal()));
    assert_eq!(of("code_challenge_method"), Some("S256"));
    assert_eq!(of("code_challenge"), Some(pending.challenge().as_str()));
    assert!(!url.as_str().contains(pending.verifier.reveal()));
}

#[tokio::test]
async fn the_code_is_redeemed_with_verifier_and_secret() {
    let provider = Provider::start().await;
    provider.returns(&provider.sign_in(|_| ())).await.unwrap();
    let got = provider.server.got();
    let redeemed = got.iter().find(|got| got.line == "POST /token").unwrap();
    let form: std::collections::HashMap<_, _> =
        form_urlencoded::parse(redeemed.body.as_bytes()).into_owned().collect();
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!((form["code"].as_str(), form["redirect_uri"].as_str()), ("the-code", CALLBACK));
    assert_eq!(form["code_verifier"].len(), 43);
    // berth:c%2Bnary%2F
    assert!(redeemed.head.contains("authorization: Basic YmVydGg6YyUyQm5hcnklMkY="));

    provider
        .discovery(|d| d["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]));
    provider.returns(&provider.sign_in(|_| ())).await.unwrap();
    let last = provider.server.got().into_iter().rfind(|got| got.line == "POST /token").unwrap();
    assert!(last.body.contains("client_secret=c%2Bnary%2F") && !last.head.contains("Basic"));
}

#[tokio::test]
async fn what_the_token_lacks_is_asked_for() {
    let provider = Provider::start().await;
    let sign_in = provider.sign_in(|_| ());
    let thin = |claims: &mut Value| {
        claims.as_object_mut().unwrap().remove("preferred_username");
        claims.as_object_mut().unwrap().remove("realm");
    };
    let told = json!({"sub": "42", "preferred_username": "ann", "realm": {"groups": "devs"},
        "email": "other@example.org", "iss": "evil"});
    provider.server.says("/me", &told);
    let identity = provider.returns_with(&sign_in, thin).await.unwrap();
    assert_eq!(
        (identity.name.as_str(), identity.groups.as_slice()),
        ("ann", &["devs".to_owned()][..])
    );
    assert_eq!(identity.email.as_deref(), Some("ann@example.org"), "what is signed stays");
    let asked = provider.server.got().pop().unwrap();
    assert!(asked.head.contains("authorization: Bearer at-canary"));

    let mut other = told;
    other["sub"] = json!("43");
    provider.server.says("/me", other);
    let error = provider.returns_with(&sign_in, thin).await.unwrap_err();
    assert!(error.to_string().contains("somebody else"), "{error}");
}

#[tokio::test]
async fn a_return_that_was_not_begun_here_is_refused() {
    let provider = Provider::start().await;
    let sign_in = provider.sign_in(|_| ());
    let (_, pending) = sign_in.begin(CALLBACK).await.unwrap();
    provider.grants(&provider.id_token(|c| c["nonce"] = json!(pending.nonce.reveal())));
    for state in ["", "x"] {
        assert_eq!(sign_in.finish(&callback(state), &pending).await, Err(OpenIdError::Stale));
    }
    let other = Callback { issuer: Some("https://evil.example"), ..callback(pending.state()) };
    assert_eq!(sign_in.finish(&other, &pending).await, Err(OpenIdError::Stale));
    let same = Callback { issuer: Some(&provider.server.url), ..callback(pending.state()) };
    assert!(sign_in.finish(&same, &pending).await.is_ok());
    provider.clock.pass(Duration::from_secs(600));
    assert_eq!(sign_in.finish(&same, &pending).await, Err(OpenIdError::Stale));
}

#[tokio::test]
async fn a_provider_that_names_itself_must_do_so() {
    let provider = Provider::start().await;
    provider.discovery(|d| d["authorization_response_iss_parameter_supported"] = json!(true));
    let sign_in = provider.sign_in(|_| ());
    assert_eq!(provider.returns(&sign_in).await, Err(OpenIdError::Stale));
}

#[tokio::test]
async fn a_token_of_another_sign_in_or_client_is_refused() {
    let provider = Provider::start().await;
    let sign_in = provider.sign_in(|_| ());
    for (change, refusal) in [
        (json!({"nonce": "stolen"}), TokenRefusal::Nonce),
        (json!({"nonce": null}), TokenRefusal::Claim("nonce")),
        (json!({"aud": "other"}), TokenRefusal::Audience),
        (json!({"aud": ["berth", "other"]}), TokenRefusal::Audience),
        (json!({"azp": "other"}), TokenRefusal::Audience),
        (json!({"iss": "https://evil.example"}), TokenRefusal::Issuer),
        (json!({"exp": START.seconds() - 60}), TokenRefusal::Expired),
        (json!({"iat": START.seconds() + 61}), TokenRefusal::NotYet),
        (json!({"sub": ""}), TokenRefusal::Claim("sub")),
    ] {
        let result = provider.returns_with(&sign_in, |claims| {
            for (name, value) in change.as_object().unwrap() {
                claims[name] = value.clone();
            }
        });
        assert_eq!(result.await, Err(OpenIdError::Token(refusal)), "{change}");
    }
    let several = provider.returns_with(&sign_in, |claims| {
        claims["aud"] = json!(["berth", "other"]);
        claims["azp"] = json!("berth");
    });
    assert!(several.await.is_ok());
}

#[tokio::test]
async fn only_keys_of_the_provider_verify() {
    let provider = Provider::start().await;
    let issuer = provider.issuer();
    let verify =
        async |token: String| issuer.verify_id_token(&token, &expected()).await.map(|_| ());
    let evil = Signer::new();
    let claims = provider.claims();
    for header in [
        json!({"alg": "ES256", "kid": "k1"}),
        json!({"alg": "ES256", "kid": "k1", "jwk": evil.jwk("k1")}),
        json!({"alg": "ES256"}),
    ] {
        let result = verify(evil.sign(&header, &claims)).await;
        assert_eq!(result, Err(TokenRefusal::Signature), "{header}");
    }
    for (header, refusal) in [
        (json!({"alg": "none", "kid": "k1"}), TokenRefusal::Algorithm),
        (json!({"alg": "HS256", "kid": "k1"}), TokenRefusal::Algorithm),
        (json!({"alg": "RS256", "kid": "k1"}), TokenRefusal::Algorithm),
        (json!({"alg": "ES256", "kid": "k2"}), TokenRefusal::UnknownKey),
        (json!({"alg": "ES256", "kid": "k1", "crit": ["x"]}), TokenRefusal::Header("crit")),
        (json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}), TokenRefusal::Use),
        (json!({"alg": "ES256", "kid": "k1", "typ": "logout+jwt"}), TokenRefusal::Use),
    ] {
        let result = verify(provider.signer.sign(&header, &claims)).await;
        assert_eq!(result, Err(refusal), "{header}");
    }
    assert_eq!(verify(provider.id_token(|_| ())).await, Ok(()));
    assert_eq!(verify(provider.signer.sign(&json!({"alg": "ES256"}), &claims)).await, Ok(()));
    for name in ["iss", "aud", "exp", "iat", "sub"] {
        let without = provider.id_token(|claims| {
            claims.as_object_mut().unwrap().remove(name);
        });
        assert_eq!(verify(without).await, Err(TokenRefusal::Missing(name)));
    }
}

#[tokio::test]
async fn a_token_without_key_name_needs_one_key_alone() {
    let provider = Provider::start().await;
    provider.keys(&[provider.signer.jwk("k1"), Signer::new().jwk("k2")]);
    let token = provider.signer.sign(&json!({"alg": "ES256"}), &provider.claims());
    let result = provider.issuer().verify_id_token(&token, &expected()).await;
    assert_eq!(result, Err(TokenRefusal::UnknownKey));
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_found() {
    let provider = Provider::start().await;
    let (issuer, new) = (provider.issuer(), Signer::new());
    assert!(issuer.verify_id_token(&provider.id_token(|_| ()), &expected()).await.is_ok());
    provider.keys(&[new.jwk("k2")]);
    provider.clock.pass(Duration::from_secs(60));
    let token = new.sign(&json!({"alg": "ES256", "kid": "k2"}), &provider.claims());
    assert!(issuer.verify_id_token(&token, &expected()).await.is_ok());
    let old = issuer.verify_id_token(&provider.id_token(|_| ()), &expected()).await;
    assert_eq!(old, Err(TokenRefusal::UnknownKey), "a withdrawn key is void");
}

#[tokio::test]
async fn a_provider_must_be_who_it_is_configured_to_be() {
    let provider = Provider::start().await;
    provider.discovery(|d| d["issuer"] = json!("https://evil.example"));
    let error = provider.sign_in(|_| ()).begin(CALLBACK).await.unwrap_err();
    assert!(error.to_string().contains("letter by letter"), "{error}");
    let token = provider.id_token(|_| ());
    let result = provider.issuer().verify_id_token(&token, &expected()).await;
    assert_eq!(result, Err(TokenRefusal::UnknownKey));
}

#[tokio::test]
async fn c13_a_provider_cannot_send_us_elsewhere() {
    let provider = Provider::start().await;
    for url in
        ["http://169.254.169.254/", "https://10.0.0.1/", "http://issuer.example/", "file:///"]
    {
        provider.discovery(|d| {
            d["jwks_uri"] = json!(url);
            d["authorization_endpoint"] = json!(url);
        });
        let token = provider.id_token(|_| ());
        let result = provider.issuer().verify_id_token(&token, &expected()).await;
        assert_eq!(result, Err(TokenRefusal::UnknownKey), "{url}");
        assert!(provider.sign_in(|_| ()).begin(CALLBACK).await.is_err(), "{url}");
    }
}

#[tokio::test]
async fn keys_can_be_had_without_discovery() {
    let provider = Provider::start().await;
    provider.server.answers_with("/.well-known/openid-configuration", "403 Forbidden", "", "");
    let token = provider.id_token(|_| ());
    let by_url = provider.issuer_with(IssuerKeys::Url(format!("{}/jwks", provider.server.url)));
    assert!(by_url.verify_id_token(&token, &expected()).await.is_ok());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.json");
    std::fs::write(&path, json!({"keys": [provider.signer.jwk("k1")]}).to_string()).unwrap();
    let by_file = provider.issuer_with(IssuerKeys::File(path));
    assert!(by_file.verify_id_token(&token, &expected()).await.is_ok());
}

#[tokio::test]
async fn c23_what_a_provider_says_wrongly_is_not_repeated() {
    let provider = Provider::start().await;
    let sign_in = provider.sign_in(|_| ());
    for (status, body, says) in [
        (
            "400 Bad Request",
            r#"{"error":"invalid_grant","error_description":"canary"}"#,
            "invalid_grant",
        ),
        ("400 Bad Request", r#"{"error":"ca nary"}"#, "400"),
        ("500 Oops", "canary", "500"),
        ("200 OK", "canary", "no JSON"),
        ("200 OK", r#"{"access_token":"canary"}"#, "id_token"),
    ] {
        let (_, pending) = sign_in.begin(CALLBACK).await.unwrap();
        provider.server.answers_with("/token", status, "", body);
        let error = sign_in.finish(&callback(pending.state()), &pending).await.unwrap_err();
        let (short, long) = (error.to_string(), format!("{error:?} {sign_in:?}"));
        assert!(short.contains(says), "{short}");
        for secret in ["canary", "ca nary", "c+nary/", "the-code", pending.verifier.reveal()] {
            assert!(!short.contains(secret) && !long.contains(secret), "{long}");
        }
    }
}

#[tokio::test]
async fn an_unverified_address_is_no_name() {
    let provider = Provider::start().await;
    let sign_in = provider.sign_in(|settings| {
        settings.username_claim = "email".into();
        settings.groups_claim = None;
    });
    for (verified, accepted) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("false"), false),
        (json!("TRUE"), false),
        (json!(1), false),
        (json!([true]), false),
        (json!(null), false),
    ] {
        let says = format!("{verified}");
        let result = provider.returns_with(&sign_in, |claims| claims["email_verified"] = verified);
        assert_eq!(result.await.is_ok(), accepted, "{says}");
    }
    let silent = provider.returns(&sign_in).await.unwrap_err().to_string();
    assert!(silent.contains("email_verified"), "nobody says that it is verified: {silent}");
    let result = provider.returns_with(&sign_in, |claims| {
        claims["email"] = json!("a\nb");
        claims["email_verified"] = json!(true);
    });
    assert!(matches!(result.await, Err(OpenIdError::Claim(why)) if why.contains("printable")));
}

#[tokio::test]
async fn a_missing_name_says_which_claim_is_missing() {
    let provider = Provider::start().await;
    let sign_in = provider.sign_in(|settings| settings.username_claim = "login".into());
    provider.server.says("/me", json!({"sub": "42"}));
    let error = provider.returns(&sign_in).await.unwrap_err().to_string();
    assert!(error.contains("\"login\""), "{error}");
}

#[test]
fn an_issuer_that_cannot_be_asked_is_refused_at_the_start() {
    let new = |issuer: &str| {
        let settings = IssuerSettings { issuer: issuer.into(), ..IssuerSettings::default() };
        Issuer::new(settings, Arc::new(TestClock::new())).err()
    };
    for issuer in ["", "http://issuer.example", "https://10.0.0.1", "https://a/?x", "issuer"] {
        assert!(matches!(new(issuer), Some(OpenIdError::Settings(_))), "{issuer}");
    }
    assert_eq!(new("https://issuer.example/realm"), None);
}

#[test]
fn everything_can_be_awaited_from_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    let reach = Reach::default();
    let clock = Arc::new(TestClock::new());
    let settings =
        IssuerSettings { issuer: "https://i.example".into(), reach, ..Default::default() };
    let issuer = Issuer::new(settings, clock).unwrap();
    is_send(&issuer.verify_id_token("", &expected()));
    let keyless = Keyless::new(vec![Arc::new(issuer)], Vec::new()).unwrap();
    is_send(&keyless.sign_in(""));
    fn of_a_browser(sign_in: &SignIn, pending: &Pending) {
        is_send(&sign_in.begin(CALLBACK));
        is_send(&sign_in.finish(&callback(""), pending));
    }
    let _ = of_a_browser;
}

#[tokio::test]
async fn a_job_signs_in_as_the_robot_of_its_rule() {
    let (provider, other) = (Provider::start().await, Provider::start().await);
    let rule = |issuer: &Provider, audience: &str, repository: &str, robot: &str| {
        Rule::new(&issuer.server.url, audience, [("repository", repository)], robot).unwrap()
    };
    let rules = vec![
        rule(&other, "registry.example", "acme/*", "other"),
        rule(&provider, "registry.example", "acme/app", "app"),
        rule(&provider, "registry.example", "acme/*", "ci"),
        rule(&provider, "registry.two", "acme/*", "two"),
    ];
    let keyless = Keyless::new(vec![provider.issuer(), other.issuer()], rules).unwrap();
    let sign_in = async |audience: &str, repository: &str| {
        let token = provider.id_token(|claims| {
            claims["aud"] = json!(audience);
            claims["repository"] = json!(repository);
        });
        let found = keyless.sign_in(&token).await;
        found.map(|found| found.map(|found| found.rule.robot().to_owned()))
    };
    let robot = |name: &str| Ok(Some(name.to_owned()));
    assert_eq!(sign_in("registry.example", "acme/app").await, robot("app"));
    assert_eq!(sign_in("registry.example", "acme/web").await, robot("ci"));
    assert_eq!(sign_in("registry.two", "acme/app").await, robot("two"));
    assert_eq!(sign_in("registry.example", "evil/app").await, Ok(None));
    assert_eq!(sign_in("registry.three", "acme/app").await, Err(TokenRefusal::Audience));
}

#[tokio::test]
async fn a_job_cannot_borrow_the_name_of_another_issuer() {
    let (provider, other) = (Provider::start().await, Provider::start().await);
    let rules = vec![
        Rule::new(&provider.server.url, "berth", [("preferred_username", "ann")], "ci").unwrap(),
    ];
    let keyless = Keyless::new(vec![provider.issuer(), other.issuer()], rules.clone()).unwrap();
    let header = json!({"alg": "ES256", "kid": "k1"});
    let borrowed = other.signer.sign(&header, &provider.claims());
    assert_eq!(keyless.sign_in(&borrowed).await, Err(TokenRefusal::Signature));
    assert_eq!(keyless.sign_in(&other.id_token(|_| ())).await, Err(TokenRefusal::Audience));
    let stranger = provider.id_token(|claims| claims["iss"] = json!("https://evil.example"));
    assert_eq!(keyless.sign_in(&stranger).await, Err(TokenRefusal::Issuer));
    for odd in ["", "a.b.c", "e30.e30.", &"A".repeat(1 << 20)] {
        assert!(keyless.sign_in(odd).await.is_err(), "{odd}");
    }
    let error = Keyless::new(vec![other.issuer()], rules).err().unwrap().to_string();
    assert!(error.contains("robot \"ci\"") && error.contains("not configured"), "{error}");
}

#[tokio::test]
async fn c14_the_secret_does_not_follow_a_redirect() {
    let (provider, thief) = (Provider::start().await, Server::start().await);
    let sign_in = provider.sign_in(|_| ());
    let (_, pending) = sign_in.begin(CALLBACK).await.unwrap();
    for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let head = format!("location: {}/token\r\n", thief.url);
        provider.server.answers_with("/token", status, &head, "");
        let error = sign_in.finish(&callback(pending.state()), &pending).await.unwrap_err();
        assert!(error.to_string().contains("token endpoint said 30"), "{error}");
    }
    assert!(thief.got().is_empty());
}
