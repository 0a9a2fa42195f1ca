//! Keys under `auth`.

use serde_json::{Value, json};

type Row = (&'static str, &'static str, Value);

pub(super) fn providers() -> Vec<Row> {
    vec![
        ("auth.silly.realm", "R", json!("R")),
        ("auth.silly.service", "S", json!("S")),
        ("auth.htpasswd.realm", "My Realm", json!("My Realm")),
        ("auth.htpasswd.path", "/auth/htpasswd", json!("/auth/htpasswd")),
        ("auth.htpasswd.log_password", "true", json!(true)),
        ("auth.token.realm", "https://a.example/t", json!("https://a.example/t")),
        ("auth.token.service", "registry", json!("registry")),
        ("auth.token.issuer", "Acme auth server", json!("Acme auth server")),
        ("auth.token.rootcertbundle", "/c.pem", json!("/c.pem")),
        ("auth.token.jwks", "https://a.example/keys", json!("https://a.example/keys")),
        ("auth.token.signingalgorithms", "[ES256, EdDSA]", json!(["ES256", "EdDSA"])),
        ("auth.token.autoredirect", "true", json!(true)),
        ("auth.token.autoredirectpath", "/t", json!("/t")),
    ]
}

pub(super) fn berth() -> Vec<Row> {
    vec![
        ("auth.berth.issuer", "https://r.example", json!("https://r.example")),
        ("auth.berth.service", "r.example", json!("r.example")),
        ("auth.berth.token.pull_lifetime", "5m", json!("5m")),
        ("auth.berth.token.push_lifetime", "20m", json!("20m")),
        ("auth.berth.token.refresh_lifetime", "90d", json!("90d")),
        ("auth.berth.certificates.user", "email", json!("email")),
        ("auth.berth.admin.name", "ann", json!("ann")),
        ("auth.berth.admin.password", "hunter22", json!("***")),
        ("auth.berth.admin.password_file", "/run/p", json!("/run/p")),
        ("auth.berth.throttle.free", "7", json!(7)),
        ("auth.berth.throttle.window", "1h", json!("1h")),
        ("auth.berth.throttle.longest", "5m", json!("5m")),
        ("auth.berth.limits.pulls.anonymous", "100/6h", json!("100/6h")),
        ("auth.berth.limits.pulls.signed_in", "5000/d", json!("5000/1d")),
        ("auth.berth.limits.requests_per_second", "50", json!(50)),
        ("auth.berth.audit.retention", "30d", json!("30d")),
        ("auth.berth.audit.max_rows", "1000", json!(1000)),
        ("auth.berth.audit.file", "/a.jsonl", json!("/a.jsonl")),
        ("auth.berth.audit.syslog", "udp://logs:514", json!("udp://logs:514")),
        ("auth.berth.audit.pulls", "5%", json!("5%")),
        ("auth.berth.ci.0.issuer", "https://ci.example", json!("https://ci.example")),
        ("auth.berth.ci.0.audience", "r.example", json!("r.example")),
        ("auth.berth.ci.0.claims.ref", "refs/heads/*", json!("refs/heads/*")),
        ("auth.berth.ci.0.robot", "team/web+ci", json!("team/web+ci")),
        ("auth.berth.ci.0.jwks", "/keys.json", json!("/keys.json")),
        ("auth.berth.ci.0.ca", "/ca.pem", json!("/ca.pem")),
        ("auth.berth.ci.0.allow_private", "true", json!(true)),
    ]
}

