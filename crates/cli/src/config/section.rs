//! A reader of one section of the checked tree.
//!
//! A value of the wrong kind reads as absent here: [`check`](super::check) has reported it already.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::check::join;
use super::problem::Problems;
use super::secret::Secret;
use super::yaml::{Entry, Node, Place, Scalar, Value};
use super::{bytes, duration};

/// One section, present or not.
pub(super) struct Section<'a> {
    node: Option<&'a Node>,
    path: String,
    place: Place,
}

impl<'a> Section<'a> {
    /// The whole configuration.
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node: Some(node), path: String::new(), place: Place::Whole }
    }

    /// The section under `key`.
    pub(super) fn section(&self, key: &str) -> Section<'a> {
        Section { node: self.node(key), path: self.path(key), place: self.place(key) }
    }

    /// The sections in the list under `key`.
    pub(super) fn sections(&self, key: &str) -> Vec<Section<'a>> {
        let items = self.node(key).map_or(&[][..], Node::items);
        let path = self.path(key);
        let section = |(n, node): (usize, &'a Node)| Section {
            node: Some(node),
            path: format!("{path}[{n}]"),
            place: node.place.clone(),
        };
        items.iter().enumerate().map(section).collect()
    }

    /// The entries of the section, for those whose names are free.
    pub(super) fn entries(&self) -> &'a [Entry] {
        self.node.map_or(&[], Node::entries)
    }

    /// True if the section is written, even without content.
    pub(super) fn has(&self, key: &str) -> bool {
        self.node.is_some_and(|node| node.entry(key).is_some())
    }

    /// True if `key` is there and holds something.
    pub(super) fn holds(&self, key: &str) -> bool {
        self.node(key).is_some_and(|node| !node.is_empty())
    }

    /// The full name of `key`.
    pub(super) fn path(&self, key: &str) -> String {
        if key.is_empty() { self.path.clone() } else { join(&self.path, key) }
    }

    /// Where `key` was written, else where the section was.
    pub(super) fn place(&self, key: &str) -> Place {
        match self.node.and_then(|node| node.entry(key)) {
            Some(entry) if entry.node.is_empty() => entry.place.clone(),
            Some(entry) => entry.node.place.clone(),
            None => self.place.clone(),
        }
    }

    /// Reports that the value under `key` (or the section, if `key` is empty) cannot be used.
    pub(super) fn error(
        &self,
        problems: &mut Problems<'_>,
        key: &str,
        text: impl Into<String>,
        way_out: impl Into<String>,
    ) {
        problems.error(&self.place(key), &self.path(key), text, way_out);
    }

    /// Reports something odd about `key`.
    pub(super) fn warning(
        &self,
        problems: &mut Problems<'_>,
        key: &str,
        text: impl Into<String>,
        way_out: impl Into<String>,
    ) {
        problems.warning(&self.place(key), &self.path(key), text, way_out);
    }

    /// The same where the operator surely expects an effect that will not come.
    pub(super) fn loud_warning(
        &self,
        problems: &mut Problems<'_>,
        key: &str,
        text: impl Into<String>,
        way_out: impl Into<String>,
    ) {
        problems.loud_warning(&self.place(key), &self.path(key), text, way_out);
    }

    /// A text; `None` if absent or empty.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.scalar(key).map(|scalar| scalar.text.clone()).filter(|text| !text.is_empty())
    }

    /// A text that must be there.
    pub(super) fn required(
        &self,
        problems: &mut Problems<'_>,
        key: &str,
        way_out: &str,
    ) -> Option<String> {
        let text = self.text(key);
        if text.is_none()
            && !matches!(
                self.node(key).map(|node| &node.value),
                Some(Value::Map(_) | Value::List(_))
            )
        {
            self.error(problems, key, "is missing", way_out);
        }
        text
    }

    /// A secret text; `None` if absent or empty.
    pub(super) fn secret(&self, key: &str) -> Option<Secret> {
        self.text(key).map(Secret::new)
    }

    /// One word of a choice, in small letters.
    pub(super) fn choice(&self, key: &str) -> Option<String> {
        self.text(key).map(|text| text.to_ascii_lowercase())
    }

    /// A flag.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.scalar(key)?.flag()
    }

    /// A whole number.
    pub(super) fn number(&self, key: &str) -> Option<i64> {
        self.scalar(key)?.number()
    }

    /// A whole number within `range`; one outside of it is an error.
    pub(super) fn number_in<N>(
        &self,
        problems: &mut Problems<'_>,
        key: &str,
        range: RangeInclusive<N>,
    ) -> Option<N>
    where
        N: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let number = self.number(key)?;
        match N::try_from(number).ok().filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => {
                let way_out = format!("use {} to {}", range.start(), range.end());
                self.error(problems, key, format!("{number} is out of range"), way_out);
                None
            }
        }
    }

    /// A number of bytes.
    pub(super) fn bytes(&self, key: &str) -> Option<u64> {
        bytes::parse(&self.scalar(key)?.text)
    }

    /// A duration.
    pub(super) fn time(&self, key: &str) -> Option<Duration> {
        duration::parse(&self.scalar(key)?.text)
    }

    /// A duration that may be given in days.
    pub(super) fn age(&self, key: &str) -> Option<Duration> {
        duration::parse_long(&self.scalar(key)?.text)
    }

    /// A duration longer than nothing; zero is an error.
    pub(super) fn positive_time(&self, problems: &mut Problems<'_>, key: &str) -> Option<Duration> {
        let time = self.time(key)?;
        if time.is_zero() {
            self.error(problems, key, "must be longer than 0s", "leave it out for the default");
            return None;
        }
        Some(time)
    }

    /// The texts in the list under `key`, with the place of each; empty ones are left out.
    pub(super) fn texts(&self, key: &str) -> Vec<(String, &'a Place)> {
        texts(self.node(key).map_or(&[][..], Node::items))
    }

    /// The value under `key`; `None` if absent or null.
    pub(super) fn node(&self, key: &str) -> Option<&'a Node> {
        let node = &self.node?.entry(key)?.node;
        (node.value != Value::Null).then_some(node)
    }

    fn scalar(&self, key: &str) -> Option<&'a Scalar> {
        match &self.node(key)?.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }
}

/// The texts among `items`, with their places.
pub(super) fn texts(items: &[Node]) -> Vec<(String, &Place)> {
    let text = |node: &Node| match &node.value {
        Value::Scalar(scalar) if !scalar.text.is_empty() => Some(scalar.text.clone()),
        _ => None,
    };
    items.iter().filter_map(|node| Some((text(node)?, &node.place))).collect()
}
