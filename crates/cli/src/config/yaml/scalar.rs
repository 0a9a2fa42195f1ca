//! What a scalar means under YAML 1.1, as the original's library resolves it.

use super::Scalar;

impl Scalar {
    /// True if an unquoted scalar stands for "nothing".
    pub(in crate::config) fn is_null(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// `yes`, `on`, `true`, `y` and their opposites in the three usual spellings of case.
    /// Quotes are forgiven: `"true"` has no second meaning where a flag is wanted.
    pub(in crate::config) fn flag(&self) -> Option<bool> {
        match self.text.as_str() {
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
                Some(true)
            }
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off"
            | "OFF" => Some(false),
            _ => None,
        }
    }

    /// A whole number: decimal, `0x`, `0o`, `0b` or octal with a leading zero; `_` may group digits.
    pub(in crate::config) fn number(&self) -> Option<i64> {
        let plain = self.text.replace('_', "");
        let (negative, digits) = match plain.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
        };
        let (digits, radix) = match digits.as_bytes() {
            [b'0', b'x' | b'X', ..] => (digits.get(2..)?, 16),
            [b'0', b'o' | b'O', ..] => (digits.get(2..)?, 8),
            [b'0', b'b' | b'B', ..] => (digits.get(2..)?, 2),
            [b'0', _, ..] => (digits.get(1..)?, 8),
            _ => (digits, 10),
        };
        if !digits.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return None;
        }
        let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
        i64::try_from(if negative { -magnitude } else { magnitude }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Scalar {
        Scalar { text: text.to_owned(), quoted: false }
    }

    #[test]
    fn flags_are_the_words_of_yaml_1_1() {
        for word in ["y", "Yes", "on", "TRUE"] {
            assert_eq!(plain(word).flag(), Some(true), "{word}");
        }
        for word in ["n", "No", "OFF", "false"] {
            assert_eq!(plain(word).flag(), Some(false), "{word}");
        }
        assert_eq!(plain("tRuE").flag(), None);
        assert_eq!(plain("1").flag(), None);
    }

    #[test]
    fn numbers_know_their_bases_and_octal_zeros() {
        for (text, value) in [
            ("0", 0),
            ("42", 42),
            ("-7", -7),
            ("0123", 83),
            ("0o17", 15),
            ("0x1F", 31),
            ("0b11", 3),
        ] {
            assert_eq!(plain(text).number(), Some(value), "{text}");
        }
        assert_eq!(plain("1_000").number(), Some(1000));
        for text in ["", "-", "0x", "--1", "1.5", "9223372036854775808", "089"] {
            assert_eq!(plain(text).number(), None, "{text}");
        }
    }

    #[test]
    fn quotes_keep_a_null_word_a_text() {
        assert!(plain("~").is_null());
        assert!(plain("").is_null());
        assert!(!Scalar { text: "null".into(), quoted: true }.is_null());
    }
}
