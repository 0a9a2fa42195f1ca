//! Reads and checks the audit log.

use store::{AuditFilter, AuditOrder, AuditRecord};

use super::actor::By;
use super::{CommandError, valid};
use crate::accounts::command::{Answer, AuditLine, AuditQuery};
use crate::accounts::{Accounts, Moment};
use crate::audit::{CheckError, CheckFrom, check_part};

impl Accounts {
    pub(super) async fn read_audit(
        &self,
        by: &By<'_>,
        query: AuditQuery,
    ) -> Result<Answer, CommandError> {
        by.needs_admin("read the audit log")?;
        let limit = valid::limit(query.limit)?;
        let order = match (query.above, query.below) {
            (Some(_), Some(below)) => {
                let rule = "cannot be given together with `above`; read one way at a time";
                return Err(valid::invalid("below", &below.to_string(), rule));
            }
            (Some(above), None) => AuditOrder::OldestFirst(Some(above)),
            (None, below) => AuditOrder::NewestFirst(below),
        };
        let filter = AuditFilter {
            actor: query.actor,
            action: query.action,
            target: query.target,
            outcome: query.outcome,
            since: query.since.map(|moment| moment.0),
            until: query.until.map(|moment| moment.0),
        };
        let records = self.audit.store().audit(filter, order, limit).await?;
        Ok(Answer::Audit { lines: records.into_iter().map(line).collect() })
    }

    pub(super) async fn check_audit(
        &self,
        by: &By<'_>,
        from: &CheckFrom,
    ) -> Result<Answer, CommandError> {
        by.needs_admin("check the audit log")?;
        match check_part(&**self.audit.store(), from).await {
            Ok(part) => Ok(Answer::Checked { part }),
            Err(CheckError::Store(error)) => Err(error.into()),
            Err(wrong @ CheckError::NoSuchPlace) => {
                Err(valid::invalid("hash", from.hash.as_deref().unwrap_or_default(), &wrong))
            }
        }
    }
}

fn line(record: AuditRecord) -> AuditLine {
    let AuditRecord { id, note, seal } = record;
    AuditLine {
        id,
        at: Moment(note.at),
        actor: note.actor,
        via: note.via,
        address: note.address,
        action: note.action,
        target: note.target,
        outcome: note.outcome,
        request: note.request,
        detail: note.detail.map(|text| serde_json::from_str(&text).unwrap_or(text.into())),
        count: note.count,
        sequence: seal.as_ref().map(|seal| seal.sequence),
        hash: seal.map(|seal| seal.hash.iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}
