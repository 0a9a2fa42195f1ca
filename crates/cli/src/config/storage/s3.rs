//! `storage.s3`: Amazon S3 and everything that speaks its protocol, in both dialects.

use serde::Serialize;

use super::super::address::Address;
use super::super::problem::{Problems, shorten};
use super::super::schema::{Key, Kind};
use super::super::secret::Secret;
use super::super::section::Section;
use super::bucket;

const MIB: u64 = 1 << 20;
/// The smallest part that S3 takes, save for the last one.
const LEAST_PART: u64 = 5 * MIB;
/// The largest part that S3 takes.
const LARGEST_PART: u64 = 5 << 30;
const DEFAULT_PART: u64 = 10 * MIB;
/// What stores that ask for no region are told.
const ANY_REGION: &str = "us-east-1";
/// The word for stores that know no storage classes.
const NO_CLASS: &str = "NONE";

const CLASSES: &[&str] = &[
    NO_CLASS,
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "OUTPOSTS",
    "GLACIER_IR",
    "EXPRESS_ONEZONE",
];

const DEFAULT_COPY: u64 = 32 * MIB;

pub(super) const KEYS: &[Key] = &[
    Key::new("accesskey", Kind::Secret),
    Key::new("secretkey", Kind::Secret),
    Key::new("region", Kind::Text),
    Key::new("regionendpoint", Kind::Text),
    Key::new("forcepathstyle", Kind::Flag),
    Key::new("bucket", Kind::Text),
    Key::new("encrypt", Kind::Flag),
    Key::new("keyid", Kind::Text),
    Key::new("secure", Kind::Flag),
    Key::new("skipverify", Kind::Flag),
    Key::new("v4auth", Kind::Flag),
    Key::new("chunksize", Kind::Bytes),
    Key::new("multipartcopychunksize", Kind::Bytes),
    Key::new("multipartcopymaxconcurrency", Kind::Number),
    Key::new("multipartcopythresholdsize", Kind::Bytes),
    Key::new("rootdirectory", Kind::Text),
    Key::new("storageclass", Kind::Choice(CLASSES)),
    Key::new("useragent", Kind::Text),
    Key::new("objectacl", Kind::Text),
    Key::new("accelerate", Kind::Flag),
    Key::new("usedualstack", Kind::Flag),
    Key::new("usefipsendpoint", Kind::Flag),
    Key::new("loglevel", Kind::Text),
    Key::new("redirectendpoint", Kind::Text),
];

/// Settings under `storage.s3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct S3 {
    /// The bucket, which exists already.
    pub(crate) bucket: String,
    /// The region that requests are signed for.
    pub(crate) region: String,
    /// Scheme, host and port of a store that is not Amazon's own in that region; the bucket is not
    /// in it.
    #[serde(rename = "regionendpoint", skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// The bucket stands in the path of a request, else in its host name.
    #[serde(rename = "forcepathstyle")]
    pub(crate) path_style: bool,
    /// Who we are; without it the environment, files and the instance are asked.
    #[serde(flatten)]
    pub(crate) keys: Option<AccessKeys>,
    /// The store encrypts what it keeps.
    pub(crate) encrypt: bool,
    /// With this key of its key service; only with `encrypt`.
    #[serde(rename = "keyid", skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
    /// Certificates of the store are not checked.
    #[serde(rename = "skipverify")]
    pub(crate) skip_verify: bool,
    /// Bytes of one part of an upload, 5 MiB to 5 GiB.
    #[serde(rename = "chunksize")]
    pub(crate) chunk_size: u64,
    /// The folder above `docker/registry/v2`, without slashes at its ends; empty for the top.
    #[serde(rename = "rootdirectory")]
    pub(crate) root_directory: String,
    /// The class of new objects; none leaves it to the store.
    #[serde(rename = "storageclass", skip_serializing_if = "Option::is_none")]
    pub(crate) storage_class: Option<String>,
    /// How we name ourselves to the store.
    #[serde(rename = "useragent", skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<String>,
    /// Through Amazon's transfer acceleration; only without `endpoint` and `path_style`.
    pub(crate) accelerate: bool,
    /// Through Amazon's names that have IPv6 addresses; only without `endpoint`.
    #[serde(rename = "usedualstack")]
    pub(crate) dual_stack: bool,
    /// Through Amazon's names with FIPS cryptography; only without `endpoint`.
    #[serde(rename = "usefipsendpoint")]
    pub(crate) fips: bool,
    /// How large objects are copied inside of the bucket.
    #[serde(flatten)]
    pub(crate) copies: Copies,
    /// Scheme, host and port that clients are sent to instead of `endpoint`, in the same style.
    #[serde(rename = "redirectendpoint", skip_serializing_if = "Option::is_none")]
    pub(crate) redirect_endpoint: Option<String>,
}

