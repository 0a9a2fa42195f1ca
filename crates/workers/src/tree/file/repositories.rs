//! Finding repositories among directories. Symbolic links are followed, as the original does, except where they lead back to a
//! directory that they lie in.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use oci::RepositoryName;
use store::StoreError;

use super::layout::Layout;
use crate::tree::names::{self, Meaning};
use crate::tree::{Listing, keys};
use crate::{Finding, Problem};

/// A directory to be looked into.
struct Place {
    path: PathBuf,
    name: String,
    /// Device and inode of every directory from the top down to this one.
    ancestors: Vec<(u64, u64)>,
}

/// What a directory turned out to hold.
#[derive(Default)]
struct Found {
    is_repository: bool,
    below: Vec<Place>,
}

/// All repositories, sorted.
pub(super) fn all(layout: &Layout) -> Result<Listing<RepositoryName>, StoreError> {
    let mut listing = Listing::default();
    walk(layout, &mut listing.findings, |name| {
        listing.items.push(name);
        true
    })?;
    listing.items.sort_unstable();
    Ok(listing)
}

/// Whether there is at least one.
pub(super) fn any(layout: &Layout) -> Result<bool, StoreError> {
    let mut found = false;
    walk(layout, &mut Vec::new(), |_| {
        found = true;
        false
    })?;
    Ok(found)
}

/// Calls `visit` for each repository, in no order, until it returns `false`.
fn walk(
    layout: &Layout,
    findings: &mut Vec<Finding>,
    mut visit: impl FnMut(RepositoryName) -> bool,
) -> Result<(), StoreError> {
    let top = layout.path(keys::REPOSITORIES);
    let mut open = match identity(&top) {
        Ok(identity) => vec![Place { path: top, name: String::new(), ancestors: vec![identity] }],
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io(format!("reading {}", top.display()), &error)),
    };
    while let Some(place) = open.pop() {
        let shown = layout.shown(&place.path);
        let mut report = |path: String, problem| findings.push(Finding { path, problem });
        let found = match look(&place, |name, problem| report(format!("{shown}/{name}"), problem)) {
            Ok(found) => found,
            Err(error) if place.name.is_empty() => {
                return Err(StoreError::io(format!("reading {shown}"), &error));
            }
            Err(error) => {
                report(shown, Problem::Unreadable(error.to_string()));
                continue;
            }
        };
        open.extend(found.below);
        if found.is_repository && !place.name.is_empty() {
            match names::repository(&place.name) {
                Ok(name) => {
                    if !visit(name) {
                        return Ok(());
                    }
                }
                Err(problem) => report(shown, problem),
            }
        }
    }
    Ok(())
}

/// Reads one directory.
fn look(place: &Place, mut report: impl FnMut(&str, Problem)) -> std::io::Result<Found> {
    let mut found = Found::default();
    for entry in std::fs::read_dir(&place.path)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            report(&name.to_string_lossy(), Problem::BadName("its name is not text".to_owned()));
            continue;
        };
        match names::meaning(name) {
            Meaning::Repository => found.is_repository = true,
            Meaning::Nothing => {}
            Meaning::Below => match below(place, &entry, name) {
                Ok(Some(next)) => found.below.push(next),
                Ok(None) => {}
                Err(problem) => report(name, problem),
            },
        }
    }
    Ok(found)
}

/// The directory that `entry` is, if it is one that can lead to repositories.
fn below(place: &Place, entry: &std::fs::DirEntry, name: &str) -> Result<Option<Place>, Problem> {
    let unreadable = |error: std::io::Error| Problem::Unreadable(error.to_string());
    let kind = entry.file_type().map_err(unreadable)?;
    if !kind.is_dir() && !kind.is_symlink() {
        return Ok(None);
    }
    let path = entry.path();
    let metadata = std::fs::metadata(&path).map_err(unreadable)?;
    if !metadata.is_dir() {
        return Ok(None);
    }
    let identity = (metadata.dev(), metadata.ino());
    if place.ancestors.contains(&identity) {
        return Err(Problem::Cycle);
    }
    let name = names::below(&place.name, name)?;
    let ancestors = place.ancestors.iter().copied().chain([identity]).collect();
    Ok(Some(Place { path, name, ancestors }))
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
