//! What is tried at each route: a request with all that must be there for it
//! to succeed, and where to look whether it did anything.

use std::sync::Arc;

use oci::{Digest, Reference, RepositoryName};
use serde_json::json;
use store::ContentStore;
use testkit::{Request, fixture};

use super::line::{Line, form};
use super::rows::METHODS;

/// Something to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    Root,
    Live,
    Ready,
    Started,
    WithoutSlash,
    Base,
    Catalog,
    Discover,
    Token,
    Exchange,
    Keys,
    Login,
    Callback,
    DiscoverBelow,
    Tags,
    Referrers,
    /// A tag that is there.
    Tag,
    /// A tag that is not there yet.
    NewTag,
    /// A tag that is there, to something else.
    MovedTag,
    /// A tag that is there, to what it says.
    SameTag,
    /// A manifest by its digest.
    Manifest,
    /// The same, moving a tag by the way.
    TagByDigest,
    Blob,
    /// An upload is opened.
    Open,
    /// A blob of `mine/sources`.
    MountOwn,
    /// A blob of `them/sources`.
    MountOthers,
    /// The same, without saying where it is.
    MountAnywhere,
    /// A blob in one request.
    Whole,
    /// An upload that has three bytes.
    Upload,
}

use Try::{
    Base, Blob, Callback, Catalog, Discover, DiscoverBelow, Exchange, Keys, Live, Login, Manifest,
    MountAnywhere, MountOthers, MountOwn, MovedTag, NewTag, Open, Ready, Referrers, Root, SameTag,
    Started, Tag, TagByDigest, Tags, Token, Upload, Whole, WithoutSlash,
};

/// What needs no repository.
pub(super) const WITHOUT: [Try; 13] = [
    Root,
    Live,
    Ready,
    Started,
    WithoutSlash,
    Base,
    Catalog,
    Discover,
    Token,
    Exchange,
    Keys,
    Login,
    Callback,
];

/// What is tried in a repository.
pub(super) const WITHIN: [Try; 16] = [
    DiscoverBelow,
    Tags,
    Referrers,
    Tag,
    NewTag,
    MovedTag,
    SameTag,
    Manifest,
    TagByDigest,
    Blob,
    Open,
    MountOwn,
    MountOthers,
    MountAnywhere,
    Whole,
    Upload,
];

/// The tag and the content that every repository has.
pub(super) const TAG: &str = "v1";

impl Try {
    /// The route, as [`super::rows`] writes it.
    pub(super) fn route(self) -> &'static str {
        match self {
            Root => "/",
            Live => "/livez",
            Ready => "/readyz",
            Started => "/startupz",
            WithoutSlash => "/v2",
            Base => "/v2/",
            Catalog => "/v2/_catalog",
            Discover => "/v2/_oci/ext/discover",
            DiscoverBelow => "/v2/{name}/_oci/ext/discover",
            Tags => "/v2/{name}/tags/list",
            Referrers => "/v2/{name}/referrers/{digest}",
            Tag | NewTag | MovedTag | SameTag | Manifest | TagByDigest => {
                "/v2/{name}/manifests/{reference}"
            }
            Blob => "/v2/{name}/blobs/{digest}",
            Open | MountOwn | MountOthers | MountAnywhere | Whole => "/v2/{name}/blobs/uploads/",
            Upload => "/v2/{name}/blobs/uploads/{id}",
            Token => "/auth/token",
            Exchange => "/auth/exchange",
            Keys => "/auth/keys",
            Login => "/auth/oidc/{provider}/login",
            Callback => "/auth/oidc/{provider}/callback",
        }
    }

    /// With which methods it makes sense. Each route has a try with all.
    pub(super) fn methods(self) -> &'static [&'static str] {
        match self {
            Tag => &["GET", "HEAD", "POST", "PATCH", "OPTIONS", "TRACE"],
            NewTag | SameTag | TagByDigest => &["PUT"],
            MovedTag => &["PUT", "DELETE"],
            MountOwn | MountOthers | MountAnywhere | Whole => &["POST"],
            _ => &METHODS,
        }
    }

    /// Whether it may change anything with this method, if it is allowed.
    pub(super) fn may_write(self, method: &str) -> bool {
        match self {
            NewTag | SameTag | TagByDigest | MovedTag => true,
            MountOwn | MountOthers | MountAnywhere | Whole => true,
            Manifest => matches!(method, "PUT" | "DELETE"),
            Blob => method == "DELETE",
            Open => method == "POST",
            Upload => matches!(method, "GET" | "HEAD" | "PATCH" | "PUT" | "DELETE"),
            _ => false,
        }
    }
}

