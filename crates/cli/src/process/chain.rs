//! Checks that the audit record is what it was when it was sealed.

use std::collections::BTreeMap;

use registry::audit::verify_chain;
use serde::{Deserialize, Serialize};
use store::{AuditFilter, AuditOrder, AuditRecord, AuditSeal, AuditStore};

/// Lines that are read at once.
const PAGE: usize = 1000;
/// Lines that are held back, since numbers follow the order of the chain only roughly.
const AHEAD: usize = 5_000;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checked {
    /// Sealed lines that fit.
    pub(crate) sealed: u64,
    /// Lines that nobody has sealed yet.
    pub(crate) unsealed: u64,
    /// The last place in the chain.
    pub(crate) last: Option<u64>,
    /// Its hash, hexadecimal: whoever wrote it down elsewhere can compare.
    pub(crate) hash: Option<String>,
    /// Where the chain is broken, if it is.
    pub(crate) broken: Option<String>,
}

/// Reads the whole record.
pub(crate) async fn check(store: &dyn AuditStore) -> Result<Checked, String> {
    let mut checked = Checked::default();
    let mut ahead: BTreeMap<u64, AuditRecord> = BTreeMap::new();
    let mut before: Option<AuditSeal> = None;
    let mut above = 0;
    loop {
        let order = AuditOrder::OldestFirst(Some(above));
        let page = store.audit(AuditFilter::default(), order, PAGE).await;
        let page = page.map_err(|error| error.to_string())?;
        let is_last = page.len() < PAGE;
        above = page.last().map_or(above, |line| line.id);
        for line in page {
            match line.seal.as_ref().map(|seal| seal.sequence) {
                Some(sequence) => _ = ahead.insert(sequence, line),
                None => checked.unsealed += 1,
            }
        }
        let room = if is_last { 0 } else { AHEAD };
        while ahead.len() > room {
            let Some((_, line)) = ahead.pop_first() else { break };
            match verify_chain(before.clone(), [&line]) {
                Ok(seal) => before = seal,
                Err(broken) => {
                    checked.broken = Some(broken.to_string());
                    return Ok(checked);
                }
            }
            checked.sealed += 1;
        }
        if is_last {
            checked.last = before.as_ref().map(|seal| seal.sequence);
            checked.hash =
                before.map(|seal| seal.hash.iter().map(|byte| format!("{byte:02x}")).collect());
            return Ok(checked);
        }
    }
}
