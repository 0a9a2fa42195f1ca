//! Values as log lines may carry them: one line stays one line, whatever a client sent.

use std::fmt::{self, Write};

/// Bytes of a value that are written; the rest is cut off.
pub(super) const MAX_VALUE: usize = 8 * 1024;

/// Stands where a value was cut off.
const CUT: char = '…';

/// Writes `value` after the rules of logrus' text form: bare when it is made
/// of harmless characters alone, else between quotes with Go's escapes.
pub(super) fn text(out: &mut String, value: &str) {
    if !value.is_empty() && value.bytes().all(is_bare) {
        out.push_str(value);
        return;
    }
    out.push('"');
    escaped(out, value, go_escape);
    out.push('"');
}

/// Writes `value` as a JSON string.
pub(super) fn json(out: &mut String, value: &str) {
    out.push('"');
    escaped(out, value, json_escape);
    out.push('"');
}

/// Writes `value` for a person at a terminal: no quotes, nothing that moves the cursor.
pub(super) fn plain(out: &mut String, value: &str) {
    escaped(out, value, |out, c| match c {
        '"' | '\\' => out.push(c),
        _ => go_escape(out, c),
    });
}

/// Formats `value` into `out`, `MAX_VALUE` bytes of it at most.
pub(super) fn format(out: &mut String, value: &dyn fmt::Debug) {
    // The only error is the one that stops a value that is too long.
    let _ = write!(Bounded { out }, "{value:?}");
}

/// Writes `value` into `out`, `MAX_VALUE` bytes of it at most.
pub(super) fn copy(out: &mut String, value: &str) {
    let _ = Bounded { out }.write_str(value);
}

struct Bounded<'a> {
    out: &'a mut String,
}

impl Write for Bounded<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = MAX_VALUE.saturating_sub(self.out.len());
        if part.len() <= room {
            self.out.push_str(part);
            return Ok(());
        }
        self.out.push_str(part.get(..part.floor_char_boundary(room)).unwrap_or(""));
        self.out.push(CUT);
        Err(fmt::Error)
    }
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._/@^+".contains(&byte)
}

/// Copies the stretches between characters that need `escape`.
fn escaped(out: &mut String, value: &str, escape: impl Fn(&mut String, char)) {
    // Nearly all values are plain ASCII, for which looking at bytes is quicker.
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        out.push_str(value);
        return;
    }
    let mut rest = value;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| needs_escape(*c)) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        escape(out, c);
        rest = after.get(c.len_utf8()..).unwrap_or("");
    }
    out.push_str(rest);
}

/// Quotes, controls, and what is invisible or turns the direction of writing.
fn needs_escape(c: char) -> bool {
    match c {
        '"' | '\\' => true,
        ' '..='~' => false,
        _ => c.is_ascii() || !(c.is_alphanumeric() || c.escape_debug().count() == 1),
    }
}

fn go_escape(out: &mut String, c: char) {
    let code = u32::from(c);
    // Writing to a string cannot fail.
    let _ = match c {
        '"' | '\\' => write!(out, "\\{c}"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\u{7}' => out.write_str("\\a"),
        '\u{8}' => out.write_str("\\b"),
        '\u{b}' => out.write_str("\\v"),
        '\u{c}' => out.write_str("\\f"),
        _ if code < 0x80 => write!(out, "\\x{code:02x}"),
        _ if code < 0x1_0000 => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

fn json_escape(out: &mut String, c: char) {
    let _ = match c {
        '"' | '\\' => write!(out, "\\{c}"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        _ => c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}")),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(write: fn(&mut String, &str), value: &str) -> String {
        let mut out = String::new();
        write(&mut out, value);
        out
    }

    #[test]
    fn harmless_values_stay_bare_and_others_are_quoted() {
        for bare in ["GET", "library/alpine", "a.b-c_d@e^f+g", "2026"] {
            assert_eq!(with(text, bare), bare);
        }
        assert_eq!(with(text, "sha256:ab"), r#""sha256:ab""#);
        assert_eq!(with(text, "two words"), r#""two words""#);
        assert_eq!(with(text, r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(with(text, "a=b"), r#""a=b""#);
        assert_eq!(with(text, "größe"), r#""größe""#);
        assert_eq!(with(text, ""), r#""""#);
    }

    #[test]
    fn no_value_can_begin_a_new_line_or_move_the_cursor() {
        let evil = "a\nlevel=error\r\t\u{1b}[2J\u{7f}\u{85}\u{202e}\u{2028}\u{e0001}";
        assert_eq!(
            with(text, evil),
            r#""a\nlevel=error\r\t\x1b[2J\x7f\u0085\u202e\u2028\U000e0001""#
        );
        assert_eq!(
            with(json, evil),
            r#""a\nlevel=error\r\t\u001b[2J\u007f\u0085\u202e\u2028\udb40\udc01""#
        );
        assert_eq!(with(plain, "say \"hi\"\n"), r#"say "hi"\n"#);
    }

    #[test]
    fn json_strings_read_back_as_they_were() {
        let value = "a\"b\\c\n\u{0}\u{1b} ü 日本 \u{1f600} \u{e0001}";
        assert_eq!(serde_json::from_str::<String>(&with(json, value)).unwrap(), value);
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let long = "ü".repeat(MAX_VALUE);
        let mut out = String::from("x");
        copy(&mut out, &long);
        assert_eq!(out.len(), MAX_VALUE - 1 + CUT.len_utf8());
        assert!(out.ends_with("ü…"));
        out.clear();
        format(&mut out, &long);
        assert!(out.len() <= MAX_VALUE + CUT.len_utf8() && out.ends_with('…'));
    }
}
