//! Durations as Go writes them: `1h30m`, `1.5s`, `100ms`; a bare number counts nanoseconds.

use std::time::Duration;

use serde::Serializer;

/// In seconds.
const DAY: u64 = 24 * 3600;

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a duration. `None` if it is malformed, negative, or longer than Go can hold (292 years).
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text.is_empty() {
        return None;
    }
    let total = match text.parse::<u64>() {
        Ok(nanoseconds) => u128::from(nanoseconds),
        Err(_) => terms(text)?,
    };
    i64::try_from(total).ok()?;
    Some(Duration::from_nanos(u64::try_from(total).ok()?))
}

fn terms(mut text: &str) -> Option<u128> {
    let mut total: u128 = 0;
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (whole, rest) = text.split_at_checked(digits)?;
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?,
            None => ("", rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (unit, rest) = rest.split_at_checked(end)?;
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let whole = if whole.is_empty() { 0 } else { u128::from(whole.parse::<u64>().ok()?) };
        total = total.checked_add(whole.checked_mul(*scale)?)?;
        total = total.checked_add(part(fraction, *scale))?;
        text = rest;
    }
    Some(total)
}

/// `fraction` digits after the point, of a unit of `scale` nanoseconds, rounded down.
fn part(fraction: &str, scale: u128) -> u128 {
    let mut scale = scale;
    let mut sum = 0;
    for digit in fraction.chars().filter_map(|c| c.to_digit(10)) {
        sum += u128::from(digit) * scale / 10;
        scale /= 10;
    }
    sum
}

/// The shortest Go text of a duration: `168h`, `1m30s`, `100ms`, `0s`.
pub(super) fn format(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    let mut text = String::new();
    for name in ["h", "m", "s", "ms", "us", "ns"] {
        let scale = UNITS.iter().find(|(unit, _)| *unit == name).map_or(1, |(_, scale)| *scale);
        if rest >= scale {
            text.push_str(&format!("{}{name}", rest / scale));
            rest %= scale;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads a duration that may be given in days: `90d`, else as [`parse`].
pub(crate) fn parse_long(text: &str) -> Option<Duration> {
    let Some(days) = text.strip_suffix('d') else { return parse(text) };
    let seconds = days.parse::<u64>().ok()?.checked_mul(DAY)?;
    // The same bound as that of Go.
    (seconds <= i64::MAX.unsigned_abs() / 1_000_000_000).then(|| Duration::from_secs(seconds))
}

/// The shortest text of a duration: `365d` for whole days, else Go's.
pub(crate) fn in_days(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds > 0 && seconds.is_multiple_of(DAY) && duration.subsec_nanos() == 0 {
        return format!("{}d", seconds / DAY);
    }
    format(duration)
}

/// Serializes a duration, whole days as such.
pub(super) fn days<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&in_days(*duration))
}

/// Serializes a duration in Go's form.
pub(super) fn go<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_understood() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("0s", 0),
            ("5000000000", 5_000_000_000),
            ("10s", 10_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1h2m3s", 3_723_000_000_000),
            ("100ms", 100_000_000),
            ("7us", 7_000),
            ("7µs", 7_000),
            ("168h", 604_800_000_000_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn malformed_negative_and_endless_durations_are_refused() {
        for text in ["", "s", "-5s", "5 s", "5d", "1h-3m", ".s", "1.5", "9223372036854775808", "µ"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["0s", "168h", "1m30s", "100ms", "1h1ns", "2us"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn days_are_understood_where_they_are_meant() {
        for (text, seconds, shown) in
            [("90d", 7_776_000, "90d"), ("48h", 172_800, "2d"), ("36h", 129_600, "36h")]
        {
            let duration = parse_long(text).unwrap();
            assert_eq!((duration.as_secs(), in_days(duration).as_str()), (seconds, shown));
        }
        for text in ["d", "-1d", "1.5d", "1d2h", "99999999999999d", "200000000d"] {
            assert_eq!(parse_long(text), None, "{text}");
        }
    }
}
