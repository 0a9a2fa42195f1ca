//! Tree to text, for `config show`: block style, quotes wherever a plain word could be misread.

use serde_json::Value;

/// YAML of a JSON tree; always ends with a line break.
pub(in crate::config) fn emit(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = "  ".repeat(indent);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                out.push_str(&pad);
                out.push_str(&word(key));
                out.push(':');
                child(value, indent, out);
            }
        }
        Value::Array(list) => {
            for item in list {
                out.push_str(&pad);
                out.push('-');
                child(item, indent, out);
            }
        }
        other => {
            out.push_str(&pad);
            out.push_str(&inline(other));
            out.push('\n');
        }
    }
}

fn child(value: &Value, indent: usize, out: &mut String) {
    let nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    };
    if nested {
        out.push('\n');
        block(value, indent.saturating_add(1), out);
    } else {
        out.push(' ');
        out.push_str(&inline(value));
        out.push('\n');
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => word(text),
        Value::Array(_) => "[]".to_owned(),
        Value::Object(_) => "{}".to_owned(),
    }
}

/// Plain if no reader of YAML 1.1 or 1.2 could take it for anything but this text.
fn word(text: &str) -> String {
    let starts = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        || is_duration(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let reserved = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let ambiguous = reserved.iter().any(|word| word.eq_ignore_ascii_case(text));
    if starts && text.chars().all(plain) && !ambiguous {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

/// `90s`, `168h`: begins as a number, but no number ends in these letters.
fn is_duration(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(['h', 'm', 's'])
        && text.chars().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_maps_and_lists_are_indented_and_doubtful_words_quoted() {
        let value = json!({"a": {"b": [1, "no", "x"], "c": {}, "d": []}, "e": "0x12", "f": "a: b", "g": "12h"});
        let expected = "a:\n  b:\n    - 1\n    - \"no\"\n    - x\n  c: {}\n  d: []\ne: \"0x12\"\nf: \"a: b\"\ng: 12h\n";
        assert_eq!(emit(&value), expected);
    }

    #[test]
    fn a_list_of_maps_stays_readable() {
        assert_eq!(emit(&json!({"l": [{"a": 1, "b": 2}]})), "l:\n  -\n    a: 1\n    b: 2\n");
    }
}
