//! Moments as people and programs read them: RFC 3339 in UTC.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use store::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment that is written as `2026-01-31T12:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(pub Timestamp);

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{} is no moment; write 2026-01-31T12:00:00Z", oci::quoted(text));
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?;
        let millis = at.unix_timestamp_nanos() / 1_000_000;
        i64::try_from(millis).map(|at| Self(Timestamp::from_millis(at))).map_err(|_| wrong())
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl fmt::Display for Moment {
    /// To the second. What lies beyond the years that can be written is
    /// written as the last one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::from_unix_timestamp(self.0.seconds()).ok();
        let text = at.and_then(|at| at.format(&Rfc3339).ok());
        f.write_str(text.as_deref().unwrap_or("9999-12-31T23:59:59Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        let text = "2026-01-31T12:00:00Z";
        assert_eq!(text.parse::<Moment>().unwrap().to_string(), text);
        assert_eq!("2026-01-31T13:00:00+01:00".parse::<Moment>().unwrap().to_string(), text);
        assert!("yesterday".parse::<Moment>().unwrap_err().contains("2026-01-31"));
        assert_eq!(Moment(Timestamp::from_millis(i64::MAX)).to_string(), "9999-12-31T23:59:59Z");
    }
}
