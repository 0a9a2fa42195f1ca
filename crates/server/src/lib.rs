//! HTTP: routes, answers, sockets, TLS.
//!
//! Knows the domain and no store adapter. [`route`] turns a path into a typed
//! route, the app asks for a grant and calls one handler in [`v2`]; one table
//! turns errors into answers. The accept loop is our own, because the ready
//! made ones leave silent and slow clients open for ever.

mod account_route;
mod answer;
mod api;
mod app;
mod asking;
mod auth;
mod call;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod dispatch;
mod endpoint;
mod failure;
mod front;
mod guard;
mod http;
mod net;
mod ops;
mod route;
mod settings;
mod token_age;
mod under_way;
mod v2;

use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response};
use hyper::body::Incoming;
use tokio::task::JoinSet;

pub use api::{ApiRefusal, ApiRequest, api_answer, api_export, api_request, setup_request};
pub use app::App;
pub use auth::{Berth, BerthOptions, CertificateName, missing_realm};
pub use auth::{Htpasswd, MadeHtpasswd, Nobody, Silly, make_missing_htpasswd};
pub use auth::{TokenOptions, TokenServer};
pub use front::Front;
pub use guard::{Guard, PullLimit, RateLimits};
pub use net::{ClientAuth, Listener, MinimumTls, TlsSettings, TlsSource};
pub use ops::{Auditor, DebugSettings, Figure, FigureKind, Health, Metrics, Readiness};
pub use settings::{BaseUrl, Network, Settings};

use crate::http::body::Body;
use crate::net::{Busy, Connections, Handler, Peer, accept_loop};
use crate::ops::Debug;

/// How often certificate files are looked at.
const TLS_POLL: Duration = Duration::from_secs(10);

/// Listeners with the service behind them; stops when told to.
pub struct Serving {
    stop: Box<dyn FnOnce() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send>,
}

impl Serving {
    /// Accepts nothing more, lets open requests finish within the drain
    /// timeout, then drops what is left.
    pub async fn stop(self) {
        (self.stop)().await;
    }
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Serving")
    }
}

/// Serves what is behind `front` on `listeners`, encrypted if there is a `tls` source.
pub fn serve(front: Arc<Front>, listeners: Vec<Listener>, tls: Option<Arc<TlsSource>>) -> Serving {
    if let Some(tls) = &tls {
        tokio::spawn(watch_certificates(tls.clone()));
    }
    let settings = front.current().settings.clone();
    start(front, listeners, tls, settings)
}

/// Serves health and metrics on the debug listener, in clear text.
pub fn serve_debug(
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    settings: DebugSettings,
    listeners: Vec<Listener>,
) -> Serving {
    let http = Settings { max_connections: 64, ..Settings::default() };
    start(Arc::new(Debug { health, metrics, settings }), listeners, None, http)
}

fn start<H: Handler>(
    handler: Arc<H>,
    listeners: Vec<Listener>,
    tls: Option<Arc<TlsSource>>,
    settings: Settings,
) -> Serving {
    let patience = settings.drain_timeout;
    let connections = Arc::new(Connections::new(handler, settings, tls));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept_loop(listener, connections.clone()));
    }
    let stop = async move {
        connections.close();
        while accepting.join_next().await.is_some() {}
        connections.drain(patience).await;
    };
    Serving { stop: Box::new(move || Box::pin(stop)) }
}

async fn watch_certificates(tls: Arc<TlsSource>) {
    let mut ticks = tokio::time::interval(TLS_POLL);
    let mut last = None;
    loop {
        ticks.tick().await;
        match tls.reload_if_changed() {
            Ok(true) => {
                tracing::info!("the TLS certificate was reloaded");
                last = None;
            }
            Ok(false) => last = None,
            // Tried again at each tick, told once.
            Err(error) if last.as_ref() == Some(&error) => {}
            Err(error) => {
                tracing::error!(%error, "the TLS certificate could not be reloaded; the old one stays");
                last = Some(error);
            }
        }
    }
}

impl Handler for Debug {
    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        _: Peer,
        _: Busy,
    ) -> Response<Body> {
        self.answer(&request)
    }
}
