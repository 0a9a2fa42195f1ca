//! `berth.redirect`: which clients fetch blobs from the object store themselves.

use std::time::Duration;

use serde::Serialize;
use server::Network;

use super::super::duration;
use super::super::problem::Problems;
use super::super::schema::{Key, Kind};
use super::super::section::Section;

const LEAST: Duration = Duration::from_secs(10);
const MOST: Duration = Duration::from_secs(60 * 60);

pub(super) const KEYS: &[Key] = &[
    Key::new("enabled", Kind::Choice(&["auto", "always", "never"])),
    Key::new("expires", Kind::Time),
    Key::new("networks", Kind::List(&Kind::Text)),
];

/// Settings under `berth.redirect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Redirect {
    /// Whether clients are sent to the store.
    pub(crate) enabled: RedirectWhen,
    /// How long such an address works, 10 s to 1 h.
    #[serde(serialize_with = "duration::go")]
    pub(crate) expires: Duration,
    /// Clients that are sent there; all if empty.
    pub(crate) networks: Vec<Network>,
}

/// Whether clients are sent to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RedirectWhen {
    /// If the store's address looks as if they could reach it: neither loopback nor private nor a
    /// bare name.
    Auto,
    /// Whatever the address looks like.
    Always,
    /// Every byte goes through the registry.
    Never,
}

/// Reads `berth.redirect`; `storage.redirect.disable` has the last word.
pub(super) fn read(
    root: &Section<'_>,
    section: &Section<'_>,
    problems: &mut Problems<'_>,
) -> Redirect {
    let storage = root.section("storage");
    let disabled = storage.section("redirect").flag("disable") == Some(true);
    let enabled = match section.choice("enabled").as_deref() {
        Some("always") if disabled => {
            let text = "always: contradicts storage.redirect.disable";
            section.error(problems, "enabled", text, "take one of them out");
            RedirectWhen::Never
        }
        Some("always") if storage.has("filesystem") => {
            let text = "always: clients cannot fetch files from storage.filesystem";
            section.error(problems, "enabled", text, "take it out");
            RedirectWhen::Never
        }
        _ if disabled => RedirectWhen::Never,
        Some("always") => RedirectWhen::Always,
        Some("never") => RedirectWhen::Never,
        _ => RedirectWhen::Auto,
    };
    Redirect {
        enabled,
        expires: expires(section, problems),
        networks: super::networks(section, "networks", problems),
    }
}

fn expires(section: &Section<'_>, problems: &mut Problems<'_>) -> Duration {
    let default = Duration::from_secs(60);
    let Some(time) = section.time("expires") else { return default };
    if !(LEAST..=MOST).contains(&time) {
        let text = format!("{} is out of range", duration::format(time));
        section.error(problems, "expires", text, "use 10s to 1h");
        return default;
    }
    time
}
