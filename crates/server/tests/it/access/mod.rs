//! Accounts that Berth keeps: signing in, tokens, the API, what leaks and what not.

mod alike;
mod api;
mod audit;
mod browser;
mod certificates;
mod challenges;
mod forged;
mod limits;
mod secrets;
mod tokens;
mod uploads;
pub(crate) mod world;
