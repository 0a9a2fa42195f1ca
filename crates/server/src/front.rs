//! Who answers: one app while the registry starts, then the one that it made.

use std::sync::{Arc, OnceLock};

use http::{Request, Response};
use hyper::body::Incoming;

use crate::app::App;
use crate::http::body::Body;
use crate::net::{Busy, Handler, Peer};

/// The app that listeners ask, which changes once, between two requests.
#[derive(Debug)]
pub struct Front {
    door: Arc<App>,
    opened: OnceLock<Arc<App>>,
}

impl Front {
    /// `door` answers until another one is there.
    pub fn new(door: Arc<App>) -> Arc<Self> {
        Arc::new(Self { door, opened: OnceLock::new() })
    }

    /// `app` answers from now on. Only the first one counts.
    pub fn open(&self, app: Arc<App>) {
        let _ = self.opened.set(app);
    }

    pub(crate) fn current(&self) -> &Arc<App> {
        self.opened.get().unwrap_or(&self.door)
    }
}

impl Handler for Front {
    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
        busy: Busy,
    ) -> Response<Body> {
        self.current().clone().handle(request, peer, busy).await
    }
}
