//! What an export will copy, said before it does: bytes that are copied inside a bucket take room
//! and time there, and a bill.

use store::{BlobPlace, Page};

use super::{Export, PAGE};
use crate::{Observer, Shutdown, WorkError};

/// Tells how many blobs, and bytes, have to be copied to their digests' own places; says nothing
/// where none have. Blobs that only wait for the garbage collector are counted too.
pub(super) async fn copies(
    export: &Export,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<(), WorkError> {
    let (mut blobs, mut bytes) = (0_u64, 0_u64);
    let mut page = Page::first(PAGE);
    loop {
        if shutdown.requested() {
            return Err(WorkError::Interrupted);
        }
        let some = export.walk.walk_blobs(page).await?;
        let Some(last) = some.last() else { break };
        page = Page::after(last.sha256, PAGE);
        let stored = some.iter().filter_map(|blob| match &blob.place {
            BlobPlace::Stored(key) => Some((blob.sha256, key.clone())),
            BlobPlace::Inline(_) => None,
        });
        let copied = export.tree.to_copy(stored.collect()).await?;
        let of_page = some.iter().filter(|blob| copied.contains(&blob.sha256));
        bytes += of_page.map(|blob| blob.size).sum::<u64>();
        blobs += copied.len() as u64;
    }
    if blobs > 0 {
        observer.line(&format!("{blobs} blobs, {bytes} bytes will be copied inside the bucket"));
    }
    Ok(())
}
