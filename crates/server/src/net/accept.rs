//! The accept loop: hyper's builders, our own time limits and bounds.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::listener::{Listener, Peer, Socket};
use super::timed::{Activity, Busy, TimeLimits, Timed};
use super::tls::TlsSource;
use crate::http::body::Body;
use crate::settings::Settings;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client that came just before a stop has for its first request.
const FIRST_REQUEST: Duration = Duration::from_secs(1);
/// The pause after a failed accept (no descriptors left, most likely).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Pings and their answers move less than this; any transfer moves more.
const STANDING_STILL_BYTES: u64 = 64 << 10;
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// Answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// The answer to a request that came from `peer`.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
        busy: Busy,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// What all connections share.
pub(crate) struct Connections<H> {
    pub handler: Arc<H>,
    pub settings: Settings,
    pub tls: Option<Arc<TlsSource>>,
    slots: Arc<Semaphore>,
    /// Finish what is open, begin nothing.
    closing: watch::Sender<bool>,
    /// Let go at once.
    dropping: watch::Sender<bool>,
}

impl<H: Handler> Connections<H> {
    pub(crate) fn new(handler: Arc<H>, settings: Settings, tls: Option<Arc<TlsSource>>) -> Self {
        let slots = Arc::new(Semaphore::new(settings.max_connections));
        Self {
            handler,
            settings,
            tls,
            slots,
            closing: watch::Sender::new(false),
            dropping: watch::Sender::new(false),
        }
    }

    /// Tells the accept loops to end and the connections to begin nothing.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Lets open requests finish for `patience`, then drops what is left. Only
    /// for when the accept loops have ended: it takes every slot.
    pub(crate) async fn drain(&self, patience: Duration) {
        let all = u32::try_from(self.settings.max_connections).unwrap_or(u32::MAX);
        if tokio::time::timeout(patience, self.slots.acquire_many(all)).await.is_err() {
            let open = self.settings.max_connections.saturating_sub(self.slots.available_permits());
            tracing::warn!(connections = open, "stopping with open connections");
            self.dropping.send_replace(true);
            let _ =
                tokio::time::timeout(Duration::from_secs(1), self.slots.acquire_many(all)).await;
        }
    }

    fn limits(&self, head: bool) -> TimeLimits {
        TimeLimits {
            head: head.then_some(self.settings.head_timeout),
            write: self.settings.download_stall,
        }
    }
}

