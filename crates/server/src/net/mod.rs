//! Sockets: listening, TLS, time limits, and a stop that loses nobody.

mod accept;
mod certificate;
mod listener;
mod timed;
mod tls;

pub(crate) use accept::{Connections, Handler, accept_loop};
pub use listener::Listener;
pub(crate) use listener::Peer;
pub(crate) use timed::Busy;
pub use tls::{ClientAuth, MinimumTls, TlsSettings, TlsSource};
