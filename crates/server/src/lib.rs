//! HTTP: routes, answers, sockets, TLS.
