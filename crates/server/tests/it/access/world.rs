//! A registry with accounts, and the people in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use registry::accounts::{Actor, Answer, Command};
use serde_json::{Value, json};
use testkit::{Auth, BerthAuth, Client, Options, Request, TestRegistry};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A registry with accounts: `root` administers, `ann` and `bob` are users.
pub(crate) struct World {
    pub registry: TestRegistry,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    /// The address is `registry.test`, as the clients of tests call it.
    pub(crate) async fn with(change: impl FnOnce(&mut BerthAuth, &mut Options)) -> Self {
        let mut auth = BerthAuth::default();
        auth.options.host = Some("http://registry.test".into());
        let builder = TestRegistry::builder().delete_enabled().set(|options| {
            change(&mut auth, options);
            options.auth = Auth::Berth(Box::new(auth));
        });
        let world = Self { registry: builder.start().await };
        let root =
            json!({"command": "user-add", "name": "root", "password": PASSWORD, "admin": true});
        world.does(root).await;
        for name in ["ann", "bob"] {
            world.does(json!({"command": "user-add", "name": name, "password": PASSWORD})).await;
        }
        world
    }

    /// What the operator does on the machine itself.
    pub(crate) async fn does(&self, command: Value) -> Answer {
        let command: Command = serde_json::from_value(command).unwrap();
        let by = Actor::Operator { via: "test" };
        self.registry.accounts().execute(&by, command).await.unwrap()
    }

    pub(crate) async fn grants(&self, subject: &str, role: &str, pattern: &str) {
        let command =
            json!({"command": "grant", "subject": subject, "role": role, "pattern": pattern});
        self.does(command).await;
    }

    pub(crate) async fn makes_visible(&self, pattern: &str, visibility: &str) {
        let command =
            json!({"command": "visibility", "pattern": pattern, "visibility": visibility});
        self.does(command).await;
    }

    /// A new personal token of `user`.
    pub(crate) async fn personal_token(&self, user: &str, scopes: &[&str]) -> String {
        let command =
            json!({"command": "token-create", "user": user, "label": "t", "scopes": scopes});
        match self.does(command).await {
            Answer::Made { secret: Some(secret), .. } => secret.reveal().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn anybody(&self) -> Client {
        self.registry.client()
    }

    /// Somebody who sends a password with each request.
    pub(crate) fn user(&self, name: &str) -> Client {
        self.anybody().with("Authorization", basic(name, PASSWORD))
    }

    /// Somebody who sends a token with each request.
    pub(crate) fn bearer(&self, token: &str) -> Client {
        self.anybody().with("Authorization", format!("Bearer {token}"))
    }

    /// The answer of the token endpoint to a GET.
    pub(crate) async fn token_for(&self, user: Option<&str>, scope: &str) -> Value {
        let path = format!("/auth/token?service=berth&scope={}", escaped(scope));
        let client = user.map_or_else(|| self.anybody(), |user| self.user(user));
        client.get(path).await.expect(200).json()
    }

    /// A client that got a token for `scope`.
    pub(crate) async fn with_token(&self, user: Option<&str>, scope: &str) -> Client {
        self.bearer(self.token_for(user, scope).await["token"].as_str().unwrap())
    }

    /// Writes the audit log down; its lines, the oldest first.
    pub(crate) async fn audit(&self) -> Vec<Value> {
        self.registry.accounts().audit().flush_all().await.unwrap();
        let command = json!({"command": "audit", "filter": {"above": 0}});
        let answer = serde_json::to_value(self.does(command).await).unwrap();
        answer["lines"].as_array().unwrap().clone()
    }
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace(' ', "%20").replace('+', "%2B").replace('&', "%26")
}

/// A form, as OAuth clients send it.
pub(crate) fn form(path: &str, pairs: &[(&str, &str)]) -> Request {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
    Request::new("POST", path)
        .with("Content-Type", "application/x-www-form-urlencoded")
        .body(pairs.collect::<Vec<_>>().join("&"))
}

/// A request of the REST API.
pub(crate) fn api(method: &str, path: &str, body: &Value) -> Request {
    Request::new(method, format!("/api/v1{path}"))
        .with("Content-Type", "application/json")
        .body(if body.is_null() { String::new() } else { body.to_string() })
}
