//! For tests: a whole registry in a temporary directory, fixtures, failing stores.
