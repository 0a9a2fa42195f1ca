//! Values of strangers inside error messages: bounded and escaped, so that a message stays one
//! short line whatever was sent.

/// Longest part of a foreign value that a message repeats, in characters.
const MAX_SHOWN: usize = 128;

/// `value` between double quotes, control characters escaped, cut after 128 characters.
#[must_use]
pub fn quoted(value: &str) -> String {
    let mut shown = String::from("\"");
    for (index, character) in value.chars().enumerate() {
        if index == MAX_SHOWN {
            shown.push('…');
            break;
        }
        match character {
            '\'' => shown.push('\''),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown.push('"');
    shown
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn control_characters_and_quotes_are_escaped() {
        assert_eq!(quoted("it's\n\"\u{0}\u{1b}\u{202e}"), r#""it's\n\"\0\u{1b}\u{202e}""#);
    }

    #[test]
    fn a_long_value_is_cut_after_128_characters() {
        let shown = quoted(&"é".repeat(5000));
        assert_eq!(shown.chars().count(), 128 + 3);
        assert!(shown.ends_with("…\""));
    }
}
