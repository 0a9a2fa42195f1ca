//! From a request to an answer: route, caller, grant, handler, log.
//!
//! Here is the way itself; [`crate::dispatch`] chooses the handler,
//! [`crate::asking`] says how to sign in, [`crate::account_route`] is the way to
//! everything about accounts.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
};
use hyper::body::Incoming;
use oci::ErrorCode;
use registry::Registry;
use registry::access::{Access, Authenticator, Caller, Credentials, Presented};
use store::{Clock, Random};
use tracing::Instrument;

use crate::account_route::Asking;
use crate::answer::{Answer, DOCKER_CONTENT_DIGEST};
use crate::auth::{Berth, credentials};
use crate::call::{Call, is_strangers_proxy, login_address, origin_of};
use crate::failure::Failure;
use crate::guard::Guard;
use crate::http::body::Body;
use crate::http::query::Query;
use crate::http::request_body::RequestBody;
use crate::net::{Busy, Handler, Peer};
use crate::ops::{Auditor, Health, Journal, Line, Metrics, Readiness, method_label};
use crate::route::Route;
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
    /// The accounts that Berth keeps, with their token endpoint and API;
    /// `None` with any other `auth`.
    pub accounts: Option<Arc<Berth>>,
    /// How much one client may ask for.
    pub guard: Guard,
    /// Who did what, if that is written down.
    pub auditor: Auditor,
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

/// What is found out about a request on its way, for what comes after it.
#[derive(Default)]
pub(crate) struct Notes {
    /// Who sent it, once that is known.
    pub caller: Option<Caller>,
    error: Option<(&'static str, String, Option<String>)>,
    id: OnceLock<String>,
}

impl Notes {
    /// The request's id in all logs.
    pub(crate) fn request_id(&self, random: &dyn Random) -> &str {
        self.id.get_or_init(|| {
            let mut id = [0; 8];
            random.fill(&mut id);
            id.iter().map(|b| format!("{b:02x}")).collect()
        })
    }
}

impl App {
    async fn answer(&self, request: Request<Incoming>, peer: Peer, busy: Busy) -> Response<Body> {
        let began = self.clock.elapsed();
        let (mut parts, incoming) = request.into_parts();
        // HTTP/2 and absolute request targets name the host in the URI.
        if let Some(host) = parts.uri.authority().and_then(|a| a.as_str().parse().ok()) {
            parts.headers.insert(header::HOST, host);
        }
        let route = self.route(parts.uri.path());
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
        let responding = self.respond(&parts, &peer, &route, &mut body, &mut notes);
        let result = responding.instrument(span.clone()).await;
        let answer = result.unwrap_or_else(|failure| {
            let failure = self.challenge(failure, &parts, &peer, &route, &notes);
            self.note_refusal(&failure, &parts, &peer, &route, &notes);
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
            line: self.line(&parts, &peer, &route, &response, notes),
            in_flight: Some(in_flight),
            busy: Some(busy),
        };
        response.map(|body| body.with_witness(Box::new(journal)))
    }

    fn route(&self, path: &str) -> Route {
        let route = Route::parse(path, &self.settings.prefix);
        if route.needs_accounts() && self.accounts.is_none() { Route::Unknown } else { route }
    }

    /// Headers that every answer of the API carries, the refusals too.
    fn decorate(&self, headers: &mut HeaderMap, route: &Route) {
        if !matches!(route, Route::Root | Route::Probe(_)) {
            if !route.needs_accounts() {
                headers.insert(API_VERSION, REGISTRY_2_0);
            }
            for (name, value) in &self.settings.headers {
                headers.append(name.clone(), value.clone());
            }
        }
    }

    fn line(
        &self,
        parts: &http::request::Parts,
        peer: &Peer,
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
        let request_id = notes.request_id(&*self.random).to_owned();
        Some(Line {
            request_id,
            method: parts.method.to_string(),
            uri: match route {
                // The query holds what would let others in.
                Route::Browser(..) => parts.uri.path().to_owned(),
                _ => parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            },
            host: origin.authority.unwrap_or_default(),
            remote: origin.client,
            user_agent: text(header::USER_AGENT),
            referer: text(header::REFERER),
            user: notes.caller.and_then(|caller| caller.name().map(str::to_owned)),
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
        peer: &Peer,
        route: &Route,
        body: &mut RequestBody,
        notes: &mut Notes,
    ) -> Result<Answer, Failure> {
        if parts.version == Version::HTTP_11 && !parts.headers.contains_key(header::HOST) {
            let text = "HTTP/1.1 requests need a Host header";
            return Err(Failure::bad_request(ErrorCode::Unsupported, text));
        }
        if matches!(route, Route::Root | Route::Probe(_))
            && !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS)
        {
            return Err(Failure::method(&route.methods(false), false));
        }
        if let Route::Probe(probe) = route {
            return Ok(self.health.probe(*probe));
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
        let origin = origin_of(&parts.headers, peer, &self.settings);
        let address = origin.client.map(|client| client.ip());
        self.guard.request(address)?;
        self.guard.stranger(|| {
            address.filter(|_| is_strangers_proxy(&parts.headers, peer, &self.settings))
        });
        let credentials = credentials(&parts.headers);
        let presented = Presented {
            credentials: &credentials,
            certificate: peer.certificate(),
            address: login_address(address, &parts.headers, peer, &self.settings),
        };
        if let (Some(berth), true) = (&self.accounts, route.needs_accounts()) {
            let request = Asking { parts, peer, route, presented, authority: origin.authority };
            return self.account_route(berth, request, body, notes).await;
        }
        let overtaken = self.accounts.as_ref().map_or(0, |berth| berth.accounts().overtaken());
        let found = self.authenticator.authenticate(&presented).await;
        let caller = found.inspect_err(|error| {
            self.note_failed_login(error, &credentials, parts, peer, notes);
        })?;
        if matches!(credentials, Credentials::Basic { .. }) {
            self.auditor.password(&caller, || self.trace(parts, peer, notes));
        }
        notes.caller = Some(caller.clone());
        self.guard.request_of(&caller)?;
        let call = Call {
            method: &parts.method,
            headers: &parts.headers,
            query: Query::parse(parts.uri.query()),
            caller,
            overtaken,
            peer,
            settings: &self.settings,
        };
        let answer = self.dispatch(&registry, route, &call, body).await?;
        if self.auditor.is_on() {
            let digest = answer.header(&DOCKER_CONTENT_DIGEST);
            let trace = || self.trace(parts, peer, notes);
            self.auditor.done(&call.caller, route, &parts.method, digest, trace).await;
        }
        Ok(answer)
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
