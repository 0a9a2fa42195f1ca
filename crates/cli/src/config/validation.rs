//! `validation`: what a pushed manifest may point at.

use regex::Regex;
use serde::{Serialize, Serializer};

use super::problem::Problems;
use super::schema::{Key, Kind};
use super::section::Section;

const MANIFESTS: &[Key] = &[
    Key::new(
        "urls",
        Kind::Fields(&[
            Key::new("allow", Kind::List(&Kind::Text)),
            Key::new("deny", Kind::List(&Kind::Text)),
        ]),
    ),
    Key::new(
        "indexes",
        Kind::Fields(&[
            Key::new("platforms", Kind::Choice(&["all", "none", "list"])),
            Key::new(
                "platformlist",
                Kind::List(&Kind::Fields(&[
                    Key::new("architecture", Kind::Text),
                    Key::new("os", Kind::Text),
                ])),
            ),
        ]),
    ),
];

pub(super) const KEYS: &[Key] = &[
    Key::new("enabled", Kind::Flag),
    Key::new("disabled", Kind::Flag),
    Key::new("manifests", Kind::Fields(MANIFESTS)),
];

/// Settings under `validation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Validation {
    /// Nothing below is looked at.
    pub(crate) disabled: bool,
    /// Rules for manifests.
    pub(crate) manifests: ManifestValidation,
}

/// Settings under `validation.manifests`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ManifestValidation {
    /// Addresses of layers that lie elsewhere.
    pub(crate) urls: Urls,
    /// Children of indexes.
    pub(crate) indexes: Indexes,
}

/// Settings under `validation.manifests.urls`. If both lists are empty every address is refused,
/// as with the original.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Urls {
    /// An address must match one of these, if there are any.
    pub(crate) allow: Vec<Pattern>,
    /// An address must match none of these.
    pub(crate) deny: Vec<Pattern>,
}

/// Settings under `validation.manifests.indexes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Indexes {
    /// Which children must exist before an index is taken.
    pub(crate) platforms: Platforms,
    /// The platforms meant by [`Platforms::List`].
    #[serde(rename = "platformlist")]
    pub(crate) platform_list: Vec<Platform>,
}

/// Which children of an index must exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Platforms {
    /// Every one.
    All,
    /// None.
    None,
    /// Those for the listed platforms.
    List,
}

/// One platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Platform {
    /// Such as `amd64`.
    pub(crate) architecture: String,
    /// Such as `linux`.
    pub(crate) os: String,
}

/// A regular expression, linear in time; matches anywhere in a text unless anchored.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// The compiled expression.
    pub(crate) fn regex(&self) -> &Regex {
        &self.0
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// Reads `validation`. `enabled: true` wins over `disabled: true`, as with the original.
pub(super) fn read(root: &Section<'_>, problems: &mut Problems<'_>) -> Validation {
    let validation = root.section("validation");
    let manifests = validation.section("manifests");
    let urls = manifests.section("urls");
    Validation {
        disabled: validation.flag("disabled") == Some(true)
            && validation.flag("enabled") != Some(true),
        manifests: ManifestValidation {
            urls: Urls {
                allow: patterns(&urls, "allow", problems),
                deny: patterns(&urls, "deny", problems),
            },
            indexes: indexes(&manifests.section("indexes"), problems),
        },
    }
}

fn patterns(section: &Section<'_>, key: &str, problems: &mut Problems<'_>) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for (n, (text, place)) in section.texts(key).into_iter().enumerate() {
        match Regex::new(&text) {
            Ok(regex) => patterns.push(Pattern(regex)),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default();
                let reason = reason.trim_start_matches("error: ");
                let path = format!("{}[{n}]", section.path(key));
                let text = format!("{:?} is no regular expression", super::problem::shorten(&text));
                problems.error(place, &path, text, reason);
            }
        }
    }
    patterns
}

fn indexes(section: &Section<'_>, problems: &mut Problems<'_>) -> Indexes {
    let platforms = match section.choice("platforms").as_deref() {
        Some("none") => Platforms::None,
        Some("list") => Platforms::List,
        _ => Platforms::All,
    };
    let way_out = "name both architecture and os";
    let mut platform_list = Vec::new();
    for item in section.sections("platformlist") {
        let architecture = item.required(problems, "architecture", way_out);
        let os = item.required(problems, "os", way_out);
        if let (Some(architecture), Some(os)) = (architecture, os) {
            platform_list.push(Platform { architecture, os });
        }
    }
    if platforms == Platforms::List && platform_list.is_empty() {
        let text = "is empty, so no child of an index has to exist";
        section.warning(problems, "platformlist", text, "list platforms or write platforms: none");
    }
    Indexes { platforms, platform_list }
}
