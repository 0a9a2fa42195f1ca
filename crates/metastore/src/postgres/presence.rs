//! Which of a manifest's references are in its repository, held until the
//! manifest is: what is found here can neither be unlinked nor collected.

use std::collections::{HashMap, HashSet};

use futures_util::future::try_join3;
use oci::{Algorithm, Digest, RepositoryName, Role};
use store::{BlobState, Presence};

use super::args::args;
use super::failure::Failure;
use super::transaction::Tx;
use super::{repository, rows};

const ALIASES: &str = "SELECT sha512, sha256 FROM alias WHERE sha512 = ANY($1)";
// A linked blob is never buried, so the link is all that must be held.
pub(crate) const BLOBS: &str = "SELECT l.sha256, b.state FROM link l \
     JOIN blob b ON b.sha256 = l.sha256 \
     WHERE l.repository_id = (SELECT id FROM repository WHERE name = $1) \
     AND l.sha256 = ANY($2) ORDER BY l.sha256 FOR KEY SHARE OF l";
pub(crate) const MANIFESTS: &str = "SELECT m.sha256 FROM manifest m \
     WHERE m.repository_id = (SELECT id FROM repository WHERE name = $1) \
     AND m.sha256 = ANY($2) ORDER BY m.sha256 FOR KEY SHARE OF m";

/// What was found for a manifest.
pub(crate) struct Found {
    /// The repository's id, if it exists.
    pub(crate) repository: Option<i64>,
    /// What the rule may know.
    pub(crate) presence: Vec<Presence>,
    /// The sha256 columns of condemned blobs, to be revived; sorted.
    pub(crate) condemned: Vec<Vec<u8>>,
}

/// The sha256 columns behind references that name a sha512.
pub(crate) type Aliases = HashMap<Digest, Vec<u8>>;

/// Looks all references up, in one trip; all are absent without a repository.
pub(crate) async fn find(
    tx: &Tx,
    name: &RepositoryName,
    references: &[(Role, Digest)],
    aliases: &Aliases,
) -> Result<Found, Failure> {
    let sha256 =
        |digest: &Digest| aliases.get(digest).cloned().unwrap_or_else(|| digest.to_column());
    let mut wanted: Vec<Vec<u8>> = references.iter().map(|(_, digest)| sha256(digest)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let name_column = name.as_str();
    let (repository, blobs, manifests) = try_join3(
        repository::find(tx, name),
        tx.list(BLOBS, args![name_column, &wanted], |row| {
            Ok((rows::get::<Vec<u8>>(row, 0)?, rows::state(row, 1)?))
        }),
        tx.list(MANIFESTS, args![name_column, &wanted], |row| rows::get::<Vec<u8>>(row, 0)),
    )
    .await?;
    let blobs: HashMap<Vec<u8>, BlobState> = blobs.into_iter().collect();
    let manifests: HashSet<Vec<u8>> = manifests.into_iter().collect();
    let present = |&(role, digest): &(Role, Digest)| {
        let sha256 = sha256(&digest);
        let state = blobs.get(&sha256);
        let blob = matches!(state, Some(BlobState::Live | BlobState::Condemned));
        Presence { role, digest, blob, manifest: manifests.contains(&sha256) }
    };
    let presence = references.iter().map(present).collect();
    let condemned = blobs.iter().filter(|(_, state)| **state == BlobState::Condemned);
    let mut condemned: Vec<_> = condemned.map(|(sha256, _)| sha256.clone()).collect();
    condemned.sort_unstable();
    Ok(Found { repository, presence, condemned })
}

/// Looks up what the references call by a sha512; no trip if nothing is.
pub(crate) async fn aliases(tx: &Tx, references: &[(Role, Digest)]) -> Result<Aliases, Failure> {
    let named = references.iter().map(|(_, digest)| digest);
    let named = rows::sorted(named.filter(|digest| digest.algorithm() == Algorithm::Sha512));
    if named.is_empty() {
        return Ok(Aliases::new());
    }
    let read = |row: &tokio_postgres::Row| Ok((rows::digest(row, 0)?, rows::get(row, 1)?));
    Ok(tx.list(ALIASES, args![&named], read).await?.into_iter().collect())
}
