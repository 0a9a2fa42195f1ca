//! The accounts of a registry elsewhere, over its REST API.

use std::path::Path;
use std::time::Duration;

use identity::Secret;
use registry::accounts::{Answer, Command};
use reqwest::{Certificate, Client, Method, Url, redirect};
use server::{ApiRefusal, ApiRequest};

use crate::args::access::At;

use super::password::in_file;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// A registry elsewhere.
pub(super) struct Remote {
    client: Client,
    /// Scheme, host and `http.prefix`, without a final slash.
    base: String,
    proof: Proof,
}

/// What is shown there.
enum Proof {
    /// A personal token.
    Token(Secret),
    /// A name with a password, or a personal token in its place.
    Basic(String, Secret),
    /// Nothing: what is asked proves itself.
    Nothing,
}

impl Remote {
    pub(super) fn new(server: &str, at: &At) -> Result<Self, String> {
        Self::with(server, at, proof(at)?)
    }

    /// The same without showing who asks.
    pub(super) fn anonymous(server: &str, at: &At) -> Result<Self, String> {
        Self::with(server, at, Proof::Nothing)
    }

    fn with(server: &str, at: &At, proof: Proof) -> Result<Self, String> {
        let base = base(server)?;
        let mut client = Client::builder()
            .timeout(TIMEOUT)
            // What is shown is for this server and no other.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &at.ca_file {
            for authority in authorities(path)? {
                client = client.add_root_certificate(authority);
            }
        }
        let client = client.build().map_err(|error| format!("the client cannot start: {error}"))?;
        Ok(Self { client, base, proof })
    }

    /// Does one thing there.
    pub(super) async fn ask(&self, command: Command) -> Result<Answer, String> {
        let request = server::api_request(&command)?;
        match command {
            Command::Export => self.exchange(request, server::api_export).await,
            _ => self.send(request).await,
        }
    }

    /// Sends a request of the API.
    pub(super) async fn send(&self, request: ApiRequest) -> Result<Answer, String> {
        self.exchange(request, server::api_answer).await
    }

    async fn exchange(
        &self,
        request: ApiRequest,
        understood: fn(u16, &[u8]) -> Result<Answer, ApiRefusal>,
    ) -> Result<Answer, String> {
        let url = format!("{}{}", self.base, request.path);
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|e| e.to_string())?;
        let mut asked = self.client.request(method, &url).header("accept", "application/json");
        asked = match &self.proof {
            Proof::Token(token) => asked.bearer_auth(token.reveal()),
            Proof::Basic(name, password) => asked.basic_auth(name, Some(password.reveal())),
            Proof::Nothing => asked,
        };
        if let Some(body) = request.body {
            asked = asked.header("content-type", "application/json").body(body);
        }
        let answered = asked.send().await.map_err(|error| self.unreachable(&error))?;
        let status = answered.status();
        let body = read(answered).await.map_err(|error| format!("{}: {error}", self.base))?;
        understood(status.as_u16(), &body).map_err(|refusal| match refusal {
            ApiRefusal::Command(error) => error.to_string(),
            ApiRefusal::Other { status: 404, .. } => {
                format!("{}: knows no accounts; is it Berth, with auth: berth?", self.base)
            }
            other => format!("{}: {other}", self.base),
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> String {
        let mut text = format!("{}: ", self.base);
        // The cause says more than that there was one.
        let mut cause: &dyn std::error::Error = error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        text.push_str(&cause.to_string());
        if text.contains("certificate") || text.contains("UnknownIssuer") {
            text.push_str("; name its authority with --ca-file");
        }
        text
    }
}

async fn read(mut answered: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answered.chunk().await.map_err(|error| error.to_string())? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
            return Err(format!("its answer is larger than {} MiB", MAX_ANSWER >> 20));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn base(server: &str) -> Result<String, String> {
    let wrong = |why: &str| {
        Err(format!("--server: {server:?} {why}; write it as https://registry.example.org"))
    };
    let Ok(url) = Url::parse(server) else { return wrong("is no address") };
    let this_machine = match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
        None => return wrong("names no host"),
    };
    match url.scheme() {
        "https" => {}
        "http" if this_machine => {}
        "http" => return wrong("would show the credential to everybody on the way"),
        _ => return wrong("is no address of a registry"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "--server: a password does not belong into the address, which others see; use \
                    --as and --as-password-file"
                .to_owned(),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("has more than a host and a path");
    }
    Ok(server.trim_end_matches('/').to_owned())
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let shown = path.display();
    let pem = std::fs::read(path).map_err(|error| format!("--ca-file: {shown}: {error}"))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(format!("--ca-file: {shown}: holds no certificate in PEM form")),
        Err(error) => Err(format!("--ca-file: {shown}: {error}")),
    }
}

fn proof(at: &At) -> Result<Proof, String> {
    if let Some(path) = &at.token_file {
        return in_file(path).map(Proof::Token);
    }
    match (&at.as_name, &at.as_password_file) {
        (Some(name), Some(path)) => return in_file(path).map(|it| Proof::Basic(name.clone(), it)),
        (Some(_), None) => return Err("--as needs --as-password-file".to_owned()),
        (None, Some(_)) => return Err("--as-password-file needs --as NAME".to_owned()),
        (None, None) => {}
    }
    match std::env::var("BERTH_TOKEN") {
        Ok(token) if !token.is_empty() => Ok(Proof::Token(Secret::new(token))),
        _ => {
            Err("a registry elsewhere wants to know who asks; give --token-file, BERTH_TOKEN, or \
                  --as with --as-password-file; `berth token create` makes a token"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_encrypted_addresses_only() {
        for good in [
            "https://r.example",
            "https://r.example:5000/registry/",
            "http://localhost:5000",
            "http://127.0.0.1:5000",
            "http://[::1]:5000",
        ] {
            assert_eq!(base(good).unwrap(), good.trim_end_matches('/'));
        }
        for (bad, said) in [
            ("r.example", "no address"),
            ("http://r.example", "everybody on the way"),
            ("http://localhost.evil.example", "everybody on the way"),
            ("ftp://r.example", "no address of a registry"),
            ("https://u:p@r.example", "--as-password-file"),
            ("https://r.example/?x", "more than a host"),
        ] {
            assert!(base(bad).unwrap_err().contains(said), "{bad}");
        }
    }
}
