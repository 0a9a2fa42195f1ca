//! The tree of a configuration: values, each with the place where it was written.

use std::sync::Arc;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::config) enum Place {
    /// Line and column in the configuration file, both counted from 1.
    File {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// The environment variable of this name.
    Variable(Arc<str>),
    /// Nowhere in particular: the whole configuration.
    Whole,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Node {
    /// Where it was written.
    pub(in crate::config) place: Place,
    /// What was written.
    pub(in crate::config) value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum Value {
    /// Nothing: `key:`, `~` or `null`.
    Null,
    /// One word, number or text.
    Scalar(Scalar),
    /// `[a, b]`
    List(Vec<Node>),
    /// `{k: v}`, in written order, each key once.
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Entry {
    /// The key as written.
    pub(in crate::config) key: String,
    /// Where the key was written (the value may stand on a later line).
    pub(in crate::config) place: Place,
    /// Its value.
    pub(in crate::config) node: Node,
}

/// A scalar: its text and whether quotes made it a text for sure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Scalar {
    /// The text after quotes and escapes are taken away.
    pub(in crate::config) text: String,
    /// Written in quotes or as a block: never null.
    pub(in crate::config) quoted: bool,
}

impl Node {
    /// An empty map at `place`.
    pub(in crate::config) fn map(place: Place) -> Self {
        Self { place, value: Value::Map(Vec::new()) }
    }

    /// A literal text at `place`.
    pub(in crate::config) fn text(place: Place, text: impl Into<String>) -> Self {
        Self { place, value: Value::Scalar(Scalar { text: text.into(), quoted: true }) }
    }

    /// The entries of a map; none for anything else.
    pub(in crate::config) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub(in crate::config) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entry with exactly this key.
    pub(in crate::config) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// True for `null`, the empty text, and a map or list that holds nothing else.
    pub(in crate::config) fn is_empty(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Scalar(scalar) => scalar.text.is_empty(),
            Value::List(items) => items.iter().all(Self::is_empty),
            Value::Map(entries) => entries.iter().all(|entry| entry.node.is_empty()),
        }
    }

    /// What kind of value this is, for messages: `a list`, `the text "x"`.
    pub(in crate::config) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar(scalar) => format!("{:?}", super::super::problem::shorten(&scalar.text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        }
    }
}