/// `storage.s3.accesskey` and `secretkey`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AccessKeys {
    /// The name of the key.
    #[serde(rename = "accesskey")]
    pub(crate) id: Secret,
    /// The key itself.
    #[serde(rename = "secretkey")]
    pub(crate) secret: Secret,
}

/// `storage.s3.multipartcopy…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Copies {
    /// Bytes of one part of a copy, 5 MiB to 5 GiB.
    #[serde(rename = "multipartcopychunksize")]
    pub(crate) chunk_size: u64,
    /// Parts of one copy at one time.
    #[serde(rename = "multipartcopymaxconcurrency")]
    pub(crate) max_concurrency: u32,
    /// Objects larger than this are copied in parts; at most 5 GiB.
    #[serde(rename = "multipartcopythresholdsize")]
    pub(crate) threshold: u64,
}

/// Reads `storage.s3`.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> S3 {
    refuse(section, problems);
    let endpoint = endpoint(section, problems);
    let key_id = section.text("keyid");
    let encrypt = section.flag("encrypt").unwrap_or(false);
    if key_id.is_some() && !encrypt {
        section.error(problems, "keyid", "means nothing without encrypt", "add encrypt: true");
    }
    let redirect = Address::read_base(section, "redirectendpoint", None, problems);
    let path_style = path_style(section, endpoint.as_ref(), problems);
    amazon_alone(section, path_style, problems);
    let flag = |key| section.flag(key).unwrap_or(false);
    S3 {
        bucket: bucket::name(section, "bucket", problems),
        region: region(section, problems),
        path_style,
        accelerate: flag("accelerate"),
        dual_stack: flag("usedualstack"),
        fips: flag("usefipsendpoint"),
        copies: copies(section, problems),
        endpoint: endpoint.map(|address| address.to_string()),
        keys: keys(section, problems),
        encrypt,
        key_id,
        skip_verify: bucket::skip_verify(section, problems),
        chunk_size: bucket::bytes_in(
            section,
            "chunksize",
            (LEAST_PART, LARGEST_PART),
            DEFAULT_PART,
            problems,
        ),
        root_directory: bucket::root_directory(section, problems),
        storage_class: section
            .text("storageclass")
            .map(|class| class.to_ascii_uppercase())
            .filter(|class| class != NO_CLASS),
        user_agent: section.text("useragent"),
        redirect_endpoint: redirect.map(|address| address.to_string()),
    }
}

/// Keys that Berth cannot honour, and one that means nothing here.
fn refuse(section: &Section<'_>, problems: &mut Problems<'_>) {
    if section.flag("v4auth") == Some(false) {
        let way_out = "take it out; every store of today takes version 4";
        section.error(problems, "v4auth", "false: signatures of version 2 are not made", way_out);
    }
    if let Some(acl) = section.text("objectacl").filter(|acl| acl != "private") {
        let text = format!("{:?} is not supported", shorten(&acl));
        section.error(problems, "objectacl", text, "give access with the bucket's policy");
    }
    // A bare `off` is a flag in YAML 1.1.
    let quiet = |level: &String| matches!(level.to_ascii_lowercase().as_str(), "off" | "false");
    if section.text("loglevel").is_some_and(|level| !quiet(&level)) {
        let text = "has no effect: Berth's own log tells of requests to the store that fail";
        section.warning(problems, "loglevel", text, "");
    }
}

