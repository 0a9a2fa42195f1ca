//! From a request to an answer: route, caller, grant, handler, log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
};
use hyper::body::Incoming;
use oci::ErrorCode;
use registry::Registry;
use registry::access::{Access, Authenticator};
use serde_json::json;
use store::{Clock, Random};
use tracing::Instrument;

use crate::answer::Answer;
use crate::auth::credentials;
use crate::call::{Call, origin_of};
use crate::failure::Failure;
use crate::http::body::Body;
use crate::http::query::Query;
use crate::http::request_body::RequestBody;
use crate::net::{Busy, Handler, Peer};
use crate::ops::{Health, Journal, Metrics, Readiness};
use crate::ops::{Line, method_label};
use crate::route::{Probe, Route};
use crate::settings::Settings;
use crate::v2;

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const REGISTRY_2_0: HeaderValue = HeaderValue::from_static("registry/2.0");

/// Everything that an answer needs.
pub struct App {
    /// The registry; `None` until it is ready.
    pub registry: parking_lot::RwLock<Option<Arc<Registry>>>,
    /// Who may do what.
    pub access: Access,
    /// Who is asking.
    pub authenticator: Arc<dyn Authenticator>,
    /// Switches and bounds.
    pub settings: Settings,
    /// Whether writes are refused for now, as `Settings::read_only` does for good.
    pub frozen: AtomicBool,
    /// Lives, ready, failing?
    pub health: Arc<Health>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Request ids.
    pub random: Arc<dyn Random>,
}

/// What the log wants to know beyond the answer.
#[derive(Default)]
struct Notes {
    user: Option<String>,
    error: Option<(&'static str, String, Option<String>)>,
}

impl App {
    async fn answer(&self, request: Request<Incoming>, peer: Peer, busy: Busy) -> Response<Body> {
        let began = self.clock.elapsed();
        let (mut parts, incoming) = request.into_parts();
        // HTTP/2 and absolute request targets name the host in the URI.
        if let Some(host) = parts.uri.authority().and_then(|a| a.as_str().parse().ok()) {
            parts.headers.insert(header::HOST, host);
        }
        let route = Route::parse(parts.uri.path(), &self.settings.prefix);
        let handler = route.handler();
        let in_flight = self.metrics.begin(handler);
        let waits = parts.headers.contains_key(header::EXPECT);
        let mut body = RequestBody::new(incoming, self.settings.upload_stall, waits);
        let mut notes = Notes::default();
        let span = tracing::info_span!(
            target: "trace",
            "http.request",
            otel.name = handler,
            otel.kind = "server",
            http.request.method = %parts.method,
            url.path = parts.uri.path(),
            http.response.status_code = tracing::field::Empty,
        );
        let responding = self.respond(&parts, peer, &route, &mut body, &mut notes);
        let result = responding.instrument(span.clone()).await;
        let answer = result.unwrap_or_else(|failure| {
            let failure = failure.challenge(self.authenticator.challenge().as_deref());
            notes.error =
                Some((failure.code(), failure.message().to_owned(), failure.cause.clone()));
            failure.into_answer()
        });
        let received = body.received();
        body.drain();
        let mut response = answer.into_response(parts.method == Method::HEAD);
        self.decorate(response.headers_mut(), &route);
        span.record("http.response.status_code", response.status().as_u16());
        let journal = Journal {
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            handler,
            method_label: method_label(&parts.method),
            began,
            received,
            status: response.status().as_u16(),
            line: self.line(&parts, peer, &route, &response, notes),
            in_flight: Some(in_flight),
            busy: Some(busy),
        };
        response.map(|body| body.with_witness(Box::new(journal)))
    }

    /// Headers that every answer of the API carries, the refusals too.
    fn decorate(&self, headers: &mut HeaderMap, route: &Route) {
        if !matches!(route, Route::Root | Route::Probe(_)) {
            headers.insert(API_VERSION, REGISTRY_2_0);
            for (name, value) in &self.settings.headers {
                headers.append(name.clone(), value.clone());
            }
        }
    }

