//! Which setting a variable's name means.

use super::super::schema::{Key, Kind, ROOT};
use super::super::yaml::Node;

/// One step down the tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a key.
    Key(String),
    /// Into an item of a list; one beyond the end is appended.
    Index(usize),
}

/// The way to the setting that `parts` name, and what it holds. `node` is the tree so far:
/// in sections with free names a key that exists keeps its spelling.
pub(super) fn resolve<'k>(
    parts: &[String],
    kind: &'k Kind,
    node: Option<&Node>,
) -> Option<(Vec<Step>, &'k Kind)> {
    let Some(first) = parts.first() else { return Some((Vec::new(), kind)) };
    match kind {
        Kind::Fields(keys) | Kind::Drivers(keys) => in_fields(parts, keys, node),
        Kind::Table(inner) => in_table(parts, inner, node),
        Kind::List(inner) => {
            let index: usize = first.parse().ok()?;
            let item = node.and_then(|node| node.items().get(index));
            let (steps, kind) = resolve(parts.get(1..)?, inner, item)?;
            Some((prepend(Step::Index(index), steps), kind))
        }
        Kind::Any => {
            Some((parts.iter().map(|part| Step::Key(part.to_lowercase())).collect(), kind))
        }
        _ => None,
    }
}

/// The longest run of parts that is a key comes first; shorter ones are tried if it leads nowhere.
fn in_fields<'k>(
    parts: &[String],
    keys: &'k [Key],
    node: Option<&Node>,
) -> Option<(Vec<Step>, &'k Kind)> {
    (1..=parts.len()).rev().find_map(|run| {
        let wanted = letters(&parts.get(..run)?.concat());
        let key = keys.iter().find(|key| {
            letters(key.name) == wanted || key.field.is_some_and(|field| letters(field) == wanted)
        })?;
        let child = node.and_then(|node| node.entry(key.name)).map(|entry| &entry.node);
        let (steps, kind) = resolve(parts.get(run..)?, &key.kind, child)?;
        Some((prepend(Step::Key(key.name.to_owned()), steps), kind))
    })
}

fn in_table<'k>(
    parts: &[String],
    inner: &'k Kind,
    node: Option<&Node>,
) -> Option<(Vec<Step>, &'k Kind)> {
    let existing = (1..=parts.len()).rev().find_map(|run| {
        let wanted = letters(&parts.get(..run)?.concat());
        let entry = node?.entries().iter().find(|entry| letters(&entry.key) == wanted)?;
        let (steps, kind) = resolve(parts.get(run..)?, inner, Some(&entry.node))?;
        Some((prepend(Step::Key(entry.key.clone()), steps), kind))
    });
    existing.or_else(|| {
        let list = matches!(inner, Kind::List(_));
        let index = parts.last().and_then(|last| last.parse().ok()).filter(|_: &usize| list);
        let (name, index) = match (index, parts.split_last()) {
            (Some(index), Some((_, name))) if !name.is_empty() => (name, Some(index)),
            _ => (parts, None),
        };
        let key = Step::Key(name.join(if list { "-" } else { "_" }).to_lowercase());
        match (index, inner) {
            (Some(index), Kind::List(item)) => Some((vec![key, Step::Index(index)], item)),
            _ => Some((vec![key], inner)),
        }
    })
}

fn prepend(step: Step, mut steps: Vec<Step>) -> Vec<Step> {
    steps.insert(0, step);
    steps
}

/// A name without what separates its words, so `max_retries`, `MAXRETRIES` and `max-retries` meet.
fn letters(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_uppercase()).collect()
}

/// The full name of a setting, for messages.
pub(super) fn path(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |path, step| match step {
        Step::Key(key) => super::super::check::join(&path, key),
        Step::Index(index) => format!("{path}[{index}]"),
    })
}

/// Every variable that the schema names, without items of lists.
pub(in crate::config) fn names() -> Vec<String> {
    let mut names = Vec::new();
    for key in ROOT.keys() {
        let prefix = if key.name == "berth" { "BERTH" } else { "REGISTRY" };
        let own = if key.name == "berth" {
            prefix.to_owned()
        } else {
            format!("{prefix}_{}", key.name.to_uppercase())
        };
        below(&key.kind, &own, &mut names);
        names.push(own);
    }
    names
}

fn below(kind: &Kind, prefix: &str, names: &mut Vec<String>) {
    for key in kind.keys() {
        let name = format!("{prefix}_{}", key.name.to_uppercase());
        below(&key.kind, &name, names);
        names.push(name);
    }
}