/// Accepts connections until a stop is asked for.
pub(crate) async fn accept_loop<H: Handler>(listener: Listener, connections: Arc<Connections<H>>) {
    let mut closing = connections.closing.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = next(&listener, &connections) => accepted,
            () = told(&mut closing) => return take_waiting(listener, &connections),
        };
        match accepted {
            Ok((socket, address, slot)) => {
                tokio::spawn(serve(connections.clone(), socket, address, slot));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The next connection, once there is a slot for it: further clients wait in
/// the kernel's queue instead of in our memory.
async fn next<H: Handler>(
    listener: &Listener,
    connections: &Connections<H>,
) -> std::io::Result<(Socket, Option<std::net::SocketAddr>, OwnedSemaphorePermit)> {
    let slot = connections.slots.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (socket, address) = listener.accept().await?;
    Ok((socket, address, slot))
}

/// Serves who has connected already: the kernel finished their handshake, so
/// they may have sent a request, and closing the listener would reset them.
/// Without a slot they stay where they are, as they would have anyway.
fn take_waiting<H: Handler>(listener: Listener, connections: &Arc<Connections<H>>) {
    let Ok(mut waiting) = listener.into_waiting() else { return };
    while let Ok(slot) = connections.slots.clone().try_acquire_owned() {
        let Some((socket, address)) = waiting.next() else { return };
        tokio::spawn(serve(connections.clone(), socket, address, slot));
    }
}

async fn serve<H: Handler>(
    connections: Arc<Connections<H>>,
    socket: Socket,
    address: Option<std::net::SocketAddr>,
    slot: OwnedSemaphorePermit,
) {
    let _slot = slot;
    let mut dropping = connections.dropping.subscribe();
    let served = async {
        match connections.tls.clone() {
            Some(tls) => serve_tls(&connections, &tls, socket, address).await,
            None => serve_clear(&connections, socket, address).await,
        }
    };
    tokio::select! {
        () = served => {}
        () = told(&mut dropping) => {}
    }
}

async fn serve_tls<H: Handler>(
    connections: &Arc<Connections<H>>,
    tls: &TlsSource,
    socket: Socket,
    address: Option<std::net::SocketAddr>,
) {
    let offer = tls.offer();
    let handshake = tokio::time::timeout(HANDSHAKE, offer.acceptor().accept(socket));
    match handshake.await {
        Ok(Ok(stream)) => {
            let session = stream.get_ref().1;
            let http2 = session.alpn_protocol() == Some(b"h2");
            let peer =
                Peer { address, tls: Some(Arc::new(offer.peer(session.peer_certificates()))) };
            if http2 {
                serve_http2(connections, stream, peer).await;
            } else {
                serve_http1(connections, stream, peer).await;
            }
        }
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

async fn serve_clear<H: Handler>(
    connections: &Arc<Connections<H>>,
    socket: Socket,
    address: Option<std::net::SocketAddr>,
) {
    let peer = Peer { address, tls: None };
    let http2 = connections.settings.h2c
        && tokio::select! {
            http2 = begins_http2(&socket, connections.settings.idle_timeout) => http2,
            () = too_late(connections) => return,
        };
    if http2 {
        serve_http2(connections, socket, peer).await;
    } else {
        serve_http1(connections, socket, peer).await;
    }
}

async fn begins_http2(socket: &Socket, patience: Duration) -> bool {
    let mut first = [0; HTTP2_PREFACE.len()];
    let peeked = tokio::time::timeout(patience, socket.peek(&mut first)).await;
    matches!(peeked, Ok(Ok(read)) if read >= 3 && first.get(..read) == HTTP2_PREFACE.get(..read))
}

async fn serve_http1<H, S>(connections: &Arc<Connections<H>>, stream: S, peer: Peer)
where
    H: Handler,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::default());
    let io = TokioIo::new(Timed::new(stream, activity.clone(), connections.limits(true)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(connections.settings.idle_timeout)
        // Scripts that grep headers know them as the original writes them.
        .title_case_headers(true)
        .serve_connection(io, service(connections, activity.clone(), peer));
    finish(connection, connections, &activity).await;
}

async fn serve_http2<H, S>(connections: &Arc<Connections<H>>, stream: S, peer: Peer)
where
    H: Handler,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::default());
    let io = TokioIo::new(Timed::new(stream, activity.clone(), connections.limits(false)));
    // Bounds against floods of streams and resets; windows wide enough for a
    // push over a long link.
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_pending_accept_reset_streams(32)
        .max_local_error_reset_streams(128)
        .max_header_list_size(64 << 10)
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .keep_alive_interval(connections.settings.idle_timeout / 2)
        .keep_alive_timeout(connections.settings.head_timeout)
        .serve_connection(io, service(connections, activity.clone(), peer));
    tokio::select! {
        () = finish(connection, connections, &activity) => {}
        () = stands_still(&activity, connections.settings.download_stall) => {
            tracing::debug!("a connection whose streams move nothing was dropped");
        }
    }
}

/// Passes requests to the handler; each counts as activity until it is answered.
fn service<H: Handler>(
    connections: &Connections<H>,
    activity: Arc<Activity>,
    peer: Peer,
) -> impl Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<H>,
> + use<H> {
    let handler = connections.handler.clone();
    service_fn(move |request| {
        let (handler, peer, busy) = (handler.clone(), peer.clone(), activity.begin());
        async move { Ok(handler.handle(request, peer, busy).await) }
    })
}

/// Drives a connection to its end; when a stop is asked for, it begins nothing
/// new, but for the first request of a client that has just come.
async fn finish<H, C>(connection: C, connections: &Connections<H>, activity: &Activity)
where
    C: GracefulConnection,
    C::Error: std::fmt::Display,
{
    let mut connection = std::pin::pin!(connection);
    let mut closing = connections.closing.subscribe();
    let ends = async {
        told(&mut closing).await;
        let _ = tokio::time::timeout(FIRST_REQUEST, activity.first()).await;
    };
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = ends => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

/// Returns when a client that has sent nothing is not waited for any longer.
async fn too_late<H>(connections: &Connections<H>) {
    told(&mut connections.closing.subscribe()).await;
    tokio::time::sleep(FIRST_REQUEST).await;
}

/// Returns when requests are open and next to nothing has moved for `patience`.
/// Streams wait for windows that the client opens, not for the socket, so the
/// limit on writes sees nothing of it.
async fn stands_still(activity: &Activity, patience: Duration) {
    let mut before = (activity.begun(), activity.moved());
    loop {
        tokio::time::sleep(patience).await;
        let now = (activity.begun(), activity.moved());
        let still = now.0 == before.0 && now.1.saturating_sub(before.1) < STANDING_STILL_BYTES;
        if activity.is_busy() && still {
            return;
        }
        before = now;
    }
}

/// Waits until the switch is on (or nobody can turn it on any more).
async fn told(switch: &mut watch::Receiver<bool>) {
    let _ = switch.wait_for(|on| *on).await;
}
