//! The debug listener: probes, `/debug/health`, `/debug/vars` and metrics. Off unless
//! configured; it has no authentication and shows no secret. It is the one listener
//! of a process that does duties in the background alone.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;

use crate::answer::Answer;
use crate::http::body::Body;
use crate::ops::{Health, Metrics};
use crate::route::Route;

/// `http.debug` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebugSettings {
    /// Where metrics are; `None` if they are off.
    pub metrics_path: Option<String>,
}

/// Answers on the debug listener.
#[derive(Debug)]
pub(crate) struct Debug {
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
    pub settings: DebugSettings,
}

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

impl Debug {
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let head = request.method() == Method::HEAD;
        let path = request.uri().path();
        let answer = if path == "/debug/health" {
            self.health()
        } else if path == "/debug/vars" {
            Answer::ok().json(&json!({ "version": env!("CARGO_PKG_VERSION") }))
        } else if Some(path) == self.settings.metrics_path.as_deref() {
            Answer::ok().set(CONTENT_TYPE, OPEN_METRICS).full(self.metrics.render())
        } else if let Route::Probe(probe) = Route::parse(path, "") {
            self.health.probe(probe)
        } else {
            Answer::status(StatusCode::NOT_FOUND)
        };
        answer.into_response(head)
    }

    fn health(&self) -> Answer {
        let failing = self.health.failing();
        let status =
            if failing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Answer::status(status).json(&failing)
    }
}
