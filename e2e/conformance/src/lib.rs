//! Conformance suite of the distribution protocol, against any registry by URL.
