//! `berth.metadata`: the database that knows what the registry holds.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::super::duration;
use super::super::problem::Problems;
use super::super::schema::{Key, Kind};
use super::super::secret::Secret;
use super::super::section::Section;
use super::postgres::{PostgresUrl, parse};

pub(super) const KEYS: &[Key] = &[
    Key::new("url", Kind::Secret),
    Key::new("password", Kind::Secret),
    Key::new("password_file", Kind::Text),
    Key::new("max_connections", Kind::Number),
    Key::new("prepared_statements", Kind::Flag),
    Key::new("stale_reads", Kind::Time),
];

/// The longest time for which a registry may go on without its database.
const STALE_MOST: Duration = Duration::from_secs(15 * 60);

const FORMS: &str = "write sqlite:/var/lib/berth or postgres://user@host/database";

/// Settings under `berth.metadata`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Metadata {
    /// Where the database is.
    #[serde(rename = "url", skip_serializing_if = "MetadataAt::is_beside")]
    pub(crate) at: MetadataAt,
    /// The password for PostgreSQL, if the address has none.
    #[serde(flatten)]
    pub(crate) password: Option<Password>,
    /// Connections to PostgreSQL of this process at one time, at most.
    pub(crate) max_connections: u32,
    /// Statements are prepared once for each connection; a pooler in between may not allow it.
    pub(crate) prepared_statements: bool,
    /// For how long pulls of digests go on from memory while the database is away; zero never.
    #[serde(serialize_with = "duration::go")]
    pub(crate) stale_reads: Duration,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MetadataAt {
    /// SQLite in the storage directory.
    Beside,
    /// SQLite in this directory, which is made if it is missing.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

/// Where a password is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum Password {
    /// In the settings.
    #[serde(rename = "password")]
    Given(Secret),
    /// In this file; a line break at its end does not count.
    #[serde(rename = "password_file")]
    File(PathBuf),
}

impl MetadataAt {
    /// True if the database belongs to one process on one machine.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self, Self::Beside | Self::Sqlite(_))
    }

    fn is_beside(&self) -> bool {
        *self == Self::Beside
    }
}

/// As the setting is written, without a password.
impl Serialize for MetadataAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Beside => serializer.serialize_none(),
            Self::Sqlite(path) => {
                serializer.collect_str(&format_args!("sqlite:{}", path.display()))
            }
            Self::Postgres(url) => serializer.collect_str(url),
        }
    }
}

/// Reads `berth.metadata`.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Metadata {
    let at = at(section, problems);
    let password = password(section, &at, problems);
    let max = section.number_in(problems, "max_connections", 1..=1000);
    Metadata {
        at,
        password,
        max_connections: max.unwrap_or(16),
        prepared_statements: section.flag("prepared_statements").unwrap_or(true),
        stale_reads: stale_reads(section, problems),
    }
}

fn stale_reads(section: &Section<'_>, problems: &mut Problems<'_>) -> Duration {
    let Some(time) = section.time("stale_reads") else { return Duration::ZERO };
    if time > STALE_MOST {
        let text = format!("{} is out of range", duration::format(time));
        section.error(problems, "stale_reads", text, "use 0s (never) to 15m");
        return Duration::ZERO;
    }
    time
}

fn at(section: &Section<'_>, problems: &mut Problems<'_>) -> MetadataAt {
    let Some(text) = section.text("url") else { return MetadataAt::Beside };
    if let Some(path) = text.strip_prefix("sqlite:") {
        // `sqlite:///a` is the same as `sqlite:/a`; `sqlite://a` would name a host.
        let path = path.strip_prefix("//").unwrap_or(path);
        let host = text.starts_with("sqlite://") && !path.starts_with('/');
        if path.is_empty() || host {
            section.error(problems, "url", "names no directory", "write sqlite:/var/lib/berth");
            return MetadataAt::Beside;
        }
        return MetadataAt::Sqlite(path.into());
    }
    match parse(&text) {
        Ok(url) => MetadataAt::Postgres(url),
        // The text may hold a password, so it is not repeated.
        Err(reason) => {
            section.error(problems, "url", reason, FORMS);
            MetadataAt::Beside
        }
    }
}

fn password(
    section: &Section<'_>,
    at: &MetadataAt,
    problems: &mut Problems<'_>,
) -> Option<Password> {
    let given = section.secret("password").map(Password::Given);
    let file = section.text("password_file").map(|file| Password::File(file.into()));
    let key = if file.is_some() { "password_file" } else { "password" };
    let inside = matches!(at, MetadataAt::Postgres(url) if url.has_password());
    if (inside && (given.is_some() || file.is_some())) || (given.is_some() && file.is_some()) {
        let other = if inside { "berth.metadata.url" } else { "berth.metadata.password" };
        section.error(problems, key, format!("is a second password beside {other}"), "keep one");
    }
    if (given.is_some() || file.is_some()) && at.is_embedded() && !section.holds("url") {
        section.error(problems, key, "has no server to be for", "set berth.metadata.url");
    }
    given.or(file)
}
