//! `policy`: which kinds of repository may exist.

use serde::Serialize;

use super::schema::{Key, Kind};
use super::section::Section;

pub(super) const KEYS: &[Key] =
    &[Key::new("repository", Kind::Fields(&[Key::new("classes", Kind::List(&Kind::Text))]))];

/// Settings under `policy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Policy {
    /// Rules for repositories.
    pub(crate) repository: RepositoryPolicy,
}

/// Settings under `policy.repository`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RepositoryPolicy {
    /// The classes (`image`, `plugin`) whose manifests are taken; empty means all.
    pub(crate) classes: Vec<String>,
}

/// Reads `policy`.
pub(super) fn read(root: &Section<'_>) -> Policy {
    let repository = root.section("policy").section("repository");
    let classes = repository.texts("classes").into_iter().map(|(class, _)| class).collect();
    Policy { repository: RepositoryPolicy { classes } }
}
