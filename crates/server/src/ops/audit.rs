//! What requests leave in the audit log: logins, what was pushed and removed,
//! and what somebody known was refused.
//!
//! The challenge that begins each pull is no refusal. Notes go into a queue:
//! no request waits for the log.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};
use parking_lot::Mutex;
use registry::access::Caller;
use registry::audit::{AuditLog, Origin};
use store::{AuditNote, Clock};

use crate::auth::TriedLogin;
use crate::route::Route;

/// For how long a caller who comes with a password each time, from the same
/// address, is the same login.
const SAME_LOGIN: Duration = Duration::from_secs(3600);
/// Logins remembered at once; more are noted again.
const MAX_LOGINS: usize = 10_000;

/// Writes the audit log of requests, if there is one.
#[derive(Default)]
pub struct Auditor(Option<Inner>);

struct Inner {
    log: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
    /// So many of 100 pulls are noted.
    percent_of_pulls: u8,
    pulls: AtomicU64,
    hasher: RandomState,
    logins: Mutex<HashMap<u64, Duration>>,
}

/// The request that a note is about.
#[derive(Clone, Copy)]
pub(crate) struct Trace<'r> {
    /// From where, as far as it is known.
    pub address: Option<&'r str>,
    /// Its id in the access log.
    pub request: &'r str,
}

impl Trace<'_> {
    /// The same for those who write lines of their own.
    pub(crate) fn origin(&self) -> Origin {
        let address = self.address.filter(|address| !address.is_empty());
        Origin { address: address.map(str::to_owned), request: Some(self.request.to_owned()) }
    }
}

impl Auditor {
    /// Writes to `log`; of 100 pulls `percent_of_pulls`, from 0 to 100.
    pub fn new(log: Arc<AuditLog>, clock: Arc<dyn Clock>, percent_of_pulls: u8) -> Self {
        let (pulls, hasher, logins) = Default::default();
        Self(Some(Inner { log, clock, percent_of_pulls, pulls, hasher, logins }))
    }

    /// Whether there is a log.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Somebody signed in at an endpoint that is for nothing else.
    pub(crate) fn login(&self, caller: &Caller, trace: Trace<'_>) {
        if let Some(inner) = self.0.as_ref().filter(|_| !caller.is_anonymous()) {
            inner.signed_in(caller, trace);
        }
    }

    /// Somebody sent a password with a request; noted once an hour and address.
    pub(crate) fn password(&self, caller: &Caller, trace: impl FnOnce() -> (String, String)) {
        let Some(inner) = self.0.as_ref().filter(|_| !caller.is_anonymous()) else { return };
        let (address, request) = trace();
        if !inner.is_new_login(caller, &address) {
            return;
        }
        let trace = Trace { address: Some(&address), request: &request };
        inner.signed_in(caller, trace);
    }

    /// Somebody could not sign in.
    pub(crate) fn failed_login(&self, tried: &TriedLogin<'_>, trace: Trace<'_>) {
        let Some(inner) = &self.0 else { return };
        let Origin { address, request } = trace.origin();
        inner.log.failed_login(AuditNote {
            at: inner.clock.now(),
            actor: tried.actor(),
            via: tried.via().to_owned(),
            address,
            action: "login".to_owned(),
            target: tried.target(),
            outcome: "refused".to_owned(),
            request,
            detail: None,
            count: 1,
        });
    }

    /// A request was answered; most leave no note. A write waits for room in
    /// the queue, a read does not.
    pub(crate) async fn done(
        &self,
        caller: &Caller,
        route: &Route,
        method: &Method,
        digest: Option<&str>,
        trace: impl FnOnce() -> (String, String),
    ) {
        let Some(inner) = &self.0 else { return };
        let (is_noted, is_read) = match (route, method.as_str()) {
            (Route::Manifest(..), "PUT" | "DELETE") | (Route::Blob(..), "DELETE") => (true, false),
            (Route::Manifest(..), "GET") => (inner.samples_pull(), true),
            _ => (false, true),
        };
        let Some(action) = action(route, method).filter(|_| is_noted) else { return };
        let (address, request) = trace();
        let trace = Trace { address: Some(&address), request: &request };
        let detail = digest.map(|digest| format!("{{\"digest\":\"{digest}\"}}"));
        let note = inner.about(caller, action, target(route), "ok", detail, trace);
        match is_read {
            true => inner.log.note(note),
            false => inner.log.note_waiting(note).await,
        }
    }

