//! Whether the process lives, is ready, and what is wrong.

use std::collections::BTreeMap;

use http::StatusCode;
use parking_lot::RwLock;
use serde_json::json;

use crate::answer::Answer;
use crate::route::Probe;

/// Whether requests should come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet; the text says what is being done and how far it is.
    Starting(String),
    /// Yes.
    Ready,
    /// No longer: a stop was asked for.
    Stopping,
}

/// The state of the process, shared by all who report on it.
#[derive(Debug)]
pub struct Health {
    readiness: RwLock<Readiness>,
    failing: RwLock<BTreeMap<String, String>>,
    notes: RwLock<BTreeMap<String, String>>,
}

impl Health {
    /// A process that has just begun.
    pub fn starting(text: impl Into<String>) -> Self {
        Self {
            readiness: RwLock::new(Readiness::Starting(text.into())),
            failing: RwLock::default(),
            notes: RwLock::default(),
        }
    }

    /// Says how far the process is.
    pub fn set_readiness(&self, readiness: Readiness) {
        *self.readiness.write() = readiness;
    }

    /// How far the process is.
    pub fn readiness(&self) -> Readiness {
        self.readiness.read().clone()
    }

    /// Notes that a check fails, and why.
    pub fn fail(&self, check: &str, why: impl Into<String>) {
        self.failing.write().insert(check.to_owned(), why.into());
    }

    /// Notes that a check passes.
    pub fn pass(&self, check: &str) {
        self.failing.write().remove(check);
    }

    /// Notes something that an operator should see but that takes nothing out of
    /// service.
    pub fn note(&self, subject: &str, text: impl Into<String>) {
        self.notes.write().insert(subject.to_owned(), text.into());
    }

    /// Takes a note back.
    pub fn unnote(&self, subject: &str) {
        self.notes.write().remove(subject);
    }

    /// What an operator should see.
    pub fn notes(&self) -> BTreeMap<String, String> {
        self.notes.read().clone()
    }

    /// Failing checks and why they fail.
    pub fn failing(&self) -> BTreeMap<String, String> {
        self.failing.read().clone()
    }

    /// Whether any check fails.
    pub fn is_failing(&self) -> bool {
        !self.failing.read().is_empty()
    }
    /// What a probe is told, the same on every listener.
    pub(crate) fn probe(&self, probe: Probe) -> Answer {
        let (ok, text) = match (probe, self.readiness()) {
            (Probe::Live, _) => (true, "ok".to_owned()),
            (_, Readiness::Starting(text)) => (false, text),
            (Probe::Started, _) => (true, "ok".to_owned()),
            (Probe::Ready, Readiness::Stopping) => (false, "stopping".to_owned()),
            (Probe::Ready, Readiness::Ready) => (!self.is_failing(), "ok".to_owned()),
        };
        let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let (failing, notes) = (self.failing(), self.notes());
        Answer::status(status).json(&json!({ "status": text, "failing": failing, "notes": notes }))
    }
}
