//! The registry of the matrix, and everybody's way to what they send.

use std::collections::HashMap;
use std::time::Duration;

use identity::token::{Access, Claims, KeyRing};
use registry::accounts::{Actor, Answer, Command};
use serde_json::{Value, json};
use store::{Clock, SettingsStore};
use testkit::{Auth, BerthAuth, Request, SeededRandom, TestRegistry};

use super::line::{Line, basic};
use super::rights::{CALLERS, Place, Proof};
use super::rows::METHODS;
use super::stage::{Stage, blob_of_all, index, push_blob, push_index};
use super::tries::{TAG, Try, WITHIN};

/// Everybody's password.
pub(super) const PASSWORD: &str = "correct horse battery staple";

/// `Authorization` by the name of the caller; none for nobody.
pub(super) type Logins = HashMap<&'static str, Option<String>>;

/// A registry with everybody in it, some of them in trouble already.
pub(super) struct House {
    pub registry: TestRegistry,
    pub logins: Logins,
    /// The same for the list of repositories, of those who ask for a token.
    pub catalog: HashMap<&'static str, String>,
}

/// Where a try happens. What is created needs a name that nobody had before;
/// all names of a namespace are of one length.
pub(super) fn repository(place: Place, caller: usize, what: Try, method: &str) -> String {
    let namespace = place.namespace();
    if place.exists() {
        return format!("{namespace}/is-here");
    }
    let what_number = WITHIN.iter().position(|other| *other == what).unwrap();
    match METHODS.iter().position(|other| *other == method) {
        Some(number) if what.may_write(method) => {
            format!("{namespace}/{caller:02}-{what_number:02}x{number}")
        }
        _ => format!("{namespace}/is-gone"),
    }
}

