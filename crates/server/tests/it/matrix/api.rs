//! The matrix of the REST API: each of its routes, asked by everybody from
//! strangers to the administrator of the registry.

use std::collections::BTreeSet;

use serde_json::json;
use store::{AccountWalk, LastNumbers};
use testkit::{Answer, Request};

use super::api_rows::{ApiRow, ROWS, Standing, writes};
use super::callers::{House, PASSWORD};
use super::line::{Line, basic, seen};
use super::rows::METHODS;

struct Caller {
    name: &'static str,
    standing: Standing,
    login: Option<String>,
    /// Their own name, if they are a user.
    own: &'static str,
}

async fn callers(house: &mut House) -> Vec<Caller> {
    use Standing::{Admin, Limited, Owner, Robot, Stranger, User};
    house.personal_logins().await;
    let known = [
        ("nobody", Stranger, "x"),
        ("nobody/token", Stranger, "x"),
        ("anybody/other scheme", Stranger, "x"),
        ("anybody/nonsense as a token", Stranger, "x"),
        ("puller/token", Stranger, "x"),
        ("owner/token", Stranger, "x"),
        ("root/token", Stranger, "x"),
        ("root/token to delete", Stranger, "x"),
        ("root/token for a foreign audience", Stranger, "x"),
        ("root/token for a foreign use", Stranger, "x"),
        ("owner/refresh token as a token", Stranger, "x"),
        ("disabled/personal token", Stranger, "x"),
        ("removed/personal token", Stranger, "x"),
        ("late robot/secret", Stranger, "x"),
        ("root/personal token for mine", Limited, "root"),
        ("root/personal token to pull", Limited, "root"),
        ("owner/personal token to pull", Limited, "owner"),
        ("stranger/personal token to own", Limited, "stranger"),
        ("fallen/password", User, "fallen"),
        ("reborn/password", User, "reborn"),
        ("pusher/password", User, "pusher"),
        ("robot/secret", Robot, "ci"),
        ("owner/password", Owner, "owner"),
        ("owner/whole personal token", Owner, "owner"),
        ("owner/personal token as a token", Owner, "owner"),
        ("root/password", Admin, "root"),
        ("root/whole personal token", Admin, "root"),
        ("root/personal token as a token", Admin, "root"),
    ];
    known
        .into_iter()
        .map(|(name, standing, own)| Caller {
            name,
            standing,
            own,
            login: house.logins[name].clone(),
        })
        .collect()
}

impl House {
    /// Personal tokens that only the API tells apart.
    async fn personal_logins(&mut self) {
        for (name, user, scopes) in [
            ("root/personal token to pull", "root", vec!["pull:**"]),
            ("stranger/personal token to own", "stranger", vec!["owner:**"]),
            ("root/whole personal token", "root", vec![]),
            ("root/personal token as a token", "root", vec![]),
        ] {
            let token = self.personal(user, &scopes).await;
            let login = match name.ends_with("as a token") {
                true => format!("Bearer {token}"),
                false => basic("AWS", &token),
            };
            self.logins.insert(name, Some(login));
        }
    }

    /// Makes what a request is about; what to call it.
    async fn make(&self, what: &str, name: &str, own: &str) -> String {
        let robot =
            |name: String, grants| json!({"command": "robot-add", "name": name, "grants": grants});
        let command = match what {
            "self" => return own.to_owned(),
            "user" => json!({"command": "user-add", "name": name}),
            "team" | "full team" => json!({"command": "team-add", "name": name}),
            "robot" => robot(name.to_owned(), json!([])),
            "own robot" => {
                robot(format!("mine+{name}"), json!([{"role": "push", "pattern": "mine/**"}]))
            }
            "strong robot" => {
                robot(format!("mine+{name}"), json!([{"role": "pull", "pattern": "them/**"}]))
            }
            "role" => json!({"command": "role-put", "name": name, "actions": ["pull"]}),
            "own grant" | "grant" => {
                let namespace = if what == "grant" { "them" } else { "mine" };
                self.grants("user:puller", "pull", &format!("{namespace}/{name}")).await;
                return name.to_owned();
            }
            "own visibility" | "visibility" => {
                let namespace = if what == "visibility" { "them" } else { "mine" };
                let pattern = format!("{namespace}/{name}");
                json!({"command": "visibility", "pattern": pattern, "visibility": "internal"})
            }
            "token" => json!({"command": "token-create", "user": "mover", "label": name}),
            _ => return name.to_owned(),
        };
        let answer = self.does(command).await;
        if what == "full team" {
            let member = json!({"command": "team-member-add", "team": name, "user": "puller"});
            self.does(member).await;
        }
        match (what, answer) {
            ("token", registry::accounts::Answer::Made { id: Some(id), .. }) => id.to_string(),
            _ => name.to_owned(),
        }
    }
}

fn request(row: &ApiRow, it: &str) -> Request {
    let request = Request::new(row.method, format!("/api/v1{}", row.path.replace("{it}", it)));
    match row.body {
        "" => request,
        body => request.with("Content-Type", "application/json").body(body.replace("{it}", it)),
    }
}

