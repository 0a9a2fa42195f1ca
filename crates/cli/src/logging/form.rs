//! The forms of a log line: logrus' text and JSON, Logstash's JSON, and words for a terminal.

use std::fmt::Write;

use store::Timestamp;
use time::OffsetDateTime;
use tracing::{Level, Metadata};

use super::escape;
use crate::config::log::Formatter;

/// How lines look, with the fields that stand on every one of them.
#[derive(Debug)]
pub(super) struct Form {
    shape: Shape,
    report_caller: bool,
    /// The fields of every line, already in their form.
    constant: String,
    /// Names that the fields of an event may not take again.
    taken: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Json,
    Logstash,
    Plain,
}

/// A value that is not text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Flag(bool),
}

impl Form {
    /// Lines of the form that the configuration names, with `constant` on every line.
    pub(super) fn new<'a>(
        formatter: Formatter,
        report_caller: bool,
        constant: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let (shape, own): (_, &[&str]) = match formatter {
            Formatter::Text => (Shape::Text, &["time", "level", "msg", "file"]),
            Formatter::Json => (Shape::Json, &["time", "level", "msg", "file"]),
            Formatter::Logstash => {
                (Shape::Logstash, &["@timestamp", "@version", "level", "message", "type", "file"])
            }
        };
        let taken = own.iter().map(|name| (*name).to_owned()).collect();
        let mut form = Self { shape, report_caller, constant: String::new(), taken };
        let mut written = String::new();
        for (name, value) in constant {
            form.string(&mut written, name, value);
            form.taken.push(name.to_owned());
        }
        form.constant = written;
        form
    }

    /// Lines for a person: `warning: what happened, name=value`.
    pub(super) fn plain() -> Self {
        let (constant, taken) = (String::new(), Vec::new());
        Self { shape: Shape::Plain, report_caller: false, constant, taken }
    }

    /// Writes a field with text in it; without text it is left out.
    pub(super) fn string(&self, out: &mut String, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.name(out, name);
        match self.shape {
            Shape::Text | Shape::Plain => escape::text(out, value),
            Shape::Json | Shape::Logstash => escape::json(out, value),
        }
    }

    /// Writes a field with a number or a flag in it.
    pub(super) fn scalar(&self, out: &mut String, name: &str, value: Scalar) {
        self.name(out, name);
        let in_json = matches!(self.shape, Shape::Json | Shape::Logstash);
        // Writing to a string cannot fail.
        let _ = match value {
            Scalar::Signed(number) => write!(out, "{number}"),
            Scalar::Unsigned(number) => write!(out, "{number}"),
            Scalar::Float(number) if in_json && !number.is_finite() => write!(out, "\"{number}\""),
            Scalar::Float(number) => write!(out, "{number}"),
            Scalar::Flag(flag) => write!(out, "{flag}"),
        };
    }

    /// Writes the whole line, with the end of line. `fields` come from
    /// [`Form::string`] and [`Form::scalar`].
    pub(super) fn line(
        &self,
        out: &mut String,
        now: Timestamp,
        metadata: &Metadata<'_>,
        message: &str,
        fields: &str,
    ) {
        self.head(out, now, *metadata.level(), message);
        if let (true, Some(file)) = (self.report_caller, metadata.file()) {
            let mut place = String::with_capacity(file.len() + 6);
            let _ = write!(place, "{file}:{}", metadata.line().unwrap_or(0));
            self.own(out, "file", &place);
        }
        self.tail(out, fields);
    }

    /// The line that stands for `count` lines that were not written.
    pub(super) fn dropped(&self, out: &mut String, now: Timestamp, count: u64) {
        self.head(out, now, Level::WARN, &format!("dropped {count} log lines"));
        self.tail(out, "");
    }

    fn head(&self, out: &mut String, now: Timestamp, level: Level, message: &str) {
        let level = word(level);
        match self.shape {
            Shape::Text => {
                out.push_str("time=\"");
                moment(out, now);
                out.push_str("\" level=");
                out.push_str(level);
                out.push_str(" msg=");
                escape::text(out, message);
            }
            Shape::Json => {
                out.push_str("{\"time\":\"");
                moment(out, now);
                out.push_str("\",\"level\":\"");
                out.push_str(level);
                out.push_str("\",\"msg\":");
                escape::json(out, message);
            }
            Shape::Logstash => {
                out.push_str("{\"@timestamp\":\"");
                moment(out, now);
                out.push_str("\",\"@version\":\"1\",\"level\":\"");
                out.push_str(level);
                out.push_str("\",\"message\":");
                escape::json(out, message);
                out.push_str(",\"type\":\"log\"");
            }
            Shape::Plain => {
                out.push_str(level);
                out.push_str(": ");
                escape::plain(out, message);
            }
        }
    }

    fn tail(&self, out: &mut String, fields: &str) {
        out.push_str(&self.constant);
        out.push_str(fields);
        out.push_str(match self.shape {
            Shape::Text | Shape::Plain => "\n",
            Shape::Json | Shape::Logstash => "}\n",
        });
    }

    /// Writes the name of a field; one that is taken gets `fields.` before it, as with logrus.
    fn name(&self, out: &mut String, name: &str) {
        let clashes = self.taken.iter().any(|taken| taken == name);
        match (clashes, self.shape) {
            (true, _) => self.begin(out, &format!("fields.{name}")),
            (false, _) => self.begin(out, name),
        }
    }

    fn begin(&self, out: &mut String, name: &str) {
        match self.shape {
            Shape::Text | Shape::Plain => {
                out.push(' ');
                escape::text(out, name);
                out.push('=');
            }
            Shape::Json | Shape::Logstash => {
                out.push(',');
                escape::json(out, name);
                out.push(':');
            }
        }
    }

    fn own(&self, out: &mut String, name: &str, value: &str) {
        self.begin(out, name);
        match self.shape {
            Shape::Text | Shape::Plain => escape::text(out, value),
            Shape::Json | Shape::Logstash => escape::json(out, value),
        }
    }
}

/// The words of logrus.
fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Writes RFC 3339 in UTC with nine digits of a second, so that lines sort as text.
fn moment(out: &mut String, now: Timestamp) {
    let utc =
        OffsetDateTime::from_unix_timestamp(now.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, (hour, minute, second)) = (utc.date(), utc.to_hms());
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{:03}000000Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        now.millis().rem_euclid(1000),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_rfc_3339_with_nanoseconds() {
        let show = |millis| {
            let mut out = String::new();
            moment(&mut out, Timestamp::from_millis(millis));
            out
        };
        assert_eq!(show(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(show(1_795_255_200_042), "2026-11-21T10:00:00.042000000Z");
        assert_eq!(show(-1), "1969-12-31T23:59:59.999000000Z");
    }
}
