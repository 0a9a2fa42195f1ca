//! `auth.berth.throttle` and `auth.berth.limits`: what one caller may cost.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::super::super::duration;
use super::super::super::problem::{Problems, shorten};
use super::super::super::schema::{Key, Kind};
use super::super::super::section::Section;

const HOUR: Duration = Duration::from_secs(3600);

pub(super) const THROTTLE: &[Key] = &[
    Key::new("free", Kind::Number),
    Key::new("window", Kind::Time),
    Key::new("longest", Kind::Time),
];

pub(super) const LIMITS: &[Key] = &[
    Key::new(
        "pulls",
        Kind::Fields(&[Key::new("anonymous", Kind::Text), Key::new("signed_in", Kind::Text)]),
    ),
    Key::new("requests_per_second", Kind::Number),
];

/// Settings under `auth.berth.throttle`: each further wrong password doubles the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Throttle {
    /// Wrong passwords of one account, and from one address, that cost nothing.
    pub(crate) free: u32,
    /// They are forgotten after so long without another.
    #[serde(serialize_with = "duration::go")]
    pub(crate) window: Duration,
    /// No wait is longer.
    #[serde(serialize_with = "duration::go")]
    pub(crate) longest: Duration,
}

/// Settings under `auth.berth.limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Limits {
    /// Manifests that are pulled.
    pub(crate) pulls: PullLimits,
    /// Requests from one address, and of one user or robot, in a second; 0 is no limit.
    pub(crate) requests_per_second: u32,
}

/// Settings under `auth.berth.limits.pulls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct PullLimits {
    /// From one address without a login.
    pub(crate) anonymous: Rate,
    /// Of one user or robot.
    pub(crate) signed_in: Rate,
}

/// So many in such a time: `100/6h`, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    /// No limit.
    Off,
    /// At most so many.
    Of {
        /// How many.
        count: NonZeroU32,
        /// In which time.
        per: Duration,
    },
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Of { count, per } => write!(f, "{count}/{}", duration::in_days(*per)),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads `auth.berth.throttle`.
pub(super) fn throttle(section: &Section<'_>, problems: &mut Problems<'_>) -> Throttle {
    let free = section.number_in(problems, "free", 1..=1000).unwrap_or(5);
    let mut time = |key, default: u64, most: Duration| {
        let default = Duration::from_secs(default);
        let Some(time) = section.time(key) else { return default };
        if (Duration::from_secs(1)..=most).contains(&time) {
            return time;
        }
        let text = format!("{} is out of range", duration::in_days(time));
        section.error(problems, key, text, format!("use 1s to {}", duration::format(most)));
        default
    };
    Throttle { free, window: time("window", 900, 24 * HOUR), longest: time("longest", 60, HOUR) }
}

/// Reads `auth.berth.limits`.
pub(super) fn limits(section: &Section<'_>, problems: &mut Problems<'_>) -> Limits {
    let pulls = section.section("pulls");
    Limits {
        pulls: PullLimits {
            anonymous: rate(&pulls, "anonymous", problems),
            signed_in: rate(&pulls, "signed_in", problems),
        },
        requests_per_second: section
            .number_in(problems, "requests_per_second", 0..=1_000_000)
            .unwrap_or(0),
    }
}

fn rate(section: &Section<'_>, key: &str, problems: &mut Problems<'_>) -> Rate {
    let Some(text) = section.text(key) else { return Rate::Off };
    if matches!(text.to_ascii_lowercase().as_str(), "off" | "no" | "false" | "0") {
        return Rate::Off;
    }
    let read = text.split_once('/').and_then(|(count, per)| {
        let count: NonZeroU32 = count.trim().parse().ok()?;
        // `100/h` is how people say it.
        let per = per.trim();
        let per = duration::parse_long(per).or_else(|| duration::parse_long(&format!("1{per}")))?;
        let bounds = Duration::from_secs(1)..=31 * 24 * HOUR;
        bounds.contains(&per).then_some(Rate::Of { count, per })
    });
    read.unwrap_or_else(|| {
        let said = format!("{:?} is no rate", shorten(&text));
        section.error(problems, key, said, "write it as 100/6h, or off");
        Rate::Off
    })
}
