//! Names of objects: the distribution tree where a blob fits, our own folder
//! for what has no digest yet.
//!
//! ```text
//! docker/registry/v2/blobs/sha256/<hh>/<hex>/data            a blob in its own place
//! docker/registry/v2/blobs/sha256/<hh>/<hex>/data.<unique>   one beside it
//! berth/blobs/<staging>.<nonce>                              a blob that was staged
//! berth/uploads/<staging>/begun.<nonce>                      an upload in parts is open
//! berth/uploads/<staging>/tail.<nonce>                       bytes between the parts and a checkpoint
//! ```
//!
//! A nonce is never used twice, so neither is a name.

use oci::{Algorithm, Digest};
use store::{BlobKey, Random, StagingId, StoreError};

/// The tree's folder of blobs.
pub(super) const TREE: &str = "docker/registry/v2/blobs/";

/// Blobs that were staged.
pub(super) const STAGED: &str = "berth/blobs/";

/// What open uploads need.
pub(super) const UPLOADS: &str = "berth/uploads/";

/// The start of a marker's name within its folder.
pub(super) const BEGUN: &str = "begun.";

/// 16 letters that nobody had before.
pub(super) fn nonce(random: &dyn Random) -> String {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    format!("{:016x}", u64::from_le_bytes(bytes))
}

pub(super) fn tree(sha256: &Digest, unique: Option<&str>) -> String {
    let hex = sha256.hex();
    let fan = hex.get(..2).unwrap_or_default();
    let beside = unique.map(|unique| format!(".{unique}")).unwrap_or_default();
    format!("{TREE}sha256/{fan}/{hex}/data{beside}")
}

pub(super) fn staged(id: &StagingId, random: &dyn Random) -> String {
    format!("{STAGED}{id}.{}", nonce(random))
}

pub(super) fn uploads(id: &StagingId) -> String {
    format!("{UPLOADS}{id}/")
}

pub(super) fn begun(id: &StagingId, random: &dyn Random) -> String {
    format!("{UPLOADS}{id}/{BEGUN}{}", nonce(random))
}

pub(super) fn tail(id: &StagingId, random: &dyn Random) -> String {
    format!("{UPLOADS}{id}/tail.{}", nonce(random))
}

/// The staging id in the name of anything below `berth/uploads/`.
pub(super) fn upload_of(key: &str) -> Option<StagingId> {
    StagingId::parse(key.strip_prefix(UPLOADS)?.split_once('/')?.0)
}

/// What the name of a blob tells.
pub(super) struct Named {
    pub sha256: Option<Digest>,
    pub staging: Option<StagingId>,
    /// Whether another registry may have given this name.
    pub own_place: bool,
}

/// `None` for a name that this store does not give to blobs.
pub(super) fn named(key: &str) -> Option<Named> {
    if let Some(rest) = key.strip_prefix(STAGED) {
        let (id, nonce) = rest.split_once('.')?;
        let plain = !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
        let staging = plain.then(|| StagingId::parse(id)).flatten()?;
        return Some(Named { sha256: None, staging: Some(staging), own_place: false });
    }
    let mut parts = key.strip_prefix(TREE)?.split('/');
    let (Some(algorithm), Some(fan), Some(hex), Some(file), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    algorithm.parse::<Algorithm>().ok()?;
    let digest = format!("{algorithm}:{hex}").parse::<Digest>().ok()?;
    if fan.len() != 2 || !hex.starts_with(fan) {
        return None;
    }
    let sha256 = (digest.algorithm() == Algorithm::Sha256).then_some(digest);
    match file.strip_prefix("data")? {
        "" => Some(Named { sha256, staging: None, own_place: true }),
        rest => {
            let unique = rest.strip_prefix('.')?;
            let id = unique.split_once('.').map_or(unique, |(id, _)| id);
            let staging = Some(StagingId::parse(id)?);
            let plain = unique.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
            plain.then_some(Named { sha256, staging, own_place: false })
        }
    }
}

/// The name behind a key. A key is text from a database row: one that is not of
/// the form this store makes is damage and reaches no object.
pub(super) fn object(key: &BlobKey) -> Result<&str, StoreError> {
    match named(key.as_str()) {
        Some(_) => Ok(key.as_str()),
        None => {
            let shown = oci::quoted(key.as_str());
            Err(StoreError::Damaged(format!("blob key {shown} does not name a blob object")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::OsRandom;

    #[test]
    fn names_that_the_store_gives_are_known_again() {
        let (digest, id) = (Digest::sha256(b"x"), StagingId::parse("019a-b").unwrap());
        let own = named(&tree(&digest, None)).unwrap();
        assert!(own.own_place && own.sha256 == Some(digest) && own.staging.is_none());
        let beside = named(&tree(&digest, Some("019a-b"))).unwrap();
        assert!(!beside.own_place && beside.staging == Some(id.clone()));
        let staged = named(&staged(&id, &OsRandom)).unwrap();
        assert!(staged.sha256.is_none() && staged.staging == Some(id.clone()));
        assert_eq!(upload_of(&tail(&id, &OsRandom)), Some(id));
    }

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        let good = tree(&Digest::sha256(b"x"), None);
        for key in [
            String::new(),
            format!("/{good}"),
            format!("{good}/../data"),
            format!("{good}."),
            format!("{good}.a/b"),
            format!("{good}.a..b/c"),
            good.replace("/data", "/link"),
            "berth/blobs/x".to_owned(),
            "berth/blobs/../x.00".to_owned(),
            "berth/blobs/a/b.00".to_owned(),
            "berth/uploads/x/tail.00".to_owned(),
        ] {
            assert!(named(&key).is_none(), "{key}");
        }
    }
}
