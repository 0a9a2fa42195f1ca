//! The configuration: the original's file in both its dialects, its environment variables, and a
//! section of our own.
//!
//! A setting is honoured or the start is refused; only a key whose neglect can neither weaken
//! access nor move bytes is ignored, with a warning. [`load`] goes: find the text ([`source`]),
//! parse it with positions ([`yaml`]), lay the environment over it ([`overlay`]), hold the tree
//! against the [`schema`] ([`check`]), read each section into its type. All problems are gathered,
//! so that one try shows them all.

mod address;
pub(crate) mod auth;
pub(crate) mod berth;
mod bytes;
pub(crate) mod catalog;
mod check;
mod compatibility;
mod document;
pub(crate) mod duration;
pub(crate) mod health;
pub(crate) mod http;
pub(crate) mod listen;
pub(crate) mod log;
pub(crate) mod middleware;
mod nearest;
mod notifications;
mod overlay;
pub(crate) mod policy;
mod problem;
mod proxy;
mod redis;
mod reporting;
pub(crate) mod repository_match;
mod schema;
pub(crate) mod secret;
mod section;
mod source;
pub(crate) mod storage;
#[cfg(test)]
mod tests;
pub(crate) mod tls;
mod together;
pub(crate) mod validation;
mod yaml;

use serde::Serialize;

use check::check;
use problem::Problems;
use schema::ROOT;
use section::Section;
use yaml::{Node, Place, Value};

use auth::Auth;
use berth::Berth;
use catalog::{Catalog, Tags};
use health::Health;
use http::Http;
use log::Log;
use middleware::Middleware;
use policy::Policy;
use storage::Storage;
use validation::Validation;

pub(crate) use document::{read_document, write_document};
pub(crate) use problem::{ConfigError, Warning};
pub(crate) use source::{Origin, Source, default_yaml};

/// Every setting, with defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Config {
    /// Messages and the access log.
    pub(crate) log: Log,
    /// Where bytes lie.
    pub(crate) storage: Storage,
    /// What changes the address of a blob on its way to the client.
    pub(crate) middleware: Middleware,
    /// Who may come in.
    pub(crate) auth: Auth,
    /// Sockets, TLS, headers.
    pub(crate) http: Http,
    /// Health checks.
    pub(crate) health: Health,
    /// Pages of the catalog.
    pub(crate) catalog: Catalog,
    /// Pages of tag lists.
    pub(crate) tags: Tags,
    /// What manifests may point at.
    pub(crate) validation: Validation,
    /// Kinds of repositories.
    pub(crate) policy: Policy,
    /// Our own settings.
    pub(crate) berth: Berth,
}

/// How Location headers are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Locations {
    /// `/v2/…`: right behind every proxy.
    Path,
    /// Below this scheme and host, whatever the request says.
    Below(String),
    /// Scheme and host as the client used them, as far as known.
    AsRequested,
}

impl Config {
    /// How Location headers are written: `http.host` wins, then `berth.http.absolute_urls`.
    pub(crate) fn locations(&self) -> Locations {
        match &self.http.host {
            Some(host) => Locations::Below(host.clone()),
            None if self.berth.http.absolute_urls => Locations::AsRequested,
            None => Locations::Path,
        }
    }
}

/// A configuration that can be used.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) config: Config,
    /// What did not stop the start, in the order of the file.
    pub(crate) warnings: Vec<Warning>,
    /// Where the file was found.
    pub(crate) origin: Origin,
}

impl Loaded {
    /// What `berth config check` prints: each warning, then one line with the verdict.
    pub(crate) fn report(&self) -> String {
        let mut text = String::new();
        for warning in &self.warnings {
            text.push_str(&format!("warning: {warning}\n"));
        }
        let found = &self.origin;
        let count = match self.warnings.len() {
            0 => "no warnings".to_owned(),
            1 => "1 warning".to_owned(),
            more => format!("{more} warnings"),
        };
        format!("{text}{found}: good, {count}\n")
    }
}

