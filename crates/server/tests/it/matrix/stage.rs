//! All that must be there for a try to succeed, and a look whether it did
//! anything.

use std::sync::Arc;

use oci::{Digest, Reference, RepositoryName};
use serde_json::json;
use store::ContentStore;
use testkit::{Request, fixture};

use super::line::{Line, form};
use super::tries::TAG;
use super::tries::Try::{self, *};

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

/// Where something is tried.
pub(super) struct At<'a> {
    pub repository: &'a str,
    pub is_there: bool,
    /// A number that no other case has.
    pub case: usize,
}

fn manifest(repository: &str, reference: &str) -> String {
    format!("/v2/{repository}/manifests/{reference}")
}

/// A request with nothing in it.
fn bare(method: &str, path: String) -> Request {
    match method {
        "GET" | "HEAD" | "OPTIONS" | "TRACE" => Request::new(method, path),
        _ => Request::new(method, path).body([]),
    }
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
    pub(super) async fn prepare(&mut self, what: Try, method: &str, at: &At<'_>) -> Prepared {
        let repository = at.repository;
        let only = |path: String| Prepared { request: bare(method, path), watched: Vec::new() };
        match what {
            Token | Exchange => only_form(what, method),
            Login => only("/auth/oidc/staff/login".to_owned()),
            Callback => only("/auth/oidc/staff/callback?code=x&state=x".to_owned()),
            Root | Live | Ready | Started | WithoutSlash | Base | Catalog | Discover | Keys => {
                only(what.route().to_owned())
            }
            DiscoverBelow | Tags | Open => only(what.route().replace("{name}", repository)),
            Referrers => {
                only(format!("/v2/{repository}/referrers/{}", Digest::sha256(b"anything")))
            }
            Tag => only(manifest(repository, TAG)),
            NewTag | MovedTag | SameTag | TagByDigest => self.tag(what, method, at).await,
            Manifest => self.manifest(method, at).await,
            Blob => self.blob(method, at).await,
            MountOwn | MountOthers | MountAnywhere => self.mount(what, method, at).await,
            Whole => {
                let bytes = unique(at.case, "whole");
                let watched = vec![Watched::Blob(Digest::sha256(&bytes))];
                Prepared { request: push_blob(repository, bytes), watched }
            }
            Upload => self.upload(method, at).await,
        }
    }

    async fn tag(&mut self, what: Try, method: &str, at: &At<'_>) -> Prepared {
        let &At { repository, is_there, case } = at;
        let (old, new) = (index(&format!("old {case}")), index(&format!("new {case}")));
        let tag = format!("t{case}");
        if what != NewTag && is_there {
            self.does(push_index(repository, &tag, old.clone()), 201).await;
        }
        let digest = Digest::sha256(&new).to_string();
        let request = match (what, method) {
            (_, "DELETE") => bare(method, manifest(repository, &tag)),
            (SameTag, _) => push_index(repository, &tag, old),
            (TagByDigest, _) => push_index(repository, &format!("{digest}?tag={tag}"), new),
            _ => push_index(repository, &tag, new),
        };
        Prepared { request, watched: vec![tagged(&tag), tagged(&digest)] }
    }

    async fn manifest(&mut self, method: &str, at: &At<'_>) -> Prepared {
        let &At { repository, is_there, case } = at;
        let bytes = match Manifest.may_write(method) {
            true => index(&format!("by digest {case}")),
            false => index(TAG),
        };
        let digest = Digest::sha256(&bytes).to_string();
        if method == "DELETE" && is_there {
            self.does(push_index(repository, &digest, bytes.clone()), 201).await;
        }
        let request = match method {
            "PUT" => push_index(repository, &digest, bytes),
            _ => bare(method, manifest(repository, &digest)),
        };
        Prepared { request, watched: vec![tagged(&digest)] }
    }

    async fn blob(&mut self, method: &str, at: &At<'_>) -> Prepared {
        let &At { repository, is_there, case } = at;
        let bytes = if Blob.may_write(method) { unique(case, "blob") } else { blob_of_all() };
        let digest = Digest::sha256(&bytes);
        if method == "DELETE" && is_there {
            self.does(push_blob(repository, bytes), 201).await;
        }
        let request = bare(method, format!("/v2/{repository}/blobs/{digest}"));
        Prepared { request, watched: vec![Watched::Blob(digest)] }
    }

    async fn mount(&mut self, what: Try, method: &str, at: &At<'_>) -> Prepared {
        let &At { repository, case, .. } = at;
        let bytes = unique(case, "mount");
        let digest = Digest::sha256(&bytes);
        let source = if what == MountOwn { "mine/sources" } else { "them/sources" };
        self.does(push_blob(source, bytes), 201).await;
        let from = if what == MountAnywhere { String::new() } else { format!("&from={source}") };
        let path = format!("/v2/{repository}/blobs/uploads/?mount={digest}{from}");
        Prepared { request: bare(method, path), watched: vec![Watched::Blob(digest)] }
    }

    async fn upload(&mut self, method: &str, at: &At<'_>) -> Prepared {
        let &At { repository, case, .. } = at;
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
