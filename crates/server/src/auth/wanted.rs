//! What a token must allow for a request: the scopes of a challenge.

use http::Method;
use oci::RepositoryName;
use registry::access::ResourceScope;

use crate::http::query::Query;
use crate::route::Route;

/// The scopes that a challenge to this request names. A mount needs to read
/// its source as well.
pub(crate) fn wanted(route: &Route, method: &Method, query: &Query<'_>) -> Vec<ResourceScope> {
    if matches!(route, Route::Catalog) {
        return vec![ResourceScope::catalog()];
    }
    let Some(name) = route.repository() else { return Vec::new() };
    let actions: &[&str] = match (route, method.as_str()) {
        // An upload that may only be read is of no use.
        (Route::Uploads(_) | Route::Upload(..), "DELETE") => &["pull", "push"],
        (_, "DELETE") => &["delete"],
        (Route::Uploads(_) | Route::Upload(..), _) | (_, "PUT" | "POST" | "PATCH") => {
            &["pull", "push"]
        }
        _ => &["pull"],
    };
    let mut scopes = vec![ResourceScope::repository(name, actions)];
    if matches!(route, Route::Uploads(_)) && query.first("mount").is_some() {
        let source = query.first("from").and_then(|from| RepositoryName::parse(from).ok());
        let source = source.filter(|source| source != name);
        scopes.extend(source.map(|source| ResourceScope::repository(&source, &["pull"])));
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(method: Method, path: &str, query: &str) -> String {
        let wanted = wanted(&Route::parse(path, ""), &method, &Query::parse(Some(query)));
        wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_verb_wants_what_the_original_wants() {
        assert_eq!(scopes(Method::GET, "/v2/", ""), "");
        assert_eq!(scopes(Method::GET, "/v2/_catalog", ""), "registry:catalog:*");
        assert_eq!(scopes(Method::HEAD, "/v2/a/b/manifests/v1", ""), "repository:a/b:pull");
        assert_eq!(scopes(Method::PUT, "/v2/a/b/manifests/v1", ""), "repository:a/b:pull,push");
        assert_eq!(scopes(Method::DELETE, "/v2/a/b/manifests/v1", ""), "repository:a/b:delete");
        assert_eq!(scopes(Method::POST, "/v2/a/blobs/uploads/", ""), "repository:a:pull,push");
        let mount = scopes(Method::POST, "/v2/a/blobs/uploads/", "mount=sha256:x&from=c/d");
        assert_eq!(mount, "repository:a:pull,push repository:c/d:pull");
    }
}
