//! The stamp of a tree of objects.
//!
//! There are no folders with times of their own, so all links are listed, a thousand in one call,
//! and none is read: whoever pushes, tags or untags makes, rewrites or removes a link. For a
//! million links that is a thousand calls, one after the other, some minutes at worst. Uploads are
//! not looked at, and neither is `blobs/`, where Berth itself writes. A link that is rewritten with
//! other content of the same length within the tick of the store's clock (a second on some) in
//! which the stamp is taken is not seen.

use oci::{Algorithm, Hasher};
use store::{ObjectRecord, Objects, StoreError};

use super::pages::Pages;
use crate::tree::Stamp;
use crate::tree::keys::{LAYERS, MANIFESTS, REPOSITORIES, UPLOADS};

/// Takes the stamp of the tree as it is now.
pub(super) async fn take(objects: &dyn Objects) -> Result<Stamp, StoreError> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let (mut repositories, mut tags, mut last) = (0, 0, String::new());
    let mut pages = Pages::below(objects, REPOSITORIES);
    while let Some(page) = pages.next().await? {
        for record in page.iter().filter(|record| record.key.ends_with("/link")) {
            let Some((repository, kind)) = split(pages.tail(&record.key)) else { continue };
            if kind != LAYERS && kind != MANIFESTS {
                continue;
            }
            if repository != last {
                repositories += 1;
                last = repository.to_owned();
            }
            tags += u64::from(record.key.ends_with("/current/link"));
            note(&mut hasher, record);
        }
        // Somebody may have left very many of them.
        let last_folder = page.last().and_then(|record| uploads(&record.key));
        if let Some(folder) = last_folder {
            pages.skip(folder);
        }
    }
    Ok(Stamp { repositories, tags, fingerprint: hasher.finish().hex() })
}

/// Splits `<name>/_<kind>/…`.
fn split(tail: &str) -> Option<(&str, &str)> {
    let (name, rest) = tail.split_once("/_")?;
    let kind = tail.get(name.len() + 1..)?;
    let length = rest.find('/')? + 1;
    Some((name, kind.get(..length)?))
}

/// The folder of uploads that a key lies in.
fn uploads(key: &str) -> Option<&str> {
    let end = key.find(&format!("/{UPLOADS}/"))? + 1 + UPLOADS.len();
    key.get(..end)
}

fn note(hasher: &mut Hasher, record: &ObjectRecord) {
    hasher.update(record.key.as_bytes());
    hasher.update(&[0]);
    hasher.update(&record.size.to_be_bytes());
    hasher.update(&record.modified.millis().to_be_bytes());
}
