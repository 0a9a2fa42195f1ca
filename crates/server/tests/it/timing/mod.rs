//! C17: a stopwatch does not tell who and what is there.
//!
//! Each test asks two things of a real registry that must not be told apart,
//! 10,000 times each, in a random order over one kept connection, and compares
//! the two lists of times with Welch's t-test. They take half a minute and a
//! quiet machine, so a plain `cargo test` passes them over:
//! `cargo test -p server --test it -- --ignored --test-threads=1 timing::`.

mod repositories;
mod sign_in;
mod welch;
