//! The signal to stop, as every duty sees it.

use tokio::sync::watch;

/// Tells a duty that the process is about to end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(Option<watch::Receiver<bool>>);

impl Shutdown {
    /// Stops when the channel's value becomes `true`. A sender that goes away without saying so
    /// stops nothing.
    #[must_use]
    pub fn new(signal: watch::Receiver<bool>) -> Self {
        Self(Some(signal))
    }

    /// For work that is only ended by ending the process.
    #[must_use]
    pub fn never() -> Self {
        Self(None)
    }

    /// Whether it is time to stop.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.as_ref().is_some_and(|signal| *signal.borrow())
    }

    /// Returns when it is time to stop.
    pub async fn wait(&self) {
        if let Some(signal) = &self.0
            && signal.clone().wait_for(|stop| *stop).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    /// Waits for `pause`; `false` if the signal came first.
    pub async fn sleep(&self, pause: std::time::Duration) -> bool {
        tokio::time::timeout(pause, self.wait()).await.is_err()
    }
}