pub(super) fn sources() -> Vec<Row> {
    vec![
        ("auth.berth.sources.0.name", "staff", json!("staff")),
        ("auth.berth.sources.0.path", "/auth/htpasswd", json!("/auth/htpasswd")),
        ("auth.berth.sources.0.urls", "['ldaps://b']", json!(["ldaps://b"])),
        ("auth.berth.sources.0.starttls", "true", json!(true)),
        ("auth.berth.sources.0.plain", "true", json!(true)),
        ("auth.berth.sources.0.name_attribute", "cn", json!("cn")),
        ("auth.berth.sources.0.ca", "/ca.pem", json!("/ca.pem")),
        ("auth.berth.sources.0.bind_dn", "cn=berth", json!("cn=berth")),
        ("auth.berth.sources.0.bind_password", "hunter22", json!("***")),
        ("auth.berth.sources.0.bind_password_file", "/p", json!("/p")),
        ("auth.berth.sources.0.user_base", "ou=people", json!("ou=people")),
        ("auth.berth.sources.0.user_filter", "(cn={user})", json!("(cn={user})")),
        ("auth.berth.sources.0.group_base", "ou=groups", json!("ou=groups")),
        ("auth.berth.sources.0.group_filter", "(member={dn})", json!("(member={dn})")),
        ("auth.berth.sources.0.group_attribute", "ou", json!("ou")),
        ("auth.berth.sources.0.issuer", "https://login", json!("https://login")),
        ("auth.berth.sources.0.client_id", "berth", json!("berth")),
        ("auth.berth.sources.0.client_secret", "hunter22", json!("***")),
        ("auth.berth.sources.0.client_secret_file", "/s", json!("/s")),
        ("auth.berth.sources.0.scopes", "[openid, groups]", json!(["openid", "groups"])),
        ("auth.berth.sources.0.username_claim", "email", json!("email")),
        ("auth.berth.sources.0.groups_claim", "roles", json!("roles")),
        ("auth.berth.sources.0.allow_private", "true", json!(true)),
        ("auth.berth.sources.0.token_lifetime", "7d", json!("7d")),
    ]
}

/// Keys whose base is not whole without them.
pub(super) const ALONE: [&str; 5] = [
    "auth.berth.admin.password",
    "auth.berth.admin.password_file",
    "auth.berth.sources.0.bind_dn",
    "auth.berth.sources.0.bind_password",
    "auth.berth.sources.0.bind_password_file",
];

/// What must be there beside the key.
pub(super) fn base(key: &str) -> Value {
    let (section, rest) = key.strip_prefix("auth.").and_then(|it| it.split_once('.')).unwrap();
    let berth = match rest {
        _ if section != "berth" => json!({}),
        "admin.password" => json!({"admin": {"name": "x"}}),
        "admin.password_file" => json!({"admin": {"name": "x"}}),
        _ if rest.starts_with("admin") => json!({"admin": {"name": "x", "password": "x"}}),
        _ if rest.starts_with("ci") => json!({"ci": [{
            "issuer": "https://x", "audience": "x", "claims": {"x": "x"}, "robot": "x",
        }]}),
        _ if rest.starts_with("sources") => json!({"sources": [source(rest)]}),
        _ => json!({}),
    };
    json!({"auth": match section {
        "silly" => json!({"silly": {"realm": "x", "service": "x"}}),
        "htpasswd" => json!({"htpasswd": {"path": "/x"}}),
        "token" => json!({"token": {
            "realm": "https://x", "service": "x", "issuer": "x", "rootcertbundle": "/x",
        }}),
        _ => json!({"berth": berth}),
    }})
}

fn source(key: &str) -> Value {
    let ldap = json!({"name": "x", "type": "ldap", "urls": ["ldaps://x"], "user_base": "x"});
    let oidc = json!({"name": "x", "type": "oidc", "issuer": "https://x", "client_id": "x"});
    let mut source = match key.rsplit('.').next().unwrap() {
        "issuer" | "client_id" | "client_secret" | "client_secret_file" | "scopes"
        | "username_claim" | "groups_claim" | "allow_private" | "token_lifetime" => oidc,
        "path" => json!({"name": "x", "type": "htpasswd", "path": "/x"}),
        _ => ldap,
    };
    match key.rsplit('.').next().unwrap() {
        "bind_dn" => source["bind_password"] = json!("x"),
        "bind_password" | "bind_password_file" => source["bind_dn"] = json!("x"),
        _ => {}
    }
    source
}
