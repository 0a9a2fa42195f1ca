//! Every route and verb as data, so that a test can ask for each of them as
//! everybody. The verbs are those that the routes themselves answer to, so a
//! new one appears here by itself; a new route without a line fails a test.

use crate::api::{BASE, SETUP, table};
use crate::route::Route;

/// A verb of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRow {
    /// The verb.
    pub method: &'static str,
    /// The path with its fields in braces: `{name}`, `{reference}`, `{digest}`,
    /// `{id}`, `{provider}`, and those of the REST API, of which `{field*}` may
    /// hold slashes.
    pub path: String,
    /// What the metrics call it.
    pub handler: &'static str,
    /// The command of the REST API, as its serialized form names it.
    pub command: Option<&'static str>,
}

/// Paths of all routes but the REST API, and an example of each.
const PATHS: &[(&str, &str)] = &[
    ("/", "/"),
    ("/v2", "/v2"),
    ("/v2/", "/v2/"),
    ("/v2/_catalog", "/v2/_catalog"),
    ("/v2/{name}/tags/list", "/v2/a/tags/list"),
    ("/v2/{name}/manifests/{reference}", "/v2/a/manifests/v1"),
    ("/v2/{name}/blobs/{digest}", "/v2/a/blobs/x"),
    ("/v2/{name}/blobs/uploads/", "/v2/a/blobs/uploads/"),
    ("/v2/{name}/blobs/uploads/{id}", "/v2/a/blobs/uploads/x"),
    ("/v2/{name}/referrers/{digest}", "/v2/a/referrers/x"),
    ("/v2/_oci/ext/discover", "/v2/_oci/ext/discover"),
    ("/v2/{name}/_oci/ext/discover", "/v2/a/_oci/ext/discover"),
    ("/livez", "/livez"),
    ("/readyz", "/readyz"),
    ("/startupz", "/startupz"),
    ("/auth/token", "/auth/token"),
    ("/auth/exchange", "/auth/exchange"),
    ("/auth/keys", "/auth/keys"),
    ("/auth/oidc/{provider}/login", "/auth/oidc/x/login"),
    ("/auth/oidc/{provider}/callback", "/auth/oidc/x/callback"),
];

/// All routes with all their verbs.
pub fn route_table() -> Vec<RouteRow> {
    let mut rows = Vec::new();
    for (path, example) in PATHS {
        let route = Route::parse(example, "");
        for method in route.methods(false).iter() {
            let (path, handler) = ((*path).to_owned(), route.handler());
            rows.push(RouteRow { method, path, handler, command: None });
        }
    }
    let setup = format!("{BASE}{SETUP}");
    rows.push(RouteRow { method: "POST", path: setup, handler: "api", command: None });
    rows.extend(table::ROWS.iter().map(|row| RouteRow {
        method: row.method,
        path: format!("{BASE}{}", row.path),
        handler: "api",
        command: Some(row.command),
    }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Probe;

    /// No arm of this may be a wildcard: a new route must be given a line.
    fn has_a_line(route: &Route) -> &'static str {
        match route {
            Route::Root => "/",
            Route::BaseWithoutSlash => "/v2",
            Route::Base => "/v2/",
            Route::Catalog => "/v2/_catalog",
            Route::Tags(_) => "/v2/{name}/tags/list",
            Route::Manifest(..) => "/v2/{name}/manifests/{reference}",
            Route::Blob(..) => "/v2/{name}/blobs/{digest}",
            Route::Uploads(_) => "/v2/{name}/blobs/uploads/",
            Route::Upload(..) => "/v2/{name}/blobs/uploads/{id}",
            Route::Referrers(..) => "/v2/{name}/referrers/{digest}",
            Route::Extensions => "/v2/_oci/ext/discover",
            Route::Probe(Probe::Live) => "/livez",
            Route::Probe(Probe::Ready) => "/readyz",
            Route::Probe(Probe::Started) => "/startupz",
            Route::Token => "/auth/token",
            Route::Exchange => "/auth/exchange",
            Route::Keys => "/auth/keys",
            Route::Browser(..) => "/auth/oidc/{provider}/login",
            Route::Api(_) => "/api/v1/whoami",
            Route::BadName(_) | Route::Unknown => "",
        }
    }

    #[test]
    fn every_route_has_its_lines() {
        let rows = route_table();
        let mut handlers = Vec::new();
        for (path, example) in PATHS {
            let route = Route::parse(example, "");
            assert_ne!(has_a_line(&route), "", "{path} is no route");
            assert!(rows.iter().any(|row| row.path == *path), "{path}");
            handlers.push(has_a_line(&route));
        }
        assert!(rows.iter().any(|row| row.path == "/api/v1/whoami"));
        handlers.sort_unstable();
        handlers.dedup();
        assert_eq!(handlers.len(), 18, "a route has no path here");
    }
}
