//! What becomes of each request of the REST API, for whom: by hand, as the
//! manual says.

use std::collections::BTreeSet;

/// How far somebody's word goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
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
    pub method: &'static str,
    /// `{it}` is what it is about, `{name}` how the server's table writes it.
    pub path: &'static str,
    /// As the server's table writes it.
    pub route: &'static str,
    pub body: &'static str,
    /// What must be there before: `user`, `team`, …
    pub it: &'static str,
    pub statuses: [u16; 5],
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
pub(super) const ROWS: &[ApiRow] = &[
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
    row("GET",    "/audit/verify", "", "/audit/verify", "", ADMIN),
];

/// What only shows, or finds nothing new to do, whoever may do it.
pub(super) fn writes(row: &ApiRow) -> bool {
    row.method != "GET" && !row.path.contains("dry_run")
}

/// Every route and verb that has a row, as the server's table writes them.
pub(super) fn routes() -> BTreeSet<(&'static str, &'static str)> {
    ROWS.iter().map(|row| (row.method, row.route)).collect()
}