/// A request, and what it might change.
pub(super) struct Prepared {
    pub request: Request,
    watched: Vec<Watched>,
}

/// Something that a request might change.
enum Watched {
    Manifest(Reference),
    Blob(Digest),
    /// Its path.
    Upload(String),
}

fn tagged(reference: &str) -> Watched {
    Watched::Manifest(Reference::parse(reference).unwrap())
}

/// Bytes that no other case has.
fn unique(case: usize, what: &str) -> Vec<u8> {
    format!("{what} of case {case}").into_bytes()
}

/// An index that needs nothing to be there.
pub(super) fn index(label: &str) -> Vec<u8> {
    let document = json!({
        "schemaVersion": 2,
        "mediaType": oci::MediaType::OCI_INDEX,
        "manifests": [],
        "annotations": {"of": label},
    });
    serde_json::to_vec(&document).unwrap()
}

pub(super) fn push_index(repository: &str, reference: &str, bytes: Vec<u8>) -> Request {
    Request::new("PUT", format!("/v2/{repository}/manifests/{reference}"))
        .with("Content-Type", oci::MediaType::OCI_INDEX)
        .body(bytes)
}

pub(super) fn push_blob(repository: &str, bytes: Vec<u8>) -> Request {
    let digest = Digest::sha256(&bytes);
    Request::new("POST", format!("/v2/{repository}/blobs/uploads/?digest={digest}")).body(bytes)
}

/// The content of every repository that is there.
pub(super) fn blob_of_all() -> Vec<u8> {
    fixture::blob(1, 40)
}

/// Sends what is for the operator to do, and watches.
pub(super) struct Stage {
    pub line: Line,
    pub root: String,
    pub metadata: Arc<dyn ContentStore>,
}

impl Stage {
    pub(super) async fn does(&mut self, request: Request, status: u16) -> testkit::Answer {
        self.line.send(request, Some(&self.root)).await.expect(status)
    }

    /// What is there now in `repository`, of all that the request might change.
    pub(super) async fn state(&mut self, repository: &str, prepared: &Prepared) -> Vec<String> {
        let mut state = Vec::new();
        for watched in &prepared.watched {
            let name = RepositoryName::parse(repository).unwrap();
            state.push(match watched {
                Watched::Manifest(reference) => {
                    let found = self.metadata.manifest(&name, reference).await.unwrap();
                    found.map_or_else(String::new, |found| found.digest.to_string())
                }
                Watched::Blob(digest) => {
                    format!("{:?}", self.metadata.blob_size(&name, digest).await.unwrap())
                }
                Watched::Upload(path) => {
                    let request = Request::new("GET", path.clone());
                    let answer = self.line.send(request, Some(&self.root)).await;
                    format!("{} {:?}", answer.status, answer.header("range"))
                }
            });
        }
        state
    }

