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
use registry::audit::AuditLog;
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
    /// One pull in so many is noted; 0: none.
    pulls_one_in: u64,
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

impl Auditor {
    /// Writes to `log`; of pulls one in `pulls_one_in`, or none of them if that is 0.
    pub fn new(log: Arc<AuditLog>, clock: Arc<dyn Clock>, pulls_one_in: u64) -> Self {
        let (pulls, hasher, logins) = Default::default();
        Self(Some(Inner { log, clock, pulls_one_in, pulls, hasher, logins }))
    }

    /// Whether there is a log.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Somebody signed in at an endpoint that is for nothing else.
    pub(crate) fn login(&self, caller: &Caller, trace: Trace<'_>) {
        if let Some(inner) = self.0.as_ref().filter(|_| !caller.is_anonymous()) {
            inner.write(caller, "login", String::new(), None, trace);
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
        inner.write(caller, "login", String::new(), None, trace);
    }

    /// Somebody could not sign in.
    pub(crate) fn failed_login(&self, tried: &TriedLogin<'_>, trace: Trace<'_>) {
        let Some(inner) = &self.0 else { return };
        inner.log.failed_login(AuditNote {
            at: inner.clock.now(),
            actor: tried.actor(),
            via: tried.via().to_owned(),
            address: trace.address.filter(|address| !address.is_empty()).map(str::to_owned),
            action: "login".to_owned(),
            target: String::new(),
            outcome: "refused".to_owned(),
            request: Some(trace.request.to_owned()),
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
    fn write(
        &self,
        caller: &Caller,
        action: &str,
        target: String,
        detail: Option<String>,
        trace: Trace<'_>,
    ) {
        self.log.note(self.about(caller, action, target, "ok", detail, trace));
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
        AuditNote {
            at: self.clock.now(),
            actor: who.subject.to_string(),
            via: who.via.as_str().to_owned(),
            address: trace.address.filter(|address| !address.is_empty()).map(str::to_owned),
            action: action.to_owned(),
            target,
            outcome: outcome.to_owned(),
            request: Some(trace.request.to_owned()),
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
        self.pulls_one_in > 0
            && self.pulls.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.pulls_one_in)
    }
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
    fn targets_are_written_so_that_a_filter_finds_what_is_below() {
        let of = |path| target(&Route::parse(path, ""));
        assert_eq!(of("/v2/team/web/manifests/v1"), "team/web:v1");
        assert_eq!(of("/v2/team/web/blobs/uploads/"), "team/web");
        assert_eq!(of("/v2/_catalog"), "");
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(of(&format!("/v2/a/blobs/{digest}")), format!("a@{digest}"));
    }
}
