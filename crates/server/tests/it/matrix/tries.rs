//! What is tried at each route.

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