    /// A request that would succeed, if it were allowed.
    pub(super) async fn prepare(
        &mut self,
        what: Try,
        method: &str,
        repository: &str,
        is_there: bool,
        case: usize,
    ) -> Prepared {
        let manifest = |reference: &str| format!("/v2/{repository}/manifests/{reference}");
        let blob = |digest: &Digest| format!("/v2/{repository}/blobs/{digest}");
        let request = |path: String| match method {
            "GET" | "HEAD" | "OPTIONS" | "TRACE" => Request::new(method, path),
            _ => Request::new(method, path).body([]),
        };
        let only = |path: String| Prepared { request: request(path), watched: Vec::new() };
        let (old, tag) = (index(&format!("old {case}")), format!("t{case}"));
        match what {
            Token | Exchange => only_form(what, method),
            Login => only("/auth/oidc/staff/login".to_owned()),
            Callback => only("/auth/oidc/staff/callback?code=x&state=x".to_owned()),
            Root | Live | Ready | Started | WithoutSlash | Base | Catalog | Discover | Keys => {
                only(what.route().to_owned())
            }
            DiscoverBelow | Tags => only(what.route().replace("{name}", repository)),
            Referrers => {
                only(format!("/v2/{repository}/referrers/{}", Digest::sha256(b"anything")))
            }
            Tag => only(manifest(TAG)),
            NewTag => Prepared {
                request: push_index(repository, &tag, index(&tag)),
                watched: vec![tagged(&tag)],
            },
            MovedTag | SameTag => {
                if is_there {
                    self.does(push_index(repository, &tag, old.clone()), 201).await;
                }
                let new = if what == SameTag { old } else { index(&format!("new {case}")) };
                let push = push_index(repository, &tag, new);
                let request = if method == "PUT" { push } else { request(manifest(&tag)) };
                Prepared { request, watched: vec![tagged(&tag)] }
            }
            Manifest => {
                let bytes = match what.may_write(method) {
                    true => index(&format!("by digest {case}")),
                    false => index(TAG),
                };
                let digest = Digest::sha256(&bytes).to_string();
                if method == "DELETE" && is_there {
                    self.does(push_index(repository, &digest, bytes.clone()), 201).await;
                }
                let push = push_index(repository, &digest, bytes);
                let request = if method == "PUT" { push } else { request(manifest(&digest)) };
                Prepared { request, watched: vec![tagged(&digest)] }
            }
            TagByDigest => {
                if is_there {
                    self.does(push_index(repository, &tag, old), 201).await;
                }
                let bytes = index(&format!("by digest with a tag {case}"));
                let digest = Digest::sha256(&bytes);
                let reference = format!("{digest}?tag={tag}");
                let request = push_index(repository, &reference, bytes);
                Prepared { request, watched: vec![tagged(&tag), tagged(&digest.to_string())] }
            }
            Blob => {
                let bytes =
                    if what.may_write(method) { unique(case, "blob") } else { blob_of_all() };
                let digest = Digest::sha256(&bytes);
                if method == "DELETE" && is_there {
                    self.does(push_blob(repository, bytes), 201).await;
                }
                Prepared { request: request(blob(&digest)), watched: vec![Watched::Blob(digest)] }
            }
            Open => only(format!("/v2/{repository}/blobs/uploads/")),
            MountOwn | MountOthers | MountAnywhere => {
                let bytes = unique(case, "mount");
                let digest = Digest::sha256(&bytes);
                let source = if what == MountOwn { "mine/sources" } else { "them/sources" };
                self.does(push_blob(source, bytes), 201).await;
                let from =
                    if what == MountAnywhere { String::new() } else { format!("&from={source}") };
                let path = format!("/v2/{repository}/blobs/uploads/?mount={digest}{from}");
                Prepared { request: request(path), watched: vec![Watched::Blob(digest)] }
            }
            Whole => {
                let bytes = unique(case, "whole");
                let watched = vec![Watched::Blob(Digest::sha256(&bytes))];
                Prepared { request: push_blob(repository, bytes), watched }
            }
            Upload => self.upload(method, repository, case).await,
        }
    }

    async fn upload(&mut self, method: &str, repository: &str, case: usize) -> Prepared {
        let digest = Digest::sha256(format!("abc{case}").as_bytes());
        if !Upload.may_write(method) {
            let path = format!("/v2/{repository}/blobs/uploads/not-an-upload");
            return Prepared { request: Request::new(method, path), watched: Vec::new() };
        }
        let open = Request::new("POST", format!("/v2/{repository}/blobs/uploads/")).body([]);
        let opened = self.does(open, 202).await;
        let path = opened.location().to_owned();
        let path =
            self.does(Request::new("PATCH", path).body("abc"), 202).await.location().to_owned();
        let request = match method {
            "PATCH" => Request::new(method, path.clone()).body("more"),
            "PUT" => Request::new(method, format!("{path}?digest={digest}")).body(case.to_string()),
            "DELETE" => Request::new(method, path.clone()).body([]),
            _ => Request::new(method, path.clone()),
        };
        Prepared { request, watched: vec![Watched::Upload(path), Watched::Blob(digest)] }
    }
}

fn only_form(what: Try, method: &str) -> Prepared {
    let path = what.route();
    let request = match (what, method) {
        (Token, "POST") => {
            form(path, &[("grant_type", "refresh_token"), ("refresh_token", "bref_nonsense")])
        }
        (Exchange, "POST") => form(
            path,
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("subject_token", "a.b.c"),
            ],
        ),
        _ => Request::new(method, path),
    };
    Prepared { request, watched: Vec::new() }
}