    fn line(
        &self,
        parts: &http::request::Parts,
        peer: Peer,
        route: &Route,
        response: &Response<Body>,
        notes: Notes,
    ) -> Option<Line> {
        let failed = response.status().is_server_error();
        if !failed && (!self.settings.access_log || matches!(route, Route::Probe(_))) {
            return None;
        }
        let origin = origin_of(&parts.headers, peer, &self.settings);
        let text = |name| {
            parts
                .headers
                .get(name)
                .and_then(|v: &HeaderValue| v.to_str().ok())
                .unwrap_or("")
                .to_owned()
        };
        let mut id = [0; 8];
        self.random.fill(&mut id);
        Some(Line {
            request_id: id.iter().map(|b| format!("{b:02x}")).collect(),
            method: parts.method.to_string(),
            uri: parts.uri.path_and_query().map(|p| p.as_str().to_owned()).unwrap_or_default(),
            host: origin.authority.unwrap_or_default(),
            remote: origin.client,
            user_agent: text(header::USER_AGENT),
            referer: text(header::REFERER),
            user: notes.user,
            name: route.repository().map(|name| name.as_str().to_owned()).unwrap_or_default(),
            content_type: response
                .headers()
                .get(header::CONTENT_TYPE)
                .and_then(|v| v.to_str().ok())
                .unwrap_or("")
                .to_owned(),
            error: notes.error,
        })
    }

    async fn respond(
        &self,
        parts: &http::request::Parts,
        peer: Peer,
        route: &Route,
        body: &mut RequestBody,
        notes: &mut Notes,
    ) -> Result<Answer, Failure> {
        if parts.version == Version::HTTP_11 && !parts.headers.contains_key(header::HOST) {
            let text = "HTTP/1.1 requests need a Host header";
            return Err(Failure::bad_request(ErrorCode::Unsupported, text));
        }
        if let Route::Probe(probe) = route {
            return Ok(self.probe(*probe));
        }
        let registry = self.registry.read().clone();
        let Some(registry) = registry else { return Err(self.not_ready()) };
        if self.health.is_failing() {
            return Err(Failure::unavailable(
                "a health check fails; /debug/health says which".into(),
                10,
            ));
        }
        if matches!(route, Route::Root) {
            return Ok(v2::base::root());
        }
        let caller = self.authenticator.authenticate(&credentials(&parts.headers)).await?;
        notes.user = caller.name().map(str::to_owned);
        let call = Call {
            method: &parts.method,
            headers: &parts.headers,
            query: Query::parse(parts.uri.query()),
            caller,
            peer,
            settings: &self.settings,
        };
        self.dispatch(&registry, route, &call, body).await
    }

