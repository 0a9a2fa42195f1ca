//! Path → route: one pure function, tested as a table.
//!
//! Repository names contain slashes, so a path is read from its right end. A
//! route carries parsed types; what does not parse is kept as the error it is,
//! because the right answer depends on the verb.

use std::borrow::Cow;

use oci::{Digest, DigestError, ErrorCode, NameError, Reference, ReferenceError, RepositoryName};
use percent_encoding::percent_decode_str;
use store::UploadId;

use crate::api;

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/`: liveness, as the original answers it.
    Root,
    /// `/v2`: redirected to `/v2/`.
    BaseWithoutSlash,
    /// `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/tags/list`
    Tags(RepositoryName),
    /// `/v2/<name>/manifests/<reference>`
    Manifest(RepositoryName, Result<Reference, ReferenceError>),
    /// `/v2/<name>/blobs/<digest>`
    Blob(RepositoryName, Result<Digest, DigestError>),
    /// `/v2/<name>/blobs/uploads/`
    Uploads(RepositoryName),
    /// `/v2/<name>/blobs/uploads/<id>`
    Upload(RepositoryName, UploadId),
    /// `/v2/<name>/referrers/<digest>`
    Referrers(RepositoryName, Result<Digest, DigestError>),
    /// `/v2/_oci/ext/discover` and the same below a name
    Extensions,
    /// `/livez`, `/readyz`, `/startupz`
    Probe(Probe),
    /// `/auth/token`
    Token,
    /// `/auth/exchange`
    Exchange,
    /// `/auth/keys`
    Keys,
    /// `/auth/oidc/<provider>/…`
    Browser(String, BrowserStep),
    /// `/api/v1/…`: the path below it, which its own table takes apart
    Api(String),
    /// A path of the API with a name that is none.
    BadName(NameError),
    /// Nothing.
    Unknown,
}

/// Where a browser is on its way through a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BrowserStep {
    /// `login`
    Login,
    /// `callback`
    Callback,
}

/// A question about the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Is it running?
    Live,
    /// Should it get requests?
    Ready,
    /// Has it finished starting?
    Started,
}

impl Route {
    /// Reads a raw path below `prefix` (empty, or `/…` without a final slash).
    pub(crate) fn parse(path: &str, prefix: &str) -> Self {
        match path {
            "/livez" => return Self::Probe(Probe::Live),
            "/readyz" => return Self::Probe(Probe::Ready),
            "/startupz" => return Self::Probe(Probe::Started),
            _ => {}
        }
        let Some(path) = path.strip_prefix(prefix) else { return Self::Unknown };
        match path {
            "/" | "" => Self::Root,
            "/v2" => Self::BaseWithoutSlash,
            "/auth/token" => Self::Token,
            "/auth/exchange" => Self::Exchange,
            "/auth/keys" => Self::Keys,
            _ => match path.strip_prefix("/v2/") {
                Some(rest) => Self::parse_v2(rest),
                None => Self::parse_api(path),
            },
        }
    }

    fn parse_api(path: &str) -> Self {
        if let Some(rest) = path.strip_prefix("/auth/oidc/") {
            return match rest.split_once('/') {
                Some((name, "login")) => Self::Browser(name.to_owned(), BrowserStep::Login),
                Some((name, "callback")) => Self::Browser(name.to_owned(), BrowserStep::Callback),
                _ => Self::Unknown,
            };
        }
        let below = path.strip_prefix(api::BASE).filter(|below| below.starts_with('/'));
        below.map_or(Self::Unknown, |below| Self::Api(below.to_owned()))
    }

    /// Whether the route is there only where Berth keeps accounts.
    pub(crate) fn needs_accounts(&self) -> bool {
        matches!(self, Self::Token | Self::Exchange | Self::Keys | Self::Browser(..) | Self::Api(_))
    }

    fn parse_v2(rest: &str) -> Self {
        if rest.is_empty() {
            return Self::Base;
        }
        if rest == "_catalog" {
            return Self::Catalog;
        }
        if rest == "_oci/ext/discover" || rest.ends_with("/_oci/ext/discover") {
            return Self::Extensions;
        }
        let Some((head, last)) = rest.rsplit_once('/') else { return Self::Unknown };
        let Some((name, kind)) = head.rsplit_once('/') else { return Self::Unknown };
        match (kind, last) {
            ("tags", "list") => with_name(name, Self::Tags),
            ("manifests", reference) => {
                let reference = Reference::parse(&decoded(reference));
                with_name(name, |name| Self::Manifest(name, reference))
            }
            ("referrers", digest) => {
                let digest = decoded(digest).parse();
                with_name(name, |name| Self::Referrers(name, digest))
            }
            ("uploads", id) => match name.strip_suffix("/blobs") {
                Some(name) if id.is_empty() => with_name(name, Self::Uploads),
                Some(name) => with_name(name, |name| Self::Upload(name, UploadId::new(id))),
                None => Self::Unknown,
            },
            ("blobs", "uploads") => with_name(name, Self::Uploads),
            ("blobs", digest) => {
                let digest = decoded(digest).parse();
                with_name(name, |name| Self::Blob(name, digest))
            }
            _ => Self::Unknown,
        }
    }

    /// The label of this route in metrics, as the original names it.
    pub(crate) fn handler(&self) -> &'static str {
        match self {
            Self::Root | Self::Base | Self::BaseWithoutSlash => "base",
            Self::Catalog => "catalog",
            Self::Tags(_) => "tags",
            Self::Manifest(..) => "manifest",
            Self::Blob(..) => "blob",
            Self::Uploads(_) => "blob_upload",
            Self::Upload(..) => "blob_upload_chunk",
            Self::Referrers(..) => "referrers",
            Self::Extensions => "extensions",
            Self::Probe(_) => "probe",
            Self::Token => "token",
            Self::Exchange => "token_exchange",
            Self::Keys => "token_keys",
            Self::Browser(..) => "sign_in",
            Self::Api(_) => "api",
            Self::BadName(_) | Self::Unknown => "unknown",
        }
    }

    /// The verbs that this route has; the reading ones first.
    pub(crate) fn methods(&self, read_only: bool) -> Cow<'static, [&'static str]> {
        let (reading, all): (&[&str], &[&str]) = match self {
            Self::Manifest(..) => (&["GET", "HEAD"], &["GET", "HEAD", "PUT", "DELETE"]),
            Self::Blob(..) => (&["GET", "HEAD"], &["GET", "HEAD", "DELETE"]),
            Self::Uploads(_) => (&[], &["POST"]),
            Self::Upload(..) => (&["GET", "HEAD"], &["GET", "HEAD", "PATCH", "PUT", "DELETE"]),
            Self::Root
            | Self::BaseWithoutSlash
            | Self::Base
            | Self::Catalog
            | Self::Tags(_)
            | Self::Referrers(..)
            | Self::Extensions
            | Self::Probe(_)
            | Self::Keys => (&["GET", "HEAD"], &["GET", "HEAD"]),
            // Nothing that is read-only keeps anybody from signing in, or from
            // deciding who may.
            Self::Token => (&["GET", "POST"], &["GET", "POST"]),
            Self::Exchange => (&["POST"], &["POST"]),
            Self::Browser(..) => (&["GET"], &["GET"]),
            Self::Api(path) => return Cow::Owned(api::table::methods(path)),
            Self::BadName(_) | Self::Unknown => (&[], &[]),
        };
        Cow::Borrowed(if read_only { reading } else { all })
    }

    /// The repository of this route, for the log.
    pub(crate) fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Tags(name)
            | Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _)
            | Self::Referrers(name, _) => Some(name),
            _ => None,
        }
    }
}

fn with_name(text: &str, route: impl FnOnce(RepositoryName) -> Route) -> Route {
    // Names hold no character that needs escaping, so an escape is not decoded:
    // `%2f` must not become a slash that a proxy in front did not see.
    match RepositoryName::parse(text) {
        Ok(name) => route(name),
        Err(error) => Route::BadName(error),
    }
}

/// Digests hold a `:`, which some clients escape.
fn decoded(segment: &str) -> std::borrow::Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

/// The code for a reference that does not parse.
pub(crate) fn reference_code(error: &ReferenceError) -> ErrorCode {
    match error {
        ReferenceError::Tag(_) => ErrorCode::TagInvalid,
        ReferenceError::Digest(_) => ErrorCode::DigestInvalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    fn parse(path: &str) -> Route {
        Route::parse(path, "")
    }

    #[test]
    fn every_path_of_the_api_has_its_route() {
        let digest: Digest = DIGEST.parse().unwrap();
        let tag = Reference::parse("v1").unwrap();
        assert_eq!(parse("/"), Route::Root);
        assert_eq!(parse("/v2"), Route::BaseWithoutSlash);
        assert_eq!(parse("/v2/"), Route::Base);
        assert_eq!(parse("/v2/_catalog"), Route::Catalog);
        assert_eq!(parse("/v2/a/b/tags/list"), Route::Tags(name("a/b")));
        assert_eq!(parse("/v2/a/manifests/v1"), Route::Manifest(name("a"), Ok(tag)));
        assert_eq!(
            parse(&format!("/v2/a/b/c/manifests/{DIGEST}")),
            Route::Manifest(name("a/b/c"), Ok(Reference::Digest(digest)))
        );
        assert_eq!(parse(&format!("/v2/a/blobs/{DIGEST}")), Route::Blob(name("a"), Ok(digest)));
        assert_eq!(parse("/v2/a/blobs/uploads/"), Route::Uploads(name("a")));
        assert_eq!(parse("/v2/a/blobs/uploads"), Route::Uploads(name("a")));
        assert_eq!(
            parse("/v2/a/blobs/uploads/x-1"),
            Route::Upload(name("a"), UploadId::new("x-1"))
        );
        assert_eq!(
            parse(&format!("/v2/a/referrers/{DIGEST}")),
            Route::Referrers(name("a"), Ok(digest))
        );
        assert_eq!(parse("/readyz"), Route::Probe(Probe::Ready));
        assert_eq!(parse("/auth/token"), Route::Token);
        assert_eq!(
            parse("/auth/oidc/work/callback"),
            Route::Browser("work".into(), BrowserStep::Callback)
        );
        assert_eq!(parse("/api/v1/users/ann"), Route::Api("/users/ann".into()));
        for path in ["/auth", "/auth/token/", "/api", "/api/v1", "/api/v1x/users", "/api/v2/users"]
        {
            assert_eq!(parse(path), Route::Unknown, "{path}");
        }
    }

    #[test]
    fn names_that_look_like_routes_are_names() {
        assert_eq!(parse("/v2/tags/list/tags/list"), Route::Tags(name("tags/list")));
        assert_eq!(
            parse("/v2/blobs/uploads/blobs/uploads/"),
            Route::Uploads(name("blobs/uploads"))
        );
        assert_eq!(
            parse("/v2/manifests/manifests/manifests"),
            Route::Manifest(name("manifests"), Reference::parse("manifests"))
        );
    }

    #[test]
    fn an_escaped_colon_in_a_digest_is_a_colon() {
        let path = format!("/v2/a/blobs/{}", DIGEST.replace(':', "%3A"));
        assert_eq!(parse(&path), Route::Blob(name("a"), DIGEST.parse()));
    }

    #[test]
    fn escapes_and_dots_never_become_part_of_a_name() {
        for path in [
            "/v2/a%2fb/tags/list",
            "/v2/../tags/list",
            "/v2/a/../b/tags/list",
            "/v2//tags/list",
            "/v2/a//b/tags/list",
            "/v2/A/tags/list",
            "/v2/a%00/tags/list",
            "/v2/_x/tags/list",
        ] {
            assert!(matches!(parse(path), Route::BadName(_)), "{path}: {:?}", parse(path));
        }
    }

    #[test]
    fn a_prefix_is_in_front_of_everything_but_the_probes() {
        assert_eq!(Route::parse("/reg/v2/", "/reg"), Route::Base);
        assert_eq!(Route::parse("/v2/", "/reg"), Route::Unknown);
        assert_eq!(Route::parse("/livez", "/reg"), Route::Probe(Probe::Live));
    }

    #[test]
    fn read_only_leaves_the_reading_verbs() {
        let route = parse("/v2/a/manifests/v1");
        assert_eq!(*route.methods(true), ["GET", "HEAD"]);
        assert_eq!(*route.methods(false), ["GET", "HEAD", "PUT", "DELETE"]);
        assert!(parse("/v2/a/blobs/uploads/").methods(true).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_path_panics(path in "\\PC{0,300}") {
            let _ = Route::parse(&path, "");
            let _ = Route::parse(&format!("/v2/{path}"), "");
        }
    }
}
