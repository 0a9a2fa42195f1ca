//! Stores that fail: nothing is acknowledged that is not there.

mod full;
mod push;
mod stale;
mod stale_accounts;
mod stuck;
