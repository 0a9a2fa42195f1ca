//! What is left to remove of uploads that this process has published.
//!
//! Nothing of an upload is removed before the metadata knows the blob: until
//! then somebody else may have to go on from the same point. Who published
//! knows what there is, so that its [`discard`](store::BlobStore::discard)
//! needs no list. This is a memory of calls to save, not of facts: what is
//! forgotten here is listed there.

use std::collections::VecDeque;

use parking_lot::Mutex;
use store::StagingId;

/// Uploads that are remembered.
const MOST: usize = 1024;

/// Keys below `berth/uploads/`, by upload, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Remains(Mutex<VecDeque<(StagingId, Vec<String>)>>);

impl Remains {
    /// An upload was published and leaves these objects.
    pub(super) fn note(&self, id: &StagingId, keys: Vec<String>) {
        let mut known = self.0.lock();
        known.retain(|(one, _)| one != id);
        if known.len() >= MOST {
            known.pop_front();
        }
        known.push_back((id.clone(), keys));
    }

    /// Forgets an upload and returns what it leaves; `None` if that must be
    /// looked up.
    pub(crate) fn take(&self, id: &StagingId) -> Option<Vec<String>> {
        let mut known = self.0.lock();
        let at = known.iter().position(|(one, _)| one == id)?;
        known.remove(at).map(|(_, keys)| keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_taken_once() {
        let remains = Remains::default();
        let id = |number: usize| StagingId::parse(&format!("id-{number}")).unwrap();
        for number in 0..=MOST {
            remains.note(&id(number), vec![number.to_string()]);
        }
        assert_eq!(remains.take(&id(0)), None, "the oldest one went");
        assert_eq!(remains.take(&id(1)), Some(vec!["1".to_owned()]));
        assert_eq!(remains.take(&id(1)), None);
        remains.note(&id(2), Vec::new());
        assert_eq!(remains.take(&id(2)), Some(Vec::new()), "the newest word counts");
    }
}
