//! `log`: what is written about the work, and in which form.

use std::collections::BTreeMap;

use serde::Serialize;

use super::problem::Problems;
use super::schema::{Key, Kind};
use super::section::Section;
use super::yaml::Value;

pub(super) const LEVELS: &[&str] = &["error", "warn", "info", "debug"];

const SMTP: &[Key] = &[
    Key::new("addr", Kind::Text),
    Key::new("username", Kind::Text),
    Key::new("password", Kind::Secret),
    Key::new("insecure", Kind::Flag),
];

pub(super) const KEYS: &[Key] = &[
    Key::new("level", Kind::Choice(LEVELS)),
    Key::new("formatter", Kind::Choice(&["text", "json", "logstash"])),
    Key::new("fields", Kind::Table(&Kind::Text)),
    Key::new("accesslog", Kind::Fields(&[Key::new("disabled", Kind::Flag)])),
    Key::new("reportcaller", Kind::Flag),
    Key::new(
        "hooks",
        Kind::List(&Kind::Fields(&[
            Key::new("disabled", Kind::Flag),
            Key::new("type", Kind::Text),
            Key::new("levels", Kind::List(&Kind::Text)),
            Key::new(
                "options",
                Kind::Fields(&[
                    Key::new("smtp", Kind::Fields(SMTP)),
                    Key::new("from", Kind::Text),
                    Key::new("to", Kind::List(&Kind::Text)),
                ]),
            )
            .field("MAILOPTIONS"),
        ])),
    ),
];

/// Settings under `log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Log {
    /// The least important messages that are written.
    pub(crate) level: Level,
    /// The form of a message.
    pub(crate) formatter: Formatter,
    /// Fields put on every message, by name.
    pub(crate) fields: BTreeMap<String, String>,
    /// The log of requests.
    pub(crate) accesslog: AccessLog,
    /// Names the place in the source of every message.
    #[serde(rename = "reportcaller")]
    pub(crate) report_caller: bool,
}

/// Settings under `log.accesslog`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AccessLog {
    /// No line per request.
    pub(crate) disabled: bool,
}

/// How important a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// What happens.
    Info,
    /// How it happens.
    Debug,
}

/// The form of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Formatter {
    /// `key=value` pairs.
    Text,
    /// One JSON object per line.
    Json,
    /// JSON with Logstash's names for time, version and message.
    Logstash,
}

/// Reads `log`, and `loglevel` of the top where `log.level` is empty.
pub(super) fn read(root: &Section<'_>, problems: &mut Problems<'_>) -> Log {
    let log = root.section("log");
    if root.holds("loglevel") {
        let text = "is deprecated";
        root.warning(problems, "loglevel", text, "write it as log.level");
    }
    hooks(&log, problems);
    let fields = log.section("fields");
    let field = |entry: &super::yaml::Entry| match &entry.node.value {
        Value::Scalar(scalar) => Some((entry.key.clone(), scalar.text.clone())),
        _ => None,
    };
    Log {
        level: level(log.choice("level").or_else(|| root.choice("loglevel"))),
        formatter: match log.choice("formatter").as_deref() {
            Some("json") => Formatter::Json,
            Some("logstash") => Formatter::Logstash,
            _ => Formatter::Text,
        },
        fields: fields.entries().iter().filter_map(field).collect(),
        accesslog: AccessLog {
            disabled: log.section("accesslog").flag("disabled").unwrap_or(false),
        },
        report_caller: log.flag("reportcaller").unwrap_or(false),
    }
}

fn level(word: Option<String>) -> Level {
    match word.as_deref() {
        Some("error") => Level::Error,
        Some("warn") => Level::Warn,
        Some("debug") => Level::Debug,
        _ => Level::Info,
    }
}

fn hooks(log: &Section<'_>, problems: &mut Problems<'_>) {
    let live = log.sections("hooks").iter().any(|hook| hook.flag("disabled") != Some(true));
    if live {
        let text = "has no effect: Berth sends no mail about log lines";
        log.warning(problems, "hooks", text, "");
    }
}
