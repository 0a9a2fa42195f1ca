//! Connections: slow, silent, early answered, encrypted, stopped.

pub(crate) mod certificates;
mod early;
mod http2;
mod slow;
mod stop;
mod tls;
