//! Which folders are repositories: those that have `_layers` or `_manifests`.
//!
//! Names nest freely and components that begin with `_` are reserved, so every other folder has to
//! be looked into.

use oci::RepositoryName;

use super::keys::{LAYERS, MANIFESTS};
use crate::Problem;

/// A longer path cannot be a repository, nor hold one.
const MAX_NAME: usize = 255;

/// What a folder below `repositories/` means to the folder that it lies in.
pub(super) enum Meaning {
    /// That one is a repository.
    Repository,
    /// Nothing.
    Nothing,
    /// There may be repositories in this one.
    Below,
}

/// What a folder of this name means.
pub(super) fn meaning(name: &str) -> Meaning {
    match name {
        LAYERS | MANIFESTS => Meaning::Repository,
        reserved if reserved.starts_with('_') => Meaning::Nothing,
        _ => Meaning::Below,
    }
}

/// The path below `repositories/` of a folder in the one at `parent`, which is empty at the top.
pub(super) fn below(parent: &str, name: &str) -> Result<String, Problem> {
    let path = match parent {
        "" => name.to_owned(),
        parent => format!("{parent}/{name}"),
    };
    if path.len() <= MAX_NAME {
        return Ok(path);
    }
    let has = path.len();
    Err(Problem::BadName(format!("its path has {has} bytes, at most {MAX_NAME} are allowed")))
}

/// The repository at a path below `repositories/`.
pub(super) fn repository(path: &str) -> Result<RepositoryName, Problem> {
    RepositoryName::parse(path).map_err(|error| Problem::BadName(error.to_string()))
}
