//! What each route asks for: by hand, as the manual and the protocol say.

/// What a method of a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing, not even to be let in: credentials are not looked at.
    Free,
    /// Nothing; credentials that prove nothing are refused all the same.
    Any,
    /// To have proved something, if only to be nobody.
    Known,
    /// To be somebody who may list repositories.
    Catalog,
    Pull,
    Push,
    Delete,
    /// The endpoint decides by itself; [`super::distribution`] says how.
    Own,
}

/// A route.
pub(super) struct Row {
    /// As the server's table writes it.
    pub path: &'static str,
    pub needs: &'static [(&'static str, Need)],
}

const fn row(path: &'static str, needs: &'static [(&'static str, Need)]) -> Row {
    Row { path, needs }
}

use Need::{Any, Catalog, Delete, Free, Known, Own, Pull, Push};

/// Every route outside of the REST API.
pub(super) const ROWS: &[Row] = &[
    row("/", &[("GET", Free), ("HEAD", Free)]),
    row("/livez", &[("GET", Free), ("HEAD", Free)]),
    row("/readyz", &[("GET", Free), ("HEAD", Free)]),
    row("/startupz", &[("GET", Free), ("HEAD", Free)]),
    row("/v2", &[("GET", Any), ("HEAD", Any)]),
    row("/v2/", &[("GET", Known), ("HEAD", Known)]),
    row("/v2/_catalog", &[("GET", Catalog), ("HEAD", Catalog)]),
    row("/v2/_oci/ext/discover", &[("GET", Known), ("HEAD", Known)]),
    row("/v2/{name}/_oci/ext/discover", &[("GET", Known), ("HEAD", Known)]),
    row("/v2/{name}/tags/list", &[("GET", Pull), ("HEAD", Pull)]),
    row("/v2/{name}/referrers/{digest}", &[("GET", Pull), ("HEAD", Pull)]),
    row(
        "/v2/{name}/manifests/{reference}",
        &[("GET", Pull), ("HEAD", Pull), ("PUT", Push), ("DELETE", Delete)],
    ),
    row("/v2/{name}/blobs/{digest}", &[("GET", Pull), ("HEAD", Pull), ("DELETE", Delete)]),
    row("/v2/{name}/blobs/uploads/", &[("POST", Push)]),
    row(
        "/v2/{name}/blobs/uploads/{id}",
        &[("GET", Push), ("HEAD", Push), ("PATCH", Push), ("PUT", Push), ("DELETE", Push)],
    ),
    row("/auth/token", &[("GET", Own), ("POST", Own)]),
    row("/auth/exchange", &[("POST", Own)]),
    row("/auth/keys", &[("GET", Free), ("HEAD", Free)]),
    row("/auth/oidc/{provider}/login", &[("GET", Own)]),
    row("/auth/oidc/{provider}/callback", &[("GET", Own)]),
];

/// What is asked of each route, those included that no route has.
pub(super) const METHODS: [&str; 8] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// What the method needs; `None` where the route does not have it.
pub(super) fn need(path: &str, method: &str) -> Option<Need> {
    let row = ROWS.iter().find(|row| row.path == path).expect("a row for the path");
    row.needs.iter().find(|(own, _)| *own == method).map(|(_, need)| *need)
}
