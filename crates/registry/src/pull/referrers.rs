//! Manifests attached to a manifest.

use oci::Digest;
use store::{Page, ReferrerRecord};

use crate::access::Pull;
use crate::{Error, Granted, Registry};

/// Bytes of descriptors in one answer: clients read at most 4 MiB, and several
/// do not follow links, so a page is as large as it may be.
const PAGE_BYTES: usize = 3 << 20;
const BATCH: usize = 500;

/// A page of referrers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Referrers {
    /// In order of digest.
    pub referrers: Vec<ReferrerRecord>,
    /// Where the next page begins, if there is one.
    pub next: Option<Digest>,
}

impl Registry {
    /// Manifests of the repository whose subject is `subject`; with
    /// `artifact_types`, only those of one of these types. A subject that is
    /// not there simply has what is attached to it.
    pub async fn referrers(
        &self,
        granted: &Granted<Pull>,
        subject: &Digest,
        artifact_types: &[String],
        mut after: Option<Digest>,
    ) -> Result<Referrers, Error> {
        let mut list = Referrers::default();
        let mut bytes = 0;
        loop {
            let page = Page { after, limit: BATCH };
            let batch = self.content.referrers(granted.repository(), subject, page).await?;
            let full = batch.len() == BATCH;
            for record in batch {
                after = Some(record.digest);
                if !wanted(&record, artifact_types) {
                    continue;
                }
                bytes += weight(&record);
                list.referrers.push(record);
                if bytes >= PAGE_BYTES {
                    list.next = after;
                    return Ok(list);
                }
            }
            if !full {
                return Ok(list);
            }
            // A store may answer without ever waiting.
            tokio::task::yield_now().await;
        }
    }
}

/// Several types mean any of them.
fn wanted(record: &ReferrerRecord, artifact_types: &[String]) -> bool {
    artifact_types.is_empty()
        || record.artifact_type.as_ref().is_some_and(|own| artifact_types.contains(own))
}

fn weight(record: &ReferrerRecord) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    400 + text(&record.artifact_type) + text(&record.annotations)
}