    async fn dispatch(
        &self,
        registry: &Arc<Registry>,
        route: &Route,
        call: &Call<'_>,
        body: &mut RequestBody,
    ) -> Result<Answer, Failure> {
        let (access, caller) = (&self.access, &call.caller);
        // What is wrong with a path is told only to those who may talk to us.
        match route {
            Route::Unknown => {
                access.service(caller)?;
                return Err(Failure::not_found(
                    ErrorCode::Unsupported,
                    "there is nothing at this path",
                ));
            }
            Route::BadName(error) => {
                access.service(caller)?;
                return Err(Failure::bad_request(ErrorCode::NameInvalid, error.to_string()));
            }
            _ => {}
        }
        let is_read_only = self.settings.read_only || self.frozen.load(Ordering::Acquire);
        let methods = route.methods(is_read_only);
        if call.method == Method::OPTIONS {
            access.service(caller)?;
            return Ok(Answer::ok().text(header::ALLOW, methods.join(", ")));
        }
        if !methods.contains(&call.method.as_str()) {
            access.service(caller)?;
            let read_only = is_read_only && route.methods(false).contains(&call.method.as_str());
            return Err(Failure::method(methods, read_only));
        }
        match (route, call.method.as_str()) {
            (Route::BaseWithoutSlash, _) => Ok(v2::base::redirect(call)),
            (Route::Base, _) => {
                access.service(caller)?;
                Ok(v2::base::get())
            }
            (Route::Extensions, _) => {
                access.service(caller)?;
                Ok(v2::base::extensions())
            }
            (Route::Catalog, _) => v2::catalog::get(registry, &access.catalog(caller)?, call).await,
            (Route::Tags(name), _) => {
                v2::tags::get(registry, access.pull(caller, name.clone())?, call).await
            }
            (Route::Referrers(name, digest), _) => {
                v2::referrers::get(registry, &access.pull(caller, name.clone())?, call, digest)
                    .await
            }
            (Route::Manifest(name, reference), "PUT") => {
                v2::manifests::put(
                    registry,
                    &access.push(caller, name.clone())?,
                    call,
                    reference,
                    body,
                )
                .await
            }
            (Route::Manifest(name, reference), "DELETE") => {
                v2::manifests::delete(registry, &access.delete(caller, name.clone())?, reference)
                    .await
            }
            (Route::Manifest(name, reference), _) => {
                v2::manifests::get(registry, &access.pull(caller, name.clone())?, call, reference)
                    .await
            }
            (Route::Blob(name, digest), "DELETE") => {
                v2::blobs::delete(registry, &access.delete(caller, name.clone())?, digest).await
            }
            (Route::Blob(name, digest), _) => {
                v2::blobs::get(registry, &access.pull(caller, name.clone())?, call, digest).await
            }
            (Route::Uploads(name), _) => {
                v2::uploads::post(registry, access, &access.push(caller, name.clone())?, call, body)
                    .await
            }
            (Route::Upload(name, id), "PATCH") => {
                v2::uploads::patch(registry, &access.push(caller, name.clone())?, call, id, body)
                    .await
            }
            (Route::Upload(name, id), "PUT") => {
                v2::uploads::put(registry, &access.push(caller, name.clone())?, call, id, body)
                    .await
            }
            (Route::Upload(name, id), "DELETE") => {
                v2::uploads::delete(registry, &access.push(caller, name.clone())?, id).await
            }
            (Route::Upload(name, id), _) => {
                v2::uploads::get(registry, &access.push(caller, name.clone())?, call, id).await
            }
            (Route::Root | Route::Probe(_) | Route::Unknown | Route::BadName(_), _) => {
                Err(Failure::method(methods, false))
            }
        }
    }

    fn probe(&self, probe: Probe) -> Answer {
        let readiness = self.health.readiness();
        let (ok, text) = match (&probe, &readiness) {
            (Probe::Live, _) => (true, "ok".to_owned()),
            (_, Readiness::Starting(text)) => (false, text.clone()),
            (Probe::Started, _) => (true, "ok".to_owned()),
            (Probe::Ready, Readiness::Stopping) => (false, "stopping".to_owned()),
            (Probe::Ready, Readiness::Ready) => (!self.health.is_failing(), "ok".to_owned()),
        };
        let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let (failing, notes) = (self.health.failing(), self.health.notes());
        Answer::status(status).json(&json!({ "status": text, "failing": failing, "notes": notes }))
    }

    fn not_ready(&self) -> Failure {
        let text = match self.health.readiness() {
            Readiness::Starting(text) => format!("the registry is starting: {text}"),
            Readiness::Ready | Readiness::Stopping => "the registry is stopping".to_owned(),
        };
        Failure::unavailable(text, 5)
    }
}

impl Handler for App {
    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
        busy: Busy,
    ) -> Response<Body> {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return self.answer(request, peer, busy).await;
        }
        // A write goes on when the client hangs up: what arrived is noted, so
        // that the client can resume, and nothing stops half-way.
        let writing = tokio::spawn(async move { self.answer(request, peer, busy).await });
        writing.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a request handler failed");
            let failure = Failure::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                ErrorCode::Unknown,
                "internal error",
            );
            failure.into_answer().into_response(false)
        })
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}
