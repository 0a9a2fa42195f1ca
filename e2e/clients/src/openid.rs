//! A certified OpenID provider, `oidc-provider`, and a browser that signs in at it.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::command;
use crate::daemon::Daemon;
use crate::registry::{free_port, repository};

/// The client that the provider knows, and its secret.
pub const CLIENT: &str = "berth";
/// What the provider and its client share.
pub const SECRET: &str = "a secret between the two";

/// A running provider that lets anybody sign in by name.
#[derive(Debug)]
pub struct Provider {
    _daemon: Daemon,
    issuer: String,
    redirect: String,
    folder: TempDir,
}

/// A browser with cookies of its own.
#[derive(Debug)]
pub struct Browser {
    folder: TempDir,
}

impl Provider {
    /// Starts it for a client with this redirect URI.
    pub fn start(redirect: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let users = folder.path().join("users.json");
        std::fs::write(&users, "{}").unwrap();
        let port = free_port();
        let mut node = Command::new("node");
        node.arg(repository().join("e2e/clients/fixtures/provider.mjs"));
        node.arg(library()).arg(port.to_string()).arg(redirect).arg(&users);
        let daemon = Daemon::start(&node, &folder.path().join("log"), "KILL");
        let issuer = format!("http://127.0.0.1:{port}");
        let discovery = format!("{issuer}/.well-known/openid-configuration");
        daemon.wait_until("the OpenID provider", || ureq::get(&discovery).call().is_ok());
        Self { _daemon: daemon, issuer, redirect: redirect.to_owned(), folder }
    }

    /// Its name, which is also its address.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What it says from now on of its users beyond their names: claims by name.
    pub fn say(&self, users: &serde_json::Value) {
        std::fs::write(self.folder.path().join("users.json"), users.to_string()).unwrap();
    }

    /// An identity token as a CI job gets it: made out to [`CLIENT`].
    pub fn identity_token(&self, name: &str) -> String {
        let verifier = "a-verifier-of-more-than-forty-three-characters";
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let redirect = self.redirect.replace(':', "%3A").replace('/', "%2F");
        let begin = format!(
            "{}/auth?client_id={CLIENT}&response_type=code&scope=openid%20profile&state=x\
             &redirect_uri={redirect}&code_challenge={challenge}&code_challenge_method=S256",
            self.issuer
        );
        let end = Browser::new().sign_in_until(&begin, name, &self.redirect);
        let code = end.split(['?', '&']).find_map(|part| part.strip_prefix("code=")).unwrap();
        let user = format!("{CLIENT}:{}", SECRET.replace(' ', "+"));
        let form = [
            "grant_type=authorization_code".to_owned(),
            format!("code={code}"),
            format!("redirect_uri={}", self.redirect),
            format!("code_verifier={verifier}"),
        ];
        let token = format!("{}/token", self.issuer);
        let mut arguments = vec!["--silent", "--show-error", "--user", &user, &token];
        for field in &form {
            arguments.extend(["--data-urlencode", field]);
        }
        let said: serde_json::Value =
            serde_json::from_str(&command::run("curl", &arguments)).unwrap();
        said["id_token"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
    }
}

impl Browser {
    /// A fresh one.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Opens `url`, signs in at the provider under this name, agrees to everything, and answers the
    /// page that it ends on.
    pub fn sign_in(&self, url: &str, name: &str) -> String {
        self.walk(url, name, "").1
    }

    /// The same until the address begins with `end`, which need not answer: that address.
    fn sign_in_until(&self, url: &str, name: &str, end: &str) -> String {
        self.walk(url, name, end).0
    }

    fn walk(&self, url: &str, name: &str, end: &str) -> (String, String) {
        let (mut url, mut page) = self.open(url, &[], end);
        for _ in 0..4 {
            if !url.contains("/interaction/") || (!end.is_empty() && url.starts_with(end)) {
                break;
            }
            let login = format!("login={name}");
            let form: &[&str] = match page.contains("value=\"login\"") {
                true => &["--data", "prompt=login", "--data", &login, "--data", "password=any"],
                false => &["--data", "prompt=consent"],
            };
            (url, page) = self.open(&url, form, end);
        }
        (url, page)
    }

    /// Follows redirects as a browser does, one by one; where it came to, and what it saw there.
    fn open(&self, url: &str, form: &[&str], end: &str) -> (String, String) {
        let jar = self.folder.path().join("cookies").display().to_string();
        let (mut url, mut form) = (url.to_owned(), form);
        for _ in 0..10 {
            let begin = ["--silent", "--show-error", "--cookie", &jar, "--cookie-jar", &jar];
            let written = ["--write-out", "\n%{redirect_url}", &url];
            let said = command::run("curl", &[&begin[..], form, &written].concat());
            let (page, next) = said.rsplit_once('\n').unwrap_or((&said, ""));
            if !next.starts_with("http") {
                return (url, said.clone());
            }
            if !end.is_empty() && next.starts_with(end) {
                return (next.to_owned(), page.to_owned());
            }
            (url, form) = (next.to_owned(), &[]);
        }
        panic!("redirected without an end, last to {url}");
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

/// Beside the folder of a program's commands on PATH, where the library was installed.
fn library() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter_map(|folder| folder.parent().map(Path::to_path_buf))
        .map(|modules| modules.join("oidc-provider/lib/index.js"))
        .find(|file| file.is_file())
        .expect("oidc-provider: cargo xtask tools --install")
}