    /// A request of somebody known was refused.
    pub(crate) fn refused(
        &self,
        caller: &Caller,
        route: &Route,
        method: &Method,
        status: StatusCode,
        trace: impl FnOnce() -> (String, String),
    ) {
        let Some(inner) = self.0.as_ref().filter(|_| !caller.is_anonymous()) else { return };
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return;
        }
        if let Some(action) = action(route, method) {
            let (address, request) = trace();
            let trace = Trace { address: Some(&address), request: &request };
            inner.log.refused(inner.about(caller, action, target(route), "refused", None, trace));
        }
    }
}

impl Inner {
    /// One line a minute however often: who is let in can go on for ever.
    fn signed_in(&self, caller: &Caller, trace: Trace<'_>) {
        self.log.signed_in(self.about(caller, "login", String::new(), "ok", None, trace));
    }

    fn about(
        &self,
        caller: &Caller,
        action: &str,
        target: String,
        outcome: &str,
        detail: Option<String>,
        trace: Trace<'_>,
    ) -> AuditNote {
        let who = caller.identity();
        let Origin { address, request } = trace.origin();
        AuditNote {
            at: self.clock.now(),
            actor: who.subject.to_string(),
            via: who.via.as_str().to_owned(),
            address,
            action: action.to_owned(),
            target,
            outcome: outcome.to_owned(),
            request,
            detail,
            count: 1,
        }
    }

    fn is_new_login(&self, caller: &Caller, address: &str) -> bool {
        let who = caller.identity();
        let key = self.hasher.hash_one((&who.subject, who.via, address));
        let now = self.clock.elapsed();
        let mut logins = self.logins.lock();
        if logins.get(&key).is_some_and(|until| now < *until) {
            return false;
        }
        if logins.len() >= MAX_LOGINS {
            logins.clear();
        }
        logins.insert(key, now + SAME_LOGIN);
        true
    }

    fn samples_pull(&self) -> bool {
        self.percent_of_pulls > 0
            && is_in_sample(self.pulls.fetch_add(1, Ordering::Relaxed), self.percent_of_pulls)
    }
}

/// Whether the pull of that number is one of `percent` in 100, spread evenly: each
/// adds `percent`, and whichever fills another 100 is.
fn is_in_sample(number: u64, percent: u8) -> bool {
    let percent = u64::from(percent);
    (number % 100) * percent % 100 < percent
}

/// What a request does, as the log names it.
fn action(route: &Route, method: &Method) -> Option<&'static str> {
    Some(match (route, method.as_str()) {
        (Route::Manifest(..), "PUT") => "manifest.push",
        (Route::Manifest(..), "DELETE") => "manifest.delete",
        (Route::Manifest(..), _) => "manifest.pull",
        (Route::Blob(..), "DELETE") => "blob.delete",
        (Route::Blob(..), _) => "blob.pull",
        (Route::Uploads(_) | Route::Upload(..), _) => "blob.push",
        (Route::Tags(_), _) => "tags.list",
        (Route::Referrers(..), _) => "referrers.list",
        (Route::Catalog, _) => "catalog.list",
        _ => return None,
    })
}

/// `team/web:v1`, `team/web@sha256:…`, `team/web`.
fn target(route: &Route) -> String {
    match route {
        Route::Manifest(name, Ok(oci::Reference::Tag(tag))) => format!("{name}:{tag}"),
        Route::Manifest(name, Ok(oci::Reference::Digest(digest))) => format!("{name}@{digest}"),
        Route::Blob(name, Ok(digest)) => format!("{name}@{digest}"),
        _ => route.repository().map(ToString::to_string).unwrap_or_default(),
    }
}

impl std::fmt::Debug for Auditor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_on() { "Auditor(on)" } else { "Auditor(off)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_any_hundred_pulls_exactly_so_many_percent_are_noted() {
        for percent in 0..=100 {
            for first in [0, 1, 37, 1_000_000_007] {
                let noted = (first..first + 100).filter(|it| is_in_sample(*it, percent)).count();
                assert_eq!(noted, usize::from(percent), "{percent}% from {first}");
            }
        }
        let few: Vec<_> = (0..100).filter(|number| is_in_sample(*number, 4)).collect();
        assert_eq!(few, [0, 25, 50, 75], "not all at once");
    }

    #[test]
    fn targets_are_written_so_that_a_filter_finds_what_is_below() {
        let of = |path| target(&Route::parse(path, ""));
        assert_eq!(of("/v2/team/web/manifests/v1"), "team/web:v1");
        assert_eq!(of("/v2/team/web/blobs/uploads/"), "team/web");
        assert_eq!(of("/v2/_catalog"), "");
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(of(&format!("/v2/a/blobs/{digest}")), format!("a@{digest}"));
    }
}
