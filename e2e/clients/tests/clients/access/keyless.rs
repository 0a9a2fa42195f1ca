//! A certified OpenID provider: people sign in by browser, CI jobs by the token of their job.

use std::process::Command;

use clients::accounts::Accounts;
use clients::command::{command, ok, refused};
use clients::openid::{Browser, CLIENT, Provider, SECRET};
use clients::registry::free_port;
use serde_json::json;
use tempfile::TempDir;

use super::is_about_rights;

/// A registry that trusts a provider, which knows where the registry is.
fn house() -> (Accounts, Provider, TempDir) {
    let port = free_port();
    let provider = Provider::start(&format!("http://127.0.0.1:{port}/auth/oidc/sso/callback"));
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let (issuer, secret) = (provider.issuer(), secret.display());
    let section = format!(
        "auth:\n  berth:\n    sources:\n      - name: sso\n        type: oidc\n        issuer: {issuer}\n        \
         client_id: {CLIENT}\n        client_secret_file: {secret}\n        groups_claim: groups\n        \
         username_claim: preferred_username\n        allow_private: true\n        \
         token_lifetime: 7d\n    ci:\n      \
         - issuer: {issuer}\n        audience: {CLIENT}\n        allow_private: true\n        \
         claims: {{repository: 'acme/*', ref: refs/heads/main}}\n        robot: ci\n"
    );
    let accounts = Accounts::at_port(port, &section);
    (accounts, provider, folder)
}

fn crane(home: &TempDir, arguments: &[&str]) -> Command {
    let mut crane = command("crane");
    crane.env("DOCKER_CONFIG", home.path()).args(arguments).arg("--insecure");
    crane
}

/// The first word of a page that looks like a personal token.
fn token_on(page: &str) -> String {
    let end = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let at = page.find("bpat_").unwrap_or_else(|| panic!("{page}"));
    page[at..].split(end).next().unwrap().to_owned()
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_person_signs_in_by_browser_and_their_groups_decide() {
    let (accounts, provider, _secrets) = house();
    provider.say(&json!({ "ann": { "groups": ["devs", "ops"] } }));
    accounts.grant("group:sso/devs", "developer", "team/**");
    accounts.operator(&["visibility", "open/**", "public"]);
    let begin = format!("{}/auth/oidc/sso/login", accounts.registry.url());
    let page = Browser::new().sign_in(&begin, "ann");
    assert!(page.contains("good for 7 days"), "{page}");
    let token = token_on(&page);
    let home = tempfile::tempdir().unwrap();
    let host = accounts.registry.host();
    ok(&mut crane(&home, &["auth", "login", "-u", "ann", "-p", &token, host]));
    let layer = home.path().join("layer.tar");
    std::fs::write(&layer, [0; 1024]).unwrap();
    let append = |name: &str| {
        let image = accounts.registry.image(name);
        let layer = layer.to_str().unwrap();
        crane(&home, &["append", "--new_layer", layer, "--new_tag", &image])
    };
    ok(&mut append("team/app:1"));
    is_about_rights(&refused(&mut append("other/app:1")));
    // The provider tells fewer groups at the next login: what they gave is gone, for the old token too.
    provider.say(&json!({ "ann": { "groups": ["ops"] } }));
    token_on(&Browser::new().sign_in(&begin, "ann"));
    is_about_rights(&refused(&mut append("team/app:2")));
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_job_of_the_right_branch_pushes_without_a_stored_secret() {
    let (accounts, provider, _secrets) = house();
    accounts.robot("ci");
    accounts.grant("robot:ci", "developer", "acme/**");
    let layer = tempfile::tempdir().unwrap();
    let file = layer.path().join("layer.tar");
    std::fs::write(&file, [0; 1024]).unwrap();
    let job = |repository: &str, branch: &str| {
        provider.say(&json!({ "job": { "repository": repository, "ref": branch } }));
        provider.identity_token("job")
    };
    let sign_in = |home: &TempDir, token: &str| {
        let login = ["auth", "login", "-u", "oidc", "-p", token, accounts.registry.host()];
        ok(&mut crane(home, &login));
    };
    let append = |home: &TempDir| {
        let image = accounts.registry.image("acme/app:1");
        let file = file.to_str().unwrap();
        crane(home, &["append", "--new_layer", file, "--new_tag", &image])
    };
    for (repository, branch, may) in [
        ("acme/app", "refs/heads/main", true),
        ("acme/app", "refs/heads/feature", false),
        ("evil/acme", "refs/heads/main", false),
    ] {
        let home = tempfile::tempdir().unwrap();
        sign_in(&home, &job(repository, branch));
        match may {
            true => _ = ok(&mut append(&home)),
            false => is_about_rights(&refused(&mut append(&home))),
        }
    }
}