/// Every repository that a caller asks for.
fn names_of(caller: usize) -> Vec<String> {
    let mut names = vec!["mine/sources".to_owned()];
    for place in Place::ALL {
        for what in WITHIN {
            for method in what.methods() {
                let name = repository(place, caller, what, method);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    names
}

impl House {
    pub(super) async fn new() -> Self {
        let mut auth = BerthAuth::default();
        auth.options.host = Some("http://registry.test".into());
        // Here failures are the rule.
        auth.settings.throttle.free = u32::MAX;
        let builder = TestRegistry::builder().delete_enabled();
        let auth = Auth::Berth(Box::new(auth));
        let registry = builder.set(|options| options.auth = auth).start().await;
        let mut house = Self { registry, logins: HashMap::new(), catalog: HashMap::new() };
        house.people().await;
        house.content().await;
        house.sign_in().await;
        house.trouble().await;
        for caller in CALLERS {
            assert!(house.logins.contains_key(caller.name), "{} cannot come", caller.name);
        }
        house
    }

    pub(super) async fn does(&self, command: Value) -> Answer {
        let command: Command = serde_json::from_value(command).unwrap();
        let by = Actor::Operator { via: "test" };
        self.registry.accounts().execute(&by, command).await.unwrap()
    }

    async fn made(&self, command: Value) -> String {
        match self.does(command).await {
            Answer::Made { secret: Some(secret), .. } => secret.reveal().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn grants(&self, subject: &str, role: &str, pattern: &str) {
        let grant =
            json!({"command": "grant", "subject": subject, "role": role, "pattern": pattern});
        self.does(grant).await;
    }

    async fn user(&self, name: &str) {
        self.does(json!({
            "command": "user-add", "name": name, "password": PASSWORD, "admin": name == "root",
        }))
        .await;
    }

    async fn people(&self) {
        for name in [
            "root", "stranger", "puller", "pusher", "mover", "deleter", "owner", "member",
            "fallen", "reborn", "disabled", "removed",
        ] {
            self.user(name).await;
        }
        for (subject, role, pattern) in [
            ("user:stranger", "owner", "them/**"),
            ("user:puller", "pull", "mine/**"),
            ("user:pusher", "push", "mine/**"),
            ("user:mover", "overwrite", "mine/**"),
            ("user:deleter", "delete", "mine/**"),
            ("user:owner", "admin", "mine/**"),
            ("user:fallen", "owner", "mine/**"),
            ("user:reborn", "owner", "mine/**"),
            ("user:disabled", "owner", "mine/**"),
            ("user:removed", "owner", "mine/**"),
        ] {
            self.grants(subject, role, pattern).await;
        }
        self.does(json!({"command": "team-add", "name": "crew"})).await;
        self.does(json!({"command": "team-member-add", "team": "crew", "user": "member"})).await;
        self.grants("team:crew", "maintainer", "mine/**").await;
        for (pattern, visibility) in [("open/**", "public"), ("team/**", "internal")] {
            let command =
                json!({"command": "visibility", "pattern": pattern, "visibility": visibility});
            self.does(command).await;
        }
    }

    pub(super) fn stage(&self) -> Stage {
        let line = Line::new(self.registry.address());
        Stage { line, root: basic("root", PASSWORD), metadata: self.registry.metadata() }
    }

    async fn content(&self) {
        let mut stage = self.stage();
        for place in Place::ALL.into_iter().filter(|place| place.exists()) {
            let name = format!("{}/is-here", place.namespace());
            stage.does(push_blob(&name, blob_of_all()), 201).await;
            stage.does(push_index(&name, TAG, index(TAG)), 201).await;
        }
    }

    fn login(&mut self, name: &'static str, login: impl Into<String>) {
        self.logins.insert(name, Some(login.into()));
    }

    /// A token for these scopes, got with `login`.
    async fn token(&self, login: Option<&str>, scopes: &[String]) -> Value {
        let scopes: Vec<_> = scopes.iter().map(|scope| format!("&scope={scope}")).collect();
        let path = format!("/auth/token?service=berth&offline_token=true{}", scopes.concat());
        let mut line = Line::new(self.registry.address());
        line.send(Request::new("GET", path), login).await.expect(200).json()
    }

    /// All that a caller asks for, with these actions.
    async fn bearer(&self, who: &str, login: Option<&str>, actions: &str) -> String {
        let number = CALLERS.iter().position(|caller| caller.name == who).unwrap();
        let scope = |name: String| match name.as_str() {
            "mine/sources" => format!("repository:{name}:pull"),
            _ => format!("repository:{name}:{actions}"),
        };
        let scopes: Vec<_> = names_of(number).into_iter().map(scope).collect();
        let got = self.token(login, &scopes).await;
        format!("Bearer {}", got["token"].as_str().unwrap())
    }

    async fn sign_in(&mut self) {
        self.logins.insert("nobody", None);
        self.login("nobody/empty login", "Basic Og==");
        self.login("anybody/other scheme", "Digest username=\"root\"");
        self.login("anybody/nonsense as a token", "Bearer a.b.c");
        self.robots().await;
        for who in CALLERS {
            let (name, way) = who.name.split_once('/').unwrap_or((who.name, ""));
            let login = match name {
                "nobody" => None,
                "robot" | "late robot" => continue,
                _ => Some(basic(name, PASSWORD)),
            };
            match way {
                "password" => self.login(who.name, login.clone().unwrap()),
                "token" | "token from before" => {
                    let token = self.bearer(who.name, login.as_deref(), "pull,push,delete").await;
                    self.login(who.name, token);
                }
                _ => {}
            }
            if way == "token" && who.proof == Proof::Token {
                let got = self.token(login.as_deref(), &["registry:catalog:*".to_owned()]).await;
                let token = got["token"].as_str().unwrap().to_owned();
                self.catalog.insert(who.name, format!("Bearer {token}"));
            }
        }
        self.narrow_tokens().await;
        self.foreign_tokens().await;
    }

    async fn robots(&mut self) {
        for (robot, secret_of, token_of, life) in [
            ("ci", "robot/secret", "robot/token", None),
            ("late", "late robot/secret", "late robot/token from before", Some(100)),
        ] {
            let grants = json!([{"role": "developer", "pattern": "mine/**"}]);
            let secret = self
                .made(json!({
                    "command": "robot-add", "name": robot, "grants": grants,
                    "expires_in_seconds": life,
                }))
                .await;
            let login = basic(&format!("robot${robot}"), &secret);
            let token = self.bearer(token_of, Some(&login), "pull,push,delete").await;
            self.login(secret_of, login);
            self.login(token_of, token);
        }
    }

    pub(super) async fn personal(&self, user: &str, scopes: &[&str]) -> String {
        let command =
            json!({"command": "token-create", "user": user, "label": "t", "scopes": scopes});
        self.made(command).await
    }

    async fn narrow_tokens(&mut self) {
        let root = basic("root", PASSWORD);
        for (name, actions) in [
            ("root/token to pull", "pull"),
            ("root/token to push", "pull,push"),
            ("root/token to delete", "delete"),
        ] {
            let token = self.bearer(name, Some(&root), actions).await;
            self.login(name, token);
        }
        for (name, scopes) in [
            ("root/token for nothing", vec![]),
            ("root/token for elsewhere", vec!["repository:mine/else:pull,push,delete".to_owned()]),
        ] {
            let got = self.token(Some(&root), &scopes).await;
            self.login(name, format!("Bearer {}", got["token"].as_str().unwrap()));
        }
        let whole = self.personal("owner", &[]).await;
        self.login("owner/whole personal token", basic("owner", &whole));
        self.login("owner/personal token as a token", format!("Bearer {whole}"));
        let pull = basic("owner", &self.personal("owner", &["pull:**"]).await);
        let name = "owner/token by the one to pull";
        let token = self.bearer(name, Some(&pull), "pull,push,delete").await;
        self.login(name, token);
        self.login("owner/personal token to pull", pull);
        let mine = self.personal("root", &["pull:mine/**"]).await;
        self.login("root/personal token for mine", basic("root", &mine));
        for (name, user) in
            [("disabled/personal token", "disabled"), ("removed/personal token", "removed")]
        {
            let token = self.personal(user, &[]).await;
            self.login(name, basic(user, &token));
        }
    }

    /// What is signed by our own key, or made here, for something else.
    async fn foreign_tokens(&mut self) {
        let stored = self.registry.metadata().setting("token-keys").await.unwrap().unwrap();
        let keys = KeyRing::from_bytes(&stored).unwrap();
        let root = self.registry.accounts().sign_in("root", PASSWORD, None).await.unwrap();
        let life = Duration::from_secs(900);
        let random = SeededRandom::new(3);
        let mut claims =
            Claims::new("berth", "berth", "registry", self.registry.clock.now(), life, &random);
        claims.subject = "root".into();
        claims.account = root.identity().account.map(|id| id.0);
        claims.access = names_of(0).iter().map(|name| Access::repository(name, &["*"])).collect();
        let foreign = Claims { audience: vec!["other.example".into()], ..claims.clone() };
        let token = keys.sign(&foreign).unwrap();
        self.login("root/token for a foreign audience", format!("Bearer {token}"));
        let other = Claims { purpose: "session".into(), ..claims };
        let token = keys.sign(&other).unwrap();
        self.login("root/token for a foreign use", format!("Bearer {token}"));
        let got = self.token(Some(&basic("owner", PASSWORD)), &[]).await;
        let kept = got["refresh_token"].as_str().unwrap();
        self.login("owner/refresh token as a token", format!("Bearer {kept}"));
    }

    /// What is taken away after all of them got their tokens.
    async fn trouble(&self) {
        let revoke = json!({
            "command": "revoke", "subject": "user:fallen", "role": "owner", "pattern": "mine/**",
        });
        self.does(revoke).await;
        self.does(json!({"command": "user-disable", "name": "disabled"})).await;
        self.does(json!({"command": "user-remove", "name": "removed"})).await;
        self.does(json!({"command": "user-remove", "name": "reborn"})).await;
        self.user("reborn").await;
        self.registry.clock.advance(Duration::from_secs(101));
    }
}
