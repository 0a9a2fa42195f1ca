//! The matrix of the REST API: each of its routes, asked by everybody from
//! strangers to the administrator of the registry.

use std::collections::BTreeSet;

use serde_json::json;
use store::AccountStore;
use testkit::{Answer, Request};

use super::callers::{House, PASSWORD};
use super::line::{Line, basic, seen};
use super::rows::METHODS;

/// How far somebody's word goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nobody, or somebody with proof that is for something else: 401.
    Stranger = 0,
    /// Somebody's personal token with scopes: they are told who they are.
    Limited,
    /// A user without any grant.
    User,
    /// A robot that may push.
    Robot,
    /// Administers `mine/**`.
    Owner,
    /// Administers everything.
    Admin,
}

/// A request with what becomes of it, for each but strangers in their order.
pub(super) struct ApiRow {
    method: &'static str,
    /// `{it}` is what it is about, `{name}` how the server's table writes it.
    path: &'static str,
    /// As the server's table writes it.
    pub route: &'static str,
    body: &'static str,
    /// What must be there before: `user`, `team`, …
    it: &'static str,
    statuses: [u16; 5],
}

const fn row(
    method: &'static str,
    route: &'static str,
    it: &'static str,
    path: &'static str,
    body: &'static str,
    statuses: [u16; 5],
) -> ApiRow {
    ApiRow { method, path, route, body, it, statuses }
}

const EVERYBODY: [u16; 5] = [200; 5];
const ADMIN: [u16; 5] = [403, 403, 403, 403, 200];
const ADMIN_MAKES: [u16; 5] = [403, 403, 403, 403, 201];
const OWNER: [u16; 5] = [403, 403, 403, 200, 200];
const OWNER_MAKES: [u16; 5] = [403, 403, 403, 201, 201];
/// Whoever has an account, as far as they may see.
const ACCOUNTS: [u16; 5] = [403, 200, 200, 200, 200];
/// The same for what robots do not have.
const USERS: [u16; 5] = [403, 200, 403, 200, 200];

