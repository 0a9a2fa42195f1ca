//! The server's own table of routes beside the rows of this matrix.

use std::collections::BTreeSet;

use super::{api_rows, rows::ROWS};

/// Has no row: whoever knows the one-time secret may use it, once, and
/// [`super::api`] asks for it as everybody.
const SETUP: (&str, &str) = ("POST", "/api/v1/setup");

#[test]
fn every_route_of_the_server_has_a_row_and_every_row_a_route() {
    let served: BTreeSet<_> = server::conformance::route_table()
        .into_iter()
        .map(|row| (row.method.to_owned(), row.path))
        .collect();
    let below = ROWS.iter().flat_map(|row| row.needs.iter().map(|need| (need.0, row.path)));
    let mut written: BTreeSet<_> =
        below.map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    written.insert((SETUP.0.to_owned(), SETUP.1.to_owned()));
    for (method, path) in api_rows::routes() {
        written.insert((method.to_owned(), format!("/api/v1{path}")));
    }
    let without_a_row: Vec<_> = served.difference(&written).collect();
    let without_a_route: Vec<_> = written.difference(&served).collect();
    assert!(without_a_row.is_empty(), "nobody said who may use {without_a_row:?}");
    assert!(without_a_route.is_empty(), "the server has none of {without_a_route:?}");
}
