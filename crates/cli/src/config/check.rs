//! Holds the tree against the schema: unknown keys, wrong kinds of values, refused and ignored
//! settings. Whatever passes, the sections can read without a second thought.

use super::nearest::nearest;
use super::problem::Problems;
use super::schema::{Key, Kind, Standing};
use super::yaml::{Entry, Node, Scalar, Value};
use super::{bytes, duration};

/// Checks `node`, which stands at `path`, against `kind` and reports everything wrong with it.
pub(super) fn check(node: &Node, kind: &Kind, path: &str, problems: &mut Problems<'_>) {
    match (&node.value, kind) {
        (Value::Null, _) | (_, Kind::Any) => {}
        (Value::Map(entries), Kind::Fields(keys)) => {
            for entry in entries {
                field(entry, keys, path, problems);
            }
        }
        (Value::Map(entries), Kind::Drivers(keys)) => {
            for entry in entries {
                driver(entry, keys, path, problems);
            }
        }
        (Value::Map(entries), Kind::Table(inner)) => {
            for entry in entries {
                check(&entry.node, inner, &join(path, &entry.key), problems);
            }
        }
        (Value::List(items), Kind::List(inner)) => {
            for (n, item) in items.iter().enumerate() {
                check(item, inner, &format!("{path}[{n}]"), problems);
            }
        }
        (Value::Scalar(text), kind) if fits(text, kind) => {}
        (_, kind) => wrong_kind(node, kind, path, problems),
    }
}

/// The full name of `key` inside of `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn wrong_kind(node: &Node, kind: &Kind, path: &str, problems: &mut Problems<'_>) {
    let found = match kind {
        // A secret that was written where a section of them is wanted.
        Kind::Table(Kind::Secret) => "a text".to_owned(),
        _ => node.describe(),
    };
    let text = format!("wants {}, not {found}", kind.wanted());
    let way_out = match (&node.value, kind) {
        (Value::Scalar(scalar), Kind::List(_)) => {
            format!("write [{}]", super::problem::shorten(&scalar.text))
        }
        _ => String::new(),
    };
    let path = if path.is_empty() { "the configuration" } else { path };
    problems.error(&node.place, path, text, way_out);
}

fn fits(scalar: &Scalar, kind: &Kind) -> bool {
    match kind {
        Kind::Text | Kind::Secret | Kind::Any => true,
        Kind::Flag => scalar.flag().is_some(),
        Kind::Number => scalar.number().is_some(),
        Kind::Bytes => bytes::parse(&scalar.text).is_some(),
        Kind::Time => duration::parse(&scalar.text).is_some(),
        Kind::Age => duration::parse_long(&scalar.text).is_some(),
        Kind::Choice(words) => {
            scalar.text.is_empty()
                || words.iter().any(|word| word.eq_ignore_ascii_case(&scalar.text))
        }
        // An empty text for a section is what an unset variable in a template leaves.
        Kind::Fields(_) | Kind::Drivers(_) | Kind::Table(_) | Kind::List(_) => {
            scalar.text.is_empty()
        }
    }
}

fn field(entry: &Entry, keys: &'static [Key], path: &str, problems: &mut Problems<'_>) {
    if entry.key.starts_with("x-") {
        return;
    }
    let full = join(path, &entry.key);
    let Some(key) = keys.iter().find(|key| key.name == entry.key) else {
        let way_out = guess(&entry.key, keys);
        let own = full.strip_prefix("auth.").unwrap_or(&full);
        if own == "berth" || own.starts_with("berth.") {
            problems.error(&entry.place, &full, "unknown key", way_out);
        } else {
            problems.doubt(&entry.place, &full, "unknown key, ignored", way_out);
        }
        return;
    };
    match key.standing {
        Standing::Honoured => check(&entry.node, &key.kind, &full, problems),
        _ if entry.node.is_empty() => {}
        Standing::Ignored(why) => {
            problems.warning(&entry.place, &full, format!("has no effect: {why}"), "");
        }
        Standing::Refused(way_out) => {
            problems.error(&entry.place, &full, "is not supported", way_out);
        }
    }
}

/// In a section that chooses a driver a key counts by being there, and an unknown one changes who
/// is let in or where bytes go: so it is an error always.
fn driver(entry: &Entry, keys: &'static [Key], path: &str, problems: &mut Problems<'_>) {
    let full = join(path, &entry.key);
    match keys.iter().find(|key| key.name == entry.key) {
        None if entry.key.starts_with("x-") => {}
        None => {
            let known: Vec<_> = keys.iter().map(|key| key.name).collect();
            let way_out = match nearest(&entry.key, known.iter().copied()) {
                Some(name) => format!("did you mean {name:?}?"),
                None => format!("known are {}", known.join(", ")),
            };
            problems.error(&entry.place, &full, "unknown key", way_out);
        }
        Some(Key { standing: Standing::Refused(way_out), .. }) => {
            problems.error(&entry.place, &full, "is not supported", *way_out);
        }
        Some(_) => field(entry, keys, path, problems),
    }
}

fn guess(word: &str, keys: &'static [Key]) -> String {
    nearest(word, keys.iter().map(|key| key.name))
        .map_or_else(String::new, |name| format!("did you mean {name:?}?"))
}