/// Names of Amazon's that no other store has, and that do not all go together.
fn amazon_alone(section: &Section<'_>, path_style: bool, problems: &mut Problems<'_>) {
    let on = |key: &str| section.flag(key) == Some(true);
    let endpoint = section.holds("regionendpoint");
    for key in ["accelerate", "usedualstack", "usefipsendpoint"] {
        if on(key) && endpoint {
            let text = "is a name of Amazon's own, beside regionendpoint";
            section.error(problems, key, text, "take one of them out");
        }
    }
    if on("accelerate") && path_style && !endpoint {
        let text = "needs the bucket in the host name, beside forcepathstyle";
        section.error(problems, "accelerate", text, "take one of them out");
    }
    if on("accelerate") && on("usefipsendpoint") {
        let text = "does not go together with accelerate";
        section.error(problems, "usefipsendpoint", text, "take one of them out");
    }
}

fn copies(section: &Section<'_>, problems: &mut Problems<'_>) -> Copies {
    let mut bytes =
        |key, least| bucket::bytes_in(section, key, (least, LARGEST_PART), DEFAULT_COPY, problems);
    let chunk_size = bytes("multipartcopychunksize", LEAST_PART);
    let threshold = bytes("multipartcopythresholdsize", 0);
    let key = "multipartcopymaxconcurrency";
    let max_concurrency = section.number_in(problems, key, 1..=10_000).unwrap_or(100);
    Copies { chunk_size, max_concurrency, threshold }
}

fn endpoint(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<Address> {
    let secure = section.flag("secure").unwrap_or(true);
    let scheme = if secure { "https" } else { "http" };
    if !secure && !section.holds("regionendpoint") {
        let text = "false would send everything to Amazon in the clear";
        let way_out = "take it out, or name another store's address in regionendpoint";
        section.error(problems, "secure", text, way_out);
    }
    Address::read_base(section, "regionendpoint", Some(scheme), problems)
}

fn region(section: &Section<'_>, problems: &mut Problems<'_>) -> String {
    let Some(region) = section.text("region") else {
        if !section.holds("regionendpoint") {
            let way_out =
                "name it, such as us-east-1, or another store's address in regionendpoint";
            section.error(problems, "region", "is missing", way_out);
        }
        return ANY_REGION.to_owned();
    };
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !region.chars().all(good) {
        let text = format!("{:?} is no region", shorten(&region));
        section.error(problems, "region", text, "write it as us-east-1");
    }
    region
}

/// The word in the file wins; without one it is what `registry:2` does, since its files have no
/// word for it, while those of `registry:3` do.
fn path_style(
    section: &Section<'_>,
    endpoint: Option<&Address>,
    problems: &mut Problems<'_>,
) -> bool {
    match (section.flag("forcepathstyle"), endpoint) {
        (Some(false), Some(address)) if address.is_ip() => {
            let text = "false would put the bucket in front of an address of numbers";
            section.error(problems, "forcepathstyle", text, "write true, or name the host");
            true
        }
        (Some(style), _) => style,
        (None, Some(_)) => {
            let text = "is not set: the bucket stands in the path, as with registry:2; \
                        registry:3 puts it into the host name";
            section.warning(problems, "forcepathstyle", text, "write true or false");
            true
        }
        (None, None) => false,
    }
}

fn keys(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<AccessKeys> {
    match (section.secret("accesskey"), section.secret("secretkey")) {
        (Some(id), Some(secret)) => Some(AccessKeys { id, secret }),
        (None, None) => None,
        (id, _) => {
            let (missing, there) = match id {
                Some(_) => ("secretkey", "accesskey"),
                None => ("accesskey", "secretkey"),
            };
            let text = format!("is missing beside {}", section.path(there));
            let way_out = "set both, or neither to ask the environment and the instance";
            section.error(problems, missing, text, way_out);
            None
        }
    }
}
