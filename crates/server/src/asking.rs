//! What a refused client is told about signing in.

use http::uri::Authority;
use http::{StatusCode, Version};
use registry::access::{
    Asked, AuthenticationError, Challenge, ChallengeReason, Credentials, ResourceScope, Via,
};
use serde_json::{Value, json};

use crate::app::{App, Notes};
use crate::auth::{TriedLogin, token_could_help, wanted};
use crate::call::{forwards, origin_of};
use crate::failure::Failure;
use crate::http::forwarded::is_host;
use crate::http::query::Query;
use crate::net::Peer;
use crate::ops::Trace;
use crate::route::Route;

impl App {
    /// Asks the client to sign in, if that is what the failure is about.
    pub(crate) fn challenge(
        &self,
        failure: Failure,
        parts: &http::request::Parts,
        peer: &Peer,
        route: &Route,
        notes: &Notes,
    ) -> Failure {
        let Some(reason) = failure.asking else { return failure };
        let reason = match (reason, notes.caller.as_ref().map(|caller| caller.identity().via)) {
            // Nobody's token, which allows too little.
            (ChallengeReason::NoCredentials, Some(Via::Bearer)) => ChallengeReason::Insufficient,
            // No token allows more than the password that was sent.
            (ChallengeReason::Insufficient, Some(via)) if !token_could_help(via) => {
                return failure.challenged(None);
            }
            (reason, _) => reason,
        };
        let scopes = wanted(route, &parts.method, &Query::parse(parts.uri.query()));
        let challenge = Challenge { reason, scopes: &scopes, asked: self.asked(parts, peer) };
        let challenge = self.authenticator.challenge(&challenge);
        let failure = failure.challenged(challenge.as_deref());
        match failure.status {
            StatusCode::UNAUTHORIZED if challenge.is_some() => failure.detail(detail(&scopes)),
            _ => failure,
        }
    }

    /// How the client reached us. No part of it is what a stranger claims: a
    /// host counts only where something else vouches for it.
    pub(crate) fn asked<'r>(&self, parts: &'r http::request::Parts, peer: &Peer) -> Asked<'r> {
        let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let host = host.filter(|host| is_host(host));
        let address = peer.address.map(|address| address.ip());
        let trusted = &self.settings.trusted_proxies;
        let is_behind_proxy = address.is_none_or(|ip| trusted.iter().any(|it| it.contains(ip)));
        // An undeclared proxy on this machine must not be taken for a client
        // here. It gives itself away by a header, by the host that it was
        // asked for, or by the version that proxies speak by default.
        let is_direct = !forwards(&parts.headers) && parts.version >= Version::HTTP_11;
        let is_here = address.is_some_and(|ip| ip.is_loopback()) && host.is_some_and(is_loopback);
        // Registries are asked over https, unless a declared proxy says otherwise.
        let origin = origin_of(&parts.headers, peer, &self.settings);
        let tells = ["forwarded", "x-forwarded-proto"];
        let is_told = is_behind_proxy && tells.iter().any(|it| parts.headers.contains_key(*it));
        Asked {
            scheme: if is_told && origin.scheme == "http" { "http" } else { "https" },
            authority: host,
            is_our_tls: match (&peer.tls, host) {
                (Some(tls), Some(host)) => tls.names.cover(host),
                _ => false,
            },
            is_behind_proxy,
            is_loopback: is_here && is_direct && peer.tls.is_none(),
        }
    }

    /// Writes down that somebody could not sign in.
    pub(crate) fn note_failed_login(
        &self,
        error: &AuthenticationError,
        credentials: &Credentials,
        parts: &http::request::Parts,
        peer: &Peer,
        notes: &Notes,
    ) {
        let is_refusal =
            matches!(error, AuthenticationError::Invalid | AuthenticationError::Throttled { .. });
        // Tokens end all the time; only who claims a name is worth a line.
        if let (true, true, Some(tried @ TriedLogin::Password(_))) =
            (self.auditor.is_on(), is_refusal, TriedLogin::of(credentials))
        {
            let (address, request) = self.trace(parts, peer, notes);
            let trace = Trace { address: Some(&address), request: &request };
            self.auditor.failed_login(&tried, trace);
        }
    }

    /// Writes down that somebody known was refused something.
    pub(crate) fn note_refusal(
        &self,
        failure: &Failure,
        parts: &http::request::Parts,
        peer: &Peer,
        route: &Route,
        notes: &Notes,
    ) {
        let Some(caller) = &notes.caller else { return };
        let trace = || self.trace(parts, peer, notes);
        self.auditor.refused(caller, route, &parts.method, failure.status, trace);
    }

    /// From where a request came, and its id in the logs.
    pub(crate) fn trace(
        &self,
        parts: &http::request::Parts,
        peer: &Peer,
        notes: &Notes,
    ) -> (String, String) {
        let origin = origin_of(&parts.headers, peer, &self.settings);
        let address = origin.client.map(|client| client.ip().to_string()).unwrap_or_default();
        (address, notes.request_id(&*self.random).to_owned())
    }
}

/// What is wanted, one line for each action, as the original lists it.
fn detail(scopes: &[ResourceScope]) -> Value {
    let single =
        |scope: &ResourceScope| {
            let (kind, name) = (scope.kind.clone(), scope.name.clone());
            scope.actions.clone().into_iter().map(
                move |action| json!({ "Type": kind, "Class": "", "Name": name, "Action": action }),
            )
        };
    let lines: Vec<_> = scopes.iter().flat_map(single).collect();
    if lines.is_empty() { Value::Null } else { Value::from(lines) }
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["reg.example", "localhost.evil", "128.0.0.1", "", "[::2]", "localhost@evil"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
