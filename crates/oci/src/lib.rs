//! Vocabulary of the registry: digests, names, tags, manifests; no async, no I/O.
