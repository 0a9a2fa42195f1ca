//! `auth.berth.audit`: the record of who did what.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::super::super::duration;
use super::super::super::problem::{Problems, shorten};
use super::super::super::schema::{Key, Kind};
use super::super::super::section::Section;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Some gigabytes of a database.
const MAX_ROWS: u64 = 10_000_000;

pub(super) const KEYS: &[Key] = &[
    Key::new("retention", Kind::Age),
    Key::new("max_rows", Kind::Number),
    Key::new("file", Kind::Text),
    Key::new("syslog", Kind::Text),
    Key::new("pulls", Kind::Text),
];

/// Settings under `auth.berth.audit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Audit {
    /// How long lines are kept; nothing: for good.
    #[serde(serialize_with = "duration::days")]
    pub(crate) retention: Duration,
    /// How many lines are kept; 0: all of them.
    pub(crate) max_rows: u64,
    /// A file that each line is added to as well, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
    /// A syslog server that each line is sent to as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) syslog: Option<Syslog>,
    /// How many of the pulls are recorded.
    pub(crate) pulls: Sample,
}

/// Where a syslog server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Syslog {
    /// On this machine: the path of its socket.
    Socket(PathBuf),
    /// Elsewhere: host and port, over UDP.
    Udp(String),
}

impl fmt::Display for Syslog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Udp(address) => write!(f, "udp://{address}"),
        }
    }
}

impl Serialize for Syslog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A part of many: `off`, `5%`, `100%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// 0 to 100.
    pub(crate) percent: u8,
}

impl Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.percent {
            0 => serializer.serialize_str("off"),
            percent => serializer.collect_str(&format_args!("{percent}%")),
        }
    }
}

/// Reads `auth.berth.audit`.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Audit {
    Audit {
        retention: section.age("retention").unwrap_or(365 * DAY),
        max_rows: section.number_in(problems, "max_rows", 0..=i64::MAX as u64).unwrap_or(MAX_ROWS),
        file: section.text("file").map(PathBuf::from),
        syslog: syslog(section, problems),
        pulls: sample(section, problems),
    }
}

fn syslog(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<Syslog> {
    let text = section.text("syslog")?;
    if text.starts_with('/') {
        return Some(Syslog::Socket(text.into()));
    }
    let address = text.strip_prefix("udp://").filter(|it| {
        it.rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    });
    if address.is_none() {
        let said = format!("{:?} is no place of a syslog server", shorten(&text));
        section.error(problems, "syslog", said, "write /dev/log or udp://logs.example.org:514");
    }
    address.map(|address| Syslog::Udp(address.to_owned()))
}

fn sample(section: &Section<'_>, problems: &mut Problems<'_>) -> Sample {
    let Some(text) = section.text("pulls") else { return Sample { percent: 0 } };
    let percent = match text.to_ascii_lowercase().as_str() {
        "off" | "no" | "false" | "0" => Some(0),
        "on" | "all" | "yes" | "true" => Some(100),
        other => other.strip_suffix('%').and_then(|it| it.trim().parse().ok()),
    };
    match percent.filter(|percent| *percent <= 100) {
        Some(percent) => Sample { percent },
        None => {
            let said = format!("{:?} is no part of all pulls", shorten(&text));
            section.error(problems, "pulls", said, "write off, or a part such as 5%");
            Sample { percent: 0 }
        }
    }
}
