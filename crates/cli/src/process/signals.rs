//! What the system tells the process.

use server::TlsSource;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT end, SIGHUP reads certificates again.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Listens to signals from now on.
    pub(crate) fn new() -> Result<Self, String> {
        let on = |kind| signal(kind).map_err(|error| format!("signals: {error}"));
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    /// Returns when the process is to end.
    pub(crate) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Serves SIGHUP until the process is to end.
    pub(crate) async fn wait(&mut self, tls: Option<&TlsSource>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => match tls.map(TlsSource::reload) {
                    Some(Ok(())) => tracing::info!("the TLS certificate was reloaded"),
                    None => {}
                    Some(Err(error)) => tracing::error!(%error, "the TLS certificate could not be reloaded"),
                },
            }
        }
    }
}
