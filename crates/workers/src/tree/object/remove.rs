//! Removing links whose things are gone.

use futures_util::{StreamExt, TryStreamExt};
use oci::RepositoryName;
use store::{Objects, StoreError};

use super::AT_ONCE;
use super::pages::Pages;
use crate::tree::{LinkName, keys};

/// Removes the folder of each link; of a tag with all of its history.
pub(super) async fn links(
    objects: &dyn Objects,
    name: &RepositoryName,
    links: &[LinkName],
) -> Result<(), StoreError> {
    let kind = |link: &LinkName| std::mem::discriminant(link);
    for alike in links.chunk_by(|one, other| kind(one) == kind(other)) {
        let folders: Vec<_> = alike.iter().map(|link| keys::removed_folder(name, link)).collect();
        let removals = folders.into_iter().map(|one| async move { folder(objects, &one).await });
        futures_util::stream::iter(removals).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    }
    Ok(())
}

/// Removes the links of a repository. Uploads that another registry has open there are left alone.
pub(super) async fn repository(
    objects: &dyn Objects,
    name: &RepositoryName,
) -> Result<(), StoreError> {
    // Names before what they name.
    for top in [keys::tags(name), keys::manifests(name), keys::layers(name)] {
        folder(objects, &top).await?;
    }
    Ok(())
}

/// Removes every object below a folder.
async fn folder(objects: &dyn Objects, folder: &str) -> Result<(), StoreError> {
    let mut pages = Pages::below(objects, folder);
    while let Some(page) = pages.next().await? {
        let removals = page.into_iter().map(|one| async move { objects.remove(&one.key).await });
        futures_util::stream::iter(removals).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    }
    Ok(())
}