/// The status for a route's own verb, and whether it changes anything.
fn expected(row: &ApiRow, standing: Standing) -> (u16, bool) {
    match standing {
        Standing::Stranger => (401, false),
        known => {
            let status = row.statuses[known as usize - 1];
            (status, status < 300 && writes(row))
        }
    }
}

/// What every answer must be besides.
fn is_proper(answer: &Answer) -> bool {
    let challenge = answer.header("www-authenticate");
    match answer.status {
        401 => challenge == Some("Bearer realm=\"Berth API\"") && answer.code() == "UNAUTHORIZED",
        403 => challenge.is_none() && answer.code() == "DENIED",
        405 => answer.header("allow").is_some(),
        _ => challenge.is_none(),
    }
}

#[tokio::test]
async fn c1_every_caller_gets_from_the_api_what_the_manual_says() {
    let mut house = House::new().await;
    let callers = callers(&mut house).await;
    other_verbs_are_told_to_those_who_signed_in(&house, &callers).await;
    the_setup_is_closed_to_everybody(&house, &callers).await;
    let metadata = house.registry.metadata();
    let mut line = Line::new(house.registry.address());
    let (mut cases, mut wrong) = (0, Vec::new());
    for row in ROWS {
        for caller in &callers {
            cases += 1;
            let it = house.make(row.it, &format!("i{cases:05}"), caller.own).await;
            let before = everything(&*metadata).await;
            let answer = line.send(request(row, &it), caller.login.as_deref()).await;
            let changes = everything(&*metadata).await != before;
            let got = (answer.status, changes);
            let expected = expected(row, caller.standing);
            if got != expected || !is_proper(&answer) {
                let text = String::from_utf8_lossy(&answer.body);
                wrong.push(format!(
                    "{}: {} {} {} is {got:?}, not {expected:?}: {:?} {text}",
                    caller.name, row.method, row.path, row.body, answer.headers,
                ));
            }
            // What they may not do is refused alike, whether it is there or
            // not. Of robots in their own namespace owners may know.
            let is_named = !matches!(row.it, "" | "self" | "token" | "strong robot");
            if is_named && matches!(got.0, 401 | 403) {
                let absent = format!("a{cases:05}");
                let other = line.send(request(row, &absent), caller.login.as_deref()).await;
                if seen(&answer, &it) != seen(&other, &absent) {
                    let name = caller.name;
                    wrong.push(format!("{name}: {} {} tells apart", row.method, row.path));
                }
            }
        }
    }
    let shown: Vec<_> = wrong.iter().take(40).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {cases}:\n{}", wrong.len(), shown.join("\n"));
    // What was refused did not happen in a way that no version counts.
    for user in ["root", "owner", "puller", "mover"] {
        house.registry.accounts().sign_in(user, PASSWORD, None).await.unwrap();
    }
}

/// Differs after every change of access. A new token raises no version, but has
/// a number.
async fn everything(metadata: &impl AccountWalk) -> (u64, LastNumbers) {
    let numbers = metadata.last_numbers().await.unwrap();
    (metadata.access_version().await.unwrap(), LastNumbers { line: 0, ..numbers })
}

async fn other_verbs_are_told_to_those_who_signed_in(house: &House, callers: &[Caller]) {
    let mut line = Line::new(house.registry.address());
    let mut wrong = Vec::new();
    let paths: BTreeSet<_> = ROWS.iter().map(|row| row.route).collect();
    for route in paths {
        let segments = route.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
        let path = format!("/api/v1{}", segments.collect::<Vec<_>>().join("/"));
        let own: BTreeSet<_> =
            ROWS.iter().filter(|row| row.route == route).map(|row| row.method).collect();
        for method in METHODS.into_iter().filter(|method| !own.contains(method)) {
            for caller in callers {
                let request = Request::new(method, path.clone());
                let answer = line.send(request, caller.login.as_deref()).await;
                let expected = match (caller.standing, method) {
                    (Standing::Stranger, _) => 401,
                    (_, "OPTIONS") => 200,
                    _ => 405,
                };
                let allow: BTreeSet<_> = answer.header("allow").unwrap_or("").split(", ").collect();
                let tells = if expected == 401 { allow == [""].into() } else { allow == own };
                if answer.status != expected || !tells {
                    let (name, status) = (caller.name, answer.status);
                    wrong.push(format!("{name}: {method} {route} is {status} {allow:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Once there is an administrator nobody becomes one by the one-time secret.
async fn the_setup_is_closed_to_everybody(house: &House, callers: &[Caller]) {
    let mut line = Line::new(house.registry.address());
    for caller in callers {
        let body = json!({"secret": "bset_x", "name": "eve", "password": PASSWORD}).to_string();
        let request = Request::new("POST", "/api/v1/setup")
            .with("Content-Type", "application/json")
            .body(body);
        let answer = line.send(request, caller.login.as_deref()).await.expect(403);
        assert_eq!(answer.code(), "DENIED", "{}", caller.name);
    }
}