#[rustfmt::skip]
const ROWS: &[ApiRow] = &[
    //                                                             what it is about, request               limited, user, robot, owner, admin
    row("GET",    "/whoami", "", "/whoami", "", EVERYBODY),
    row("GET",    "/users", "", "/users", "", ADMIN),
    row("POST",   "/users", "", "/users", r#"{"name":"{it}"}"#, ADMIN_MAKES),
    row("POST",   "/users", "", "/users", r#"{"name":"{it}","admin":true}"#, ADMIN_MAKES),
    row("GET",    "/users/{name}", "user", "/users/{it}", "", ADMIN),
    row("GET",    "/users/{name}", "self", "/users/{it}", "", USERS),
    row("DELETE", "/users/{name}", "user", "/users/{it}", "", ADMIN),
    row("PUT",    "/users/{name}/password", "user", "/users/{it}/password", r#"{"generate":true}"#, ADMIN_MAKES),
    row("PUT",    "/password", "", "/password", r#"{"generate":true,"old_password":"wrong"}"#, [403, 400, 403, 400, 400]),
    row("POST",   "/users/{name}/disable", "user", "/users/{it}/disable", "", ADMIN),
    row("POST",   "/users/{name}/enable", "user", "/users/{it}/enable", "", ADMIN),
    row("PUT",    "/users/{name}/admin", "user", "/users/{it}/admin", r#"{"admin":true}"#, ADMIN),
    row("PUT",    "/users/{name}/admin", "self", "/users/{it}/admin", r#"{"admin":true}"#, ADMIN),
    row("GET",    "/teams", "", "/teams", "", USERS),
    row("POST",   "/teams", "", "/teams", r#"{"name":"{it}"}"#, ADMIN),
    row("DELETE", "/teams/{name}", "team", "/teams/{it}", "", ADMIN),
    row("PUT",    "/teams/{team}/members/{user}", "team", "/teams/{it}/members/puller", "", ADMIN),
    row("DELETE", "/teams/{team}/members/{user}", "full team", "/teams/{it}/members/puller", "", ADMIN),
    row("GET",    "/robots", "", "/robots", "", ACCOUNTS),
    row("POST",   "/robots", "", "/robots", r#"{"name":"{it}"}"#, ADMIN_MAKES),
    row("POST",   "/robots", "", "/robots", r#"{"name":"mine+{it}"}"#, OWNER_MAKES),
    row("POST",   "/robots", "", "/robots", r#"{"name":"mine+{it}","grants":[{"role":"push","pattern":"mine/**"}]}"#, OWNER_MAKES),
    row("POST",   "/robots", "", "/robots", r#"{"name":"mine+{it}","grants":[{"role":"pull","pattern":"them/**"}]}"#, ADMIN_MAKES),
    row("POST",   "/robots", "", "/robots", r#"{"name":"them+{it}"}"#, ADMIN_MAKES),
    row("POST",   "/robots/{name*}/rotate", "robot", "/robots/{it}/rotate", "{}", ADMIN_MAKES),
    row("POST",   "/robots/{name*}/rotate", "own robot", "/robots/mine+{it}/rotate", "{}", OWNER_MAKES),
    row("POST",   "/robots/{name*}/rotate", "strong robot", "/robots/mine+{it}/rotate", "{}", ADMIN_MAKES),
    row("POST",   "/robots/{name*}/disable", "robot", "/robots/{it}/disable", "", ADMIN),
    row("POST",   "/robots/{name*}/disable", "own robot", "/robots/mine+{it}/disable", "", OWNER),
    row("POST",   "/robots/{name*}/enable", "robot", "/robots/{it}/enable", "", ADMIN),
    row("POST",   "/robots/{name*}/enable", "own robot", "/robots/mine+{it}/enable", "", OWNER),
    row("DELETE", "/robots/{name*}", "robot", "/robots/{it}", "", ADMIN),
    row("DELETE", "/robots/{name*}", "own robot", "/robots/mine+{it}", "", OWNER),
    row("GET",    "/tokens", "", "/tokens", "", USERS),
    row("GET",    "/tokens", "user", "/tokens?user={it}", "", ADMIN),
    row("POST",   "/tokens", "", "/tokens", r#"{"label":"{it}"}"#, [403, 201, 403, 201, 201]),
    row("POST",   "/tokens", "user", "/tokens", r#"{"label":"x","user":"{it}"}"#, ADMIN_MAKES),
    row("DELETE", "/tokens/{id}", "token", "/tokens/{it}", "", [403, 404, 403, 404, 200]),
    row("GET",    "/roles", "", "/roles", "", USERS),
    row("PUT",    "/roles/{name}", "", "/roles/{it}", r#"{"actions":["pull"]}"#, ADMIN),
    row("DELETE", "/roles/{name}", "role", "/roles/{it}", "", ADMIN),
    row("GET",    "/grants", "", "/grants", "", ACCOUNTS),
    row("POST",   "/grants", "", "/grants", r#"{"subject":"user:puller","role":"owner","pattern":"mine/{it}"}"#, OWNER),
    row("POST",   "/grants", "", "/grants", r#"{"subject":"anonymous","role":"pull","pattern":"them/{it}"}"#, ADMIN),
    row("POST",   "/grants", "", "/grants", r#"{"subject":"team:crew","role":"none","pattern":"*/{it}"}"#, ADMIN),
    row("DELETE", "/grants", "own grant", "/grants?subject=user:puller&role=pull&pattern=mine/{it}", "", OWNER),
    row("DELETE", "/grants", "grant", "/grants?subject=user:puller&role=pull&pattern=them/{it}", "", ADMIN),
    row("GET",    "/visibility", "", "/visibility", "", ACCOUNTS),
    row("PUT",    "/visibility", "", "/visibility", r#"{"pattern":"mine/{it}","visibility":"public"}"#, OWNER),
    row("PUT",    "/visibility", "", "/visibility", r#"{"pattern":"them/{it}","visibility":"public"}"#, ADMIN),
    row("DELETE", "/visibility", "own visibility", "/visibility?pattern=mine/{it}", "", OWNER),
    row("DELETE", "/visibility", "visibility", "/visibility?pattern=them/{it}", "", ADMIN),
    row("GET",    "/can-i", "", "/can-i?action=pull&repository=mine/{it}", "", EVERYBODY),
    row("GET",    "/can-i", "user", "/can-i?action=pull&repository=mine/x&subject=user:{it}", "", ADMIN),
    row("GET",    "/access", "", "/access", "", ADMIN),
    row("PUT",    "/access", "", "/access?dry_run=true", r#"{"users":[{"name":"{it}"}]}"#, ADMIN),
    row("PUT",    "/access", "", "/access", r#"{"users":[{"name":"{it}"}]}"#, ADMIN),
    row("GET",    "/audit", "", "/audit?limit=1", "", ADMIN),
];

/// What only shows, or finds nothing new to do, whoever may do it.
fn writes(row: &ApiRow) -> bool {
    row.method != "GET" && !row.path.contains("dry_run")
}

/// Every route and verb that has a row, as the server's table writes them.
pub(super) fn routes() -> BTreeSet<(&'static str, &'static str)> {
    ROWS.iter().map(|row| (row.method, row.route)).collect()
}

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
            let before = metadata.access_version().await.unwrap();
            let answer = line.send(request(row, &it), caller.login.as_deref()).await;
            let changes = metadata.access_version().await.unwrap() != before;
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
