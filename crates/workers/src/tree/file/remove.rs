//! Removing links whose things are gone.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use oci::RepositoryName;
use store::StoreError;

use super::layout::Layout;
use crate::tree::{LinkName, keys};

/// Removes the directory of each link; of a tag with all of its history.
pub(super) fn links(
    layout: &Layout,
    name: &RepositoryName,
    links: &[LinkName],
) -> Result<(), StoreError> {
    for link in links {
        directory_and_all(layout, &layout.path(&keys::removed_folder(name, link)))?;
    }
    Ok(())
}

/// Removes the links of a repository, then its directories from below as far as they are empty.
/// Uploads that another registry has open there are left alone.
pub(super) fn repository(layout: &Layout, name: &RepositoryName) -> Result<(), StoreError> {
    // Names before what they name: tags lie in `_manifests`.
    directory_and_all(layout, &layout.path(&keys::manifests(name)))?;
    directory_and_all(layout, &layout.path(&keys::layers(name)))?;
    let (directory, top) = (layout.path(&keys::repository(name)), layout.path(keys::REPOSITORIES));
    let below = directory.ancestors().take_while(|path| *path != top);
    for empty in below {
        if fs::remove_dir(empty).is_err() {
            break;
        }
    }
    Ok(())
}

fn directory_and_all(layout: &Layout, directory: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(StoreError::io(format!("removing {}", layout.shown(directory)), &error))
        }
        _ => Ok(()),
    }
}
