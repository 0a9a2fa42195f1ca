//! The authorization matrix: every route with every method, asked by every
//! kind of caller at every kind of repository, compared with what the manual
//! says, written down once more by hand.
//!
//! [`rights`] says who may do what where, [`rows`] what each route asks for and
//! answers, [`api_rows`] the same of the REST API. Nothing here asks the server's own
//! policy. A route of the server without a row fails, and so does a row without
//! a route.

mod api;
mod api_rows;
mod callers;
mod distribution;
mod line;
mod rights;
mod rows;
mod stage;
mod table;
mod tries;