/// Finds, reads and checks the configuration.
///
/// `env` is the whole environment of the process (its texts; `std::env::vars` panics on a variable
/// that is not UTF-8, so begin with `vars_os`). `strict` (or `BERTH_STRICT=1` in `env`) makes
/// unknown keys and keys written twice errors everywhere, not only under `berth`.
pub(crate) fn load(
    source: &Source,
    env: impl IntoIterator<Item = (String, String)>,
    strict: bool,
) -> Result<Loaded, ConfigError> {
    let env: Vec<(String, String)> = env.into_iter().collect();
    let value =
        |name: &str| env.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let found = source::find(source, value)?;
    let strict = strict || value(overlay::STRICT).is_some_and(is_on);
    let (config, warnings) = read(&found.name, &found.text, &env, strict)?;
    Ok(Loaded { config, warnings, origin: found.origin })
}

/// The settings in force as YAML, with secrets as `***`.
pub(crate) fn show(config: &Config) -> String {
    let mut tree = serde_json::json!({ "version": 0.1 });
    if let (Some(tree), Ok(serde_json::Value::Object(sections))) =
        (tree.as_object_mut(), serde_json::to_value(config))
    {
        tree.extend(sections);
    }
    yaml::emit(&tree)
}

fn is_on(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

/// Reads the text of a file called `name` under an environment.
fn read(
    name: &str,
    text: &str,
    env: &[(String, String)],
    strict: bool,
) -> Result<(Config, Vec<Warning>), ConfigError> {
    let mut problems = Problems::new(name, text, strict);
    let mut root = match yaml::parse(text, None) {
        Ok(parsed) => {
            for (place, key) in &parsed.duplicates {
                let doubt = "is written twice, the last one counts";
                problems.doubt(place, key, doubt, "take one of them out");
            }
            if let Some(place) = &parsed.second_document {
                problems.doubt(place, "", "a second document is ignored", "keep one document");
            }
            parsed.root
        }
        Err(malformed) => {
            let text = format!("is no YAML: {}", malformed.reason);
            return Err(problems.fatal(&malformed.place, text));
        }
    };
    if root.value == Value::Null {
        root.value = Value::Map(Vec::new());
    }
    expand_drivers(&mut root);
    overlay::overlay(&mut root, env, &mut problems);
    // A variable may have named a driver by its other name.
    expand_drivers(&mut root);
    check(&root, &ROOT, "", &mut problems);
    let config = sections(&Section::root(&root), &mut problems);
    Ok((config, problems.finish()?))
}

fn expand_drivers(root: &mut Node) {
    if let Value::Map(entries) = &mut root.value {
        for entry in entries {
            if entry.key == "storage" || entry.key == "auth" {
                overlay::expand_driver(&mut entry.node);
            }
            if entry.key == "storage" {
                storage::rename_alias(&mut entry.node);
            }
        }
    }
}

fn sections(root: &Section<'_>, problems: &mut Problems<'_>) -> Config {
    version(root, problems);
    compatibility::refuse(root, problems);
    notifications::warn(root, problems);
    let config = Config {
        log: log::read(root, problems),
        storage: storage::read(root, problems),
        middleware: middleware::read(root, problems),
        auth: auth::read(root, problems),
        http: http::read(root, problems),
        health: health::read(root, problems),
        catalog: catalog::read_catalog(root, problems),
        tags: catalog::read_tags(root, problems),
        validation: validation::read(root, problems),
        policy: policy::read(root),
        berth: berth::read(root, problems),
    };
    together::check(root, &config, problems);
    config
}

fn version(root: &Section<'_>, problems: &mut Problems<'_>) {
    match root.text("version").as_deref() {
        Some("0.1") => {}
        Some(other) => {
            let text = format!("{:?} is unknown", problem::shorten(other));
            root.error(problems, "version", text, "write version: 0.1");
        }
        None => problems.error(&Place::Whole, "version", "is missing", "write version: 0.1"),
    }
}
