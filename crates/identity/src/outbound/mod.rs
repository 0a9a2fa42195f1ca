//! The one client for addresses that others name.
//!
//! Keys and discovery documents are fetched from where a configuration or
//! another server says. Such an address must not lead to places that only we
//! can reach. So: https alone, the name is resolved once and only checked
//! addresses are connected to, redirects are not followed, proxies of the
//! environment are not used, and time and size have bounds. Bodies of answers
//! never reach a log.

mod address;
mod cached;
mod watched;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, RequestBuilder, Url, redirect};
use thiserror::Error;

pub(crate) use cached::Cached;
pub(crate) use watched::Watched;

use crate::secret::Secret;

/// How long a request may take, from the first look-up to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const MAX_BODY: usize = 1 << 20;

/// Where requests may go besides public addresses, and whom to trust there.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Also private addresses: 10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7
    /// and loopback. Link-local ones, where clouds hand out credentials, never.
    pub private: bool,
    /// Also `http://` to this machine itself.
    pub plain_loopback: bool,
    /// A PEM file of authorities to trust besides the system's.
    pub authorities: Option<PathBuf>,
}

/// Why there is no answer. Names the address, never a secret.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum OutboundError {
    /// The client cannot be built; what about the settings.
    #[error("{0}")]
    Settings(String),
    /// The address may not be asked; why not.
    #[error("{url}: {why}")]
    Forbidden {
        /// The address.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No answer, or none that fits.
    #[error("{url}: {why}")]
    Failed {
        /// The address.
        url: String,
        /// What went wrong.
        why: String,
    },
}

/// What a server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// The client.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client,
    reach: Reach,
}

impl Outbound {
    /// A client that may go as far as `reach` says.
    pub fn new(reach: Reach) -> Result<Self, OutboundError> {
        let mut builder = Client::builder()
            .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(1)
            .dns_resolver(Arc::new(Checked {
                private: reach.private,
                loopback: reach.plain_loopback,
            }));
        if let Some(path) = &reach.authorities {
            let problem = |why: &dyn std::fmt::Display| {
                OutboundError::Settings(format!("{}: {why}", path.display()))
            };
            let pem = std::fs::read(path).map_err(|e| problem(&e))?;
            let authorities = Certificate::from_pem_bundle(&pem).map_err(|e| problem(&e))?;
            if authorities.is_empty() {
                return Err(problem(&"there is no certificate in it"));
            }
            builder = builder.tls_certs_merge(authorities);
        }
        let client = builder.build().map_err(|e| OutboundError::Settings(describe(&e)))?;
        Ok(Self { client, reach })
    }

    /// The body behind `url`, if the answer is 200.
    pub(crate) async fn get(
        &self,
        url: &str,
        bearer: Option<&Secret>,
    ) -> Result<Vec<u8>, OutboundError> {
        let mut request = self.client.get(self.check(url)?);
        if let Some(token) = bearer {
            request = request.bearer_auth(token.reveal());
        }
        let answer = self.send(url, request.header("accept", "application/json")).await?;
        if answer.status != 200 {
            let why = format!("the answer was {} instead of 200", answer.status);
            return Err(OutboundError::Failed { url: url.to_owned(), why });
        }
        Ok(answer.body)
    }

    /// Sends a form; `basic` are user and password, sent as they are.
    pub(crate) async fn post_form(
        &self,
        url: &str,
        form: String,
        basic: Option<(&str, &Secret)>,
    ) -> Result<Answer, OutboundError> {
        let mut request = self
            .client
            .post(self.check(url)?)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form);
        if let Some((user, password)) = basic {
            request = request.basic_auth(user, Some(password.reveal()));
        }
        self.send(url, request).await
    }

    async fn send(&self, url: &str, request: RequestBuilder) -> Result<Answer, OutboundError> {
        let failed = |why: String| OutboundError::Failed { url: url.to_owned(), why };
        let told = |error: reqwest::Error| failed(describe(&error.without_url()));
        let mut response = request.send().await.map_err(told)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(failed(format!("the answer has more than {MAX_BODY} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }

    /// `url` as one that may be asked. Names are checked again when they are resolved.
    pub(crate) fn check(&self, url: &str) -> Result<Url, OutboundError> {
        let forbidden = |why| OutboundError::Forbidden { url: shown(url), why };
        let parsed = Url::parse(url).map_err(|_| forbidden("it is no URL"))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(forbidden("a URL must not hold a user or a password"));
        }
        let loopback = address::is_loopback(&parsed);
        match parsed.scheme() {
            "https" => {}
            "http" if loopback && self.reach.plain_loopback => {}
            _ => return Err(forbidden("it must begin with https://")),
        }
        match address::literal(&parsed) {
            Some(ip) if !self.may_reach(ip) => {
                Err(forbidden("private and link-local addresses are not asked unless allowed"))
            }
            _ => Ok(parsed),
        }
    }

    fn may_reach(&self, ip: std::net::IpAddr) -> bool {
        Checked { private: self.reach.private, loopback: self.reach.plain_loopback }.lets(ip)
    }
}

/// What may be shown of a URL that is not accepted: it may hold a password.
fn shown(url: &str) -> String {
    let safe = url.split('@').next_back().unwrap_or_default();
    safe.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Resolves names to addresses that may be reached, and to no others.
struct Checked {
    private: bool,
    loopback: bool,
}

impl Checked {
    fn lets(&self, ip: std::net::IpAddr) -> bool {
        address::is_public(ip)
            || (self.private && address::is_private(ip))
            || (self.loopback && ip.is_loopback())
    }
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let checked = Self { private: self.private, loopback: self.loopback };
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fine: Vec<SocketAddr> = found.filter(|found| checked.lets(found.ip())).collect();
            if fine.is_empty() {
                return Err(
                    "the name leads to no address that may be asked; private ones must be \
                            allowed in the configuration"
                        .into(),
                );
            }
            Ok(Box::new(fine.into_iter()) as Addrs)
        })
    }
}

/// An error with its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
