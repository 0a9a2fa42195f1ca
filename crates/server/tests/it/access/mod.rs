//! Accounts that Berth keeps: signing in, tokens, the API, what leaks and what not.

mod alike;
mod api;
mod audit;
mod browser;
mod certificates;
mod challenges;
mod emptied;
mod forged;
mod gone;
mod limits;
mod own_host;
mod secrets;
mod tokens;
mod under_way;
mod uploads;
pub(crate) mod world;
