//! One line per request, written when its answer has gone out.
//!
//! Field names are the original's: people parse them.

use std::sync::Arc;
use std::time::Duration;

use crate::http::body::Witness;
use crate::http::forwarded::ClientAddress;
use crate::net::Busy;
use crate::ops::metrics::{InFlight, Metrics, Seen};
use store::Clock;
use tracing::Level;

/// What is known about a request when its answer begins.
pub(crate) struct Journal {
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub handler: &'static str,
    pub method_label: &'static str,
    pub began: Duration,
    pub received: u64,
    pub status: u16,
    pub line: Option<Line>,
    /// Keeps the request counted among those in flight.
    pub in_flight: Option<InFlight>,
    /// Keeps the connection from counting as idle.
    pub busy: Option<Busy>,
}

/// The fields of the line.
pub(crate) struct Line {
    pub request_id: String,
    pub method: String,
    pub uri: String,
    pub host: String,
    pub remote: Option<ClientAddress>,
    pub user_agent: String,
    pub referer: String,
    pub user: Option<String>,
    pub name: String,
    pub content_type: String,
    pub error: Option<(&'static str, String, Option<String>)>,
}

impl Witness for Journal {
    fn ended(&mut self, written: u64, complete: bool) {
        let took = self.clock.elapsed().saturating_sub(self.began);
        let seen = Seen { status: self.status, took, received: self.received, sent: written };
        self.in_flight = None;
        self.metrics.end(self.handler, self.method_label, &seen);
        if let Some(line) = self.line.take() {
            line.write(&seen, complete);
        }
        self.busy = None;
    }
}

impl Line {
    fn write(&self, seen: &Seen, complete: bool) {
        let remote = self.remote.map(|client| client.to_string()).unwrap_or_default();
        let user = self.user.as_deref().unwrap_or("");
        let took = format!("{:?}", seen.took);
        let (code, message, cause) = match &self.error {
            Some((code, message, cause)) => {
                (*code, message.as_str(), cause.as_deref().unwrap_or(""))
            }
            None => ("", "", ""),
        };
        macro_rules! line {
            ($level:expr, $text:literal) => {
                tracing::event!(target: "access", $level, {
                    http.request.id = self.request_id,
                    http.request.method = self.method,
                    http.request.host = self.host,
                    http.request.uri = self.uri,
                    http.request.referer = self.referer,
                    http.request.useragent = self.user_agent,
                    http.request.remoteaddr = remote,
                    http.response.status = seen.status,
                    http.response.written = seen.sent,
                    http.response.duration = took,
                    http.response.contenttype = self.content_type,
                    vars.name = self.name,
                    auth.user.name = user,
                    err.code = code,
                    err.message = message,
                    err.detail = cause,
                }, $text)
            };
        }
        // A 404 to a pusher's HEAD is normal life; only our own failures are errors.
        match (seen.status, complete) {
            (500.., _) => line!(Level::ERROR, "response completed with error"),
            (_, false) => line!(Level::WARN, "response cut short"),
            _ => line!(Level::INFO, "response completed"),
        }
    }
}
