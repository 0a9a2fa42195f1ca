//! Rules about blobs: publishing, mounting, taking out.

use oci::RepositoryName;
use store::{BlobState, MountFacts, PublishFacts, PublishPlan, Refusal, UnlinkFacts};

/// Whose bytes count when a blob is published.
///
/// The first live copy wins, so two pushes of one blob end with two successes
/// and one copy. Bytes that were dropped because the row looked live are
/// needed after all if it no longer is.
pub fn publish(facts: &PublishFacts) -> Result<PublishPlan, Refusal> {
    match facts.existing {
        Some(BlobState::Live | BlobState::Condemned) => Ok(PublishPlan::KeepExisting),
        _ if facts.has_bytes => Ok(PublishPlan::TakeNew),
        _ => Err(Refusal::BytesNeeded),
    }
}

/// A mount needs one source that the caller may read.
pub fn mountable(
    facts: &MountFacts,
    readable: &dyn Fn(&RepositoryName) -> bool,
) -> Result<(), Refusal> {
    if facts.sources.iter().any(readable) { Ok(()) } else { Err(Refusal::BlobUnknown) }
}

/// A blob may be taken out if it is there and no manifest needs it.
pub fn unlinkable(facts: &UnlinkFacts) -> Result<(), Refusal> {
    match (facts.linked, facts.needed_by) {
        (false, _) => Err(Refusal::BlobUnknown),
        (true, Some(by)) => Err(Refusal::BlobNeeded { by }),
        (true, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci::Digest;

    #[test]
    fn the_first_live_copy_of_a_blob_wins() {
        for state in [BlobState::Live, BlobState::Condemned] {
            let facts = PublishFacts { existing: Some(state), has_bytes: true };
            assert_eq!(publish(&facts), Ok(PublishPlan::KeepExisting));
        }
    }

    #[test]
    fn bytes_replace_a_damaged_or_dying_copy() {
        for existing in [None, Some(BlobState::Damaged), Some(BlobState::Deleting)] {
            let facts = PublishFacts { existing, has_bytes: true };
            assert_eq!(publish(&facts), Ok(PublishPlan::TakeNew));
            let facts = PublishFacts { existing, has_bytes: false };
            assert_eq!(publish(&facts), Err(Refusal::BytesNeeded));
        }
    }

    #[test]
    fn a_mount_from_an_unreadable_repository_is_an_unknown_blob() {
        let facts = MountFacts { sources: vec![RepositoryName::parse("secret").unwrap()] };
        assert_eq!(mountable(&facts, &|_| false), Err(Refusal::BlobUnknown));
        assert_eq!(mountable(&facts, &|_| true), Ok(()));
    }

    #[test]
    fn a_needed_blob_is_not_taken_out() {
        let by = Digest::sha256(b"manifest");
        let facts = UnlinkFacts { linked: true, needed_by: Some(by) };
        assert_eq!(unlinkable(&facts), Err(Refusal::BlobNeeded { by }));
        assert_eq!(
            unlinkable(&UnlinkFacts { linked: false, needed_by: None }),
            Err(Refusal::BlobUnknown)
        );
    }
}
