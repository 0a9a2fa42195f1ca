//! Finding repositories, folder by folder as the original does: a list of all objects would name
//! every link of the bucket. In memory are the folders still to be looked into.

use futures_util::{StreamExt, TryStreamExt};
use oci::RepositoryName;
use store::{Objects, StoreError};

use super::AT_ONCE;
use crate::Finding;
use crate::tree::Listing;
use crate::tree::keys::REPOSITORIES;
use crate::tree::names::{self, Meaning};

/// What a folder turned out to hold.
struct Found {
    /// Its path below `repositories/`; empty for that one itself.
    path: String,
    is_repository: bool,
    /// Paths of folders in it that may hold repositories.
    below: Vec<String>,
    findings: Vec<Finding>,
}

/// All repositories, sorted.
pub(super) async fn all(objects: &dyn Objects) -> Result<Listing<RepositoryName>, StoreError> {
    let mut listing = Listing::default();
    walk(objects, &mut listing.findings, |name| {
        listing.items.push(name);
        true
    })
    .await?;
    listing.items.sort_unstable();
    Ok(listing)
}

/// Whether there is at least one.
pub(super) async fn any(objects: &dyn Objects) -> Result<bool, StoreError> {
    let mut found = false;
    walk(objects, &mut Vec::new(), |_| {
        found = true;
        false
    })
    .await?;
    Ok(found)
}

/// Calls `visit` for each repository, in no order, until it returns `false`.
async fn walk(
    objects: &dyn Objects,
    findings: &mut Vec<Finding>,
    mut visit: impl FnMut(RepositoryName) -> bool,
) -> Result<(), StoreError> {
    let mut open = vec![String::new()];
    while !open.is_empty() {
        // The last ones first: what they hold is looked into before their neighbours.
        let some = open.split_off(open.len().saturating_sub(AT_ONCE));
        let looks = some.into_iter().map(|path| look(objects, path));
        let found: Vec<Found> =
            futures_util::stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        for Found { path, is_repository, below, findings: odd } in found {
            findings.extend(odd);
            open.extend(below);
            if !is_repository || path.is_empty() {
                continue;
            }
            match names::repository(&path) {
                Ok(name) => {
                    if !visit(name) {
                        return Ok(());
                    }
                }
                Err(problem) => {
                    let path = format!("{REPOSITORIES}/{path}");
                    findings.push(Finding { path, problem });
                }
            }
        }
    }
    Ok(())
}

/// Reads one folder.
async fn look(objects: &dyn Objects, path: String) -> Result<Found, StoreError> {
    let prefix = match path.as_str() {
        "" => format!("{REPOSITORIES}/"),
        path => format!("{REPOSITORIES}/{path}/"),
    };
    let mut found = Found { path, is_repository: false, below: Vec::new(), findings: Vec::new() };
    for name in objects.folders(&prefix).await? {
        match names::meaning(&name) {
            Meaning::Repository => found.is_repository = true,
            Meaning::Nothing => {}
            Meaning::Below => match names::below(&found.path, &name) {
                Ok(path) => found.below.push(path),
                Err(problem) => {
                    let path = format!("{prefix}{name}");
                    found.findings.push(Finding { path, problem });
                }
            },
        }
    }
    Ok(found)
}
