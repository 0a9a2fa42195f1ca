//! The `Content-Range` header of upload chunks, in the spellings that clients use.

use crate::quote::quoted;

/// Where a chunk stands in its upload: bytes `start..=end_inclusive`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// Offset of the chunk's first byte.
    pub start: u64,
    /// Offset of the chunk's last byte; never before `start`.
    pub end_inclusive: u64,
    /// Size of the whole upload, when the client told it.
    pub total: Option<u64>,
}

/// Why a `Content-Range` was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid Content-Range {value}: {rule}")]
pub struct ContentRangeError {
    /// The header, quoted and bounded.
    pub value: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl ContentRange {
    /// Reads `a-b` of the distribution protocol and the forms of HTTP that clients send in its
    /// place: `bytes a-b/n`, `bytes a-b/*`, `bytes=a-b`.
    ///
    /// # Errors
    /// Names the rule that `header` breaks.
    pub fn parse(header: &str) -> Result<Self, ContentRangeError> {
        Self::read(header.trim_ascii())
            .map_err(|rule| ContentRangeError { value: quoted(header), rule })
    }

    fn read(header: &str) -> Result<Self, &'static str> {
        const FORM: &str = "it must be <first>-<last>, such as 0-1023";
        let range = without_unit(header);
        let (range, total) = match range.split_once('/') {
            None => (range, None),
            Some((range, "*")) => (range, None),
            Some((range, total)) => (range, Some(number(total)?)),
        };
        let (start, end) = range.split_once('-').ok_or(FORM)?;
        let (start, end_inclusive) = (number(start)?, number(end)?);
        if end_inclusive < start {
            return Err("the last byte must not stand before the first");
        }
        if total.is_some_and(|total| end_inclusive >= total) {
            return Err("the last byte must stand before the total size");
        }
        Ok(Self { start, end_inclusive, total })
    }

    /// Bytes in the chunk, at least 1.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.end_inclusive.saturating_sub(self.start).saturating_add(1)
    }
}

/// The header after `bytes ` or `bytes=`, if it begins so.
fn without_unit(header: &str) -> &str {
    match header.split_at_checked(5) {
        Some((unit, rest)) if unit.eq_ignore_ascii_case("bytes") => {
            rest.strip_prefix(['=', ' ']).unwrap_or(rest).trim_ascii_start()
        }
        _ => header,
    }
}

/// A decimal offset. Sizes are signed 64-bit numbers in databases and file systems.
fn number(text: &str) -> Result<u64, &'static str> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("it must be <first>-<last>, such as 0-1023");
    }
    text.parse()
        .ok()
        .filter(|number| i64::try_from(*number).is_ok())
        .ok_or("offsets are below 9223372036854775808")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_clients_is_read() {
        for (header, total) in [
            ("0-1023", None),
            ("bytes 0-1023/2048", Some(2048)),
            ("bytes=0-1023", None),
            ("bytes 0-1023/*", None),
            ("Bytes 0-1023", None),
            ("0-1023/1024", Some(1024)),
            (" 0-1023 ", None),
        ] {
            let expected = ContentRange { start: 0, end_inclusive: 1023, total };
            assert_eq!(ContentRange::parse(header), Ok(expected), "{header}");
            assert_eq!(expected.length(), 1024);
        }
    }

    #[test]
    fn broken_ranges_are_refused() {
        for header in [
            "",
            "-",
            "0",
            "0-",
            "-5",
            "5-4",
            "a-b",
            "0-1-2",
            "+0-1",
            "bytes",
            "bytes */5",
            "0--1",
            "bytes 0-5/5",
            "0-5/x",
            "0-9223372036854775808",
            "99999999999999999999-1",
            "items 0-1",
        ] {
            assert!(ContentRange::parse(header).is_err(), "{header}");
        }
        let error = ContentRange::parse("5-4").unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid Content-Range \"5-4\": the last byte must not stand before the first"
        );
    }

    proptest! {
        #[test]
        fn written_ranges_are_read_back(start in 0..1_u64 << 40, more in 0..1_u64 << 40) {
            let end_inclusive = start + more;
            let read = ContentRange::parse(&format!("{start}-{end_inclusive}")).unwrap();
            prop_assert_eq!(read, ContentRange { start, end_inclusive, total: None });
            prop_assert_eq!(read.length(), more + 1);
        }

        #[test]
        fn any_text_is_read_without_panic(header: String) {
            let _ = ContentRange::parse(&header);
        }
    }
}
