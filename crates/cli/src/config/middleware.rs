//! `middleware`: what stands between the registry and its storage. The original's three for storage
//! change the address that clients are sent to for a blob; `registry` and `repository` have none in
//! the original either.

pub(crate) mod cloudfront;

use serde::Serialize;

use super::address::Address;
use super::problem::{Problems, shorten};
use super::schema::{Key, Kind};
use super::section::Section;

use cloudfront::CloudFront;

const OTHERS: Kind = Kind::List(&Kind::Fields(&[
    Key::new("name", Kind::Text),
    Key::new("disabled", Kind::Flag),
    Key::new("options", Kind::Any),
]));

const STORAGE: Kind = Kind::List(&Kind::Fields(&[
    Key::new("name", Kind::Text),
    Key::new("disabled", Kind::Flag),
    Key::new("options", Kind::Fields(OPTIONS)),
]));

/// The options of all three; the last of `cloudfront` are in both spellings.
const OPTIONS: &[Key] = &[
    Key::new("baseurl", Kind::Text),
    Key::new("scheme", Kind::Text),
    Key::new("host", Kind::Text),
    Key::new("trimpathprefix", Kind::Text),
    Key::new("privatekey", Kind::Text),
    Key::new("keypairid", Kind::Text),
    Key::new("duration", Kind::Time),
    Key::new("ipfilteredby", Kind::Choice(&["none", "aws", "awsregion"])),
    Key::new("awsregion", Kind::Text),
    Key::new("updatefrequency", Kind::Time),
    Key::new("updatefrenquency", Kind::Time),
    Key::new("iprangesurl", Kind::Text),
];

pub(super) const KEYS: &[Key] =
    &[Key::new("registry", OTHERS), Key::new("repository", OTHERS), Key::new("storage", STORAGE)];

/// Settings under `middleware`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Middleware {
    /// What changes the address of a blob; at most one.
    pub(crate) storage: Vec<StorageMiddleware>,
}

/// One step on the way to the address of a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "name", content = "options", rename_all = "lowercase")]
pub(crate) enum StorageMiddleware {
    /// The address is this one and the blob's path in the store behind it, unsigned.
    Redirect {
        /// Scheme, host, port and maybe a path, without a slash at the end.
        #[serde(rename = "baseurl")]
        base_url: String,
    },
    /// The address is one at Amazon's CDN, signed for it.
    CloudFront(CloudFront),
    /// Parts of the address are replaced.
    Rewrite {
        /// `http` or `https`.
        #[serde(skip_serializing_if = "Option::is_none")]
        scheme: Option<String>,
        /// Host, and port if there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// Taken away from the beginning of the path, if it is there.
        #[serde(rename = "trimpathprefix", skip_serializing_if = "Option::is_none")]
        trim_path_prefix: Option<String>,
    },
}

/// Reads `middleware`. What is not known would change where bytes come from, so it is refused unless
/// it is switched off.
pub(super) fn read(root: &Section<'_>, problems: &mut Problems<'_>) -> Middleware {
    let middleware = root.section("middleware");
    for place in ["registry", "repository"] {
        for item in live(&middleware, place) {
            unknown(&item, "take it out or set disabled: true", problems);
        }
    }
    let mut storage = Vec::new();
    let driver = root.section("storage");
    let files = driver.has("filesystem");
    for (n, item) in live(&middleware, "storage").iter().enumerate() {
        if n > 0 {
            item.error(problems, "", "is a second one; they cannot be combined", "keep one");
        }
        let options = item.section("options");
        match item.text("name").as_deref() {
            Some(name @ ("cloudfront" | "redirect" | "rewrite")) if files => {
                let text = format!(
                    "{name:?} has no address to change: clients get files of storage.filesystem \
                     from Berth alone"
                );
                item.error(problems, "", text, "take it out");
            }
            Some("redirect") => storage.extend(redirect(&options, problems)),
            Some("rewrite") => storage.extend(rewrite(&options, problems)),
            // The original warns at every request and sends clients to the bucket.
            Some("cloudfront") if driver.has("gcs") || driver.has("azure") => {
                let text = "\"cloudfront\" is for buckets of storage.s3";
                item.error(problems, "", text, "take it out, or write redirect or rewrite");
            }
            Some("cloudfront") => {
                let read = cloudfront::read(&options, problems);
                storage.extend(read.map(StorageMiddleware::CloudFront));
            }
            _ => unknown(item, "known are cloudfront, redirect and rewrite", problems),
        }
    }
    Middleware { storage }
}

fn live<'a>(middleware: &Section<'a>, place: &str) -> Vec<Section<'a>> {
    let mut items = middleware.sections(place);
    items.retain(|item| item.flag("disabled") != Some(true));
    items
}

fn unknown(item: &Section<'_>, way_out: &str, problems: &mut Problems<'_>) {
    let name = item.text("name").unwrap_or_default();
    item.error(problems, "", format!("{:?} is not supported", shorten(&name)), way_out);
}

fn redirect(options: &Section<'_>, problems: &mut Problems<'_>) -> Option<StorageMiddleware> {
    options.required(problems, "baseurl", "write it as https://cdn.example.org")?;
    let address = Address::read(options, "baseurl", None, problems)?;
    Some(StorageMiddleware::Redirect { base_url: address.to_string() })
}

fn rewrite(options: &Section<'_>, problems: &mut Problems<'_>) -> Option<StorageMiddleware> {
    let scheme = options.choice("scheme");
    if let Some(other) = scheme.as_deref().filter(|scheme| !matches!(*scheme, "http" | "https")) {
        let text = format!("{:?} is no scheme of a blob's address", shorten(other));
        options.error(problems, "scheme", text, "use http or https");
    }
    let host = options.text("host");
    if let Some(text) = &host
        && Address::parse(text, Some("https")).is_none_or(|address| address.authority != *text)
    {
        let problem = format!("{:?} is no host", shorten(text));
        options.error(
            problems,
            "host",
            problem,
            "write it as cdn.example.org or cdn.example.org:8443",
        );
    }
    let trim_path_prefix = options.text("trimpathprefix");
    if scheme.is_none() && host.is_none() && trim_path_prefix.is_none() {
        options.error(problems, "", "changes nothing", "set scheme, host or trimpathprefix");
        return None;
    }
    Some(StorageMiddleware::Rewrite { scheme, host, trim_path_prefix })
}
