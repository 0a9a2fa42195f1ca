//! Which target may be written to.
//!
//! The last pass removes what the source does not have, so a target is never taken on trust. Each
//! store has a name of its own and notes of which other store it is a twin: `None` as its sum while
//! a transfer fills it, and the sum of its content when both agreed. While the sum still fits, the
//! store has nothing that the other one did not have then, and may be filled again, from either
//! direction.

use serde::{Deserialize, Serialize};
use store::{Random, SettingsStore, StoreError};

use super::error::TransferError;
use super::left_out::LeftOut;
use super::sum::{self, Lists, Sum};
use super::{Side, Transfer, access, cursor};
use crate::{Shutdown, WorkError};

/// Setting under which a store keeps its own name.
const NAME: &str = "transfer.name";
/// Setting under which a store keeps of whom it is a twin.
const TWIN: &str = "transfer.twin";

#[derive(Debug, Serialize, Deserialize)]
struct Twin {
    /// The other one's name.
    name: String,
    /// Of the content here when both agreed; `None` if a transfer from there is not finished.
    sum: Option<String>,
}

/// Refuses a target in which something could be lost, and notes that a transfer fills it.
pub(super) async fn admit(transfer: &Transfer, shutdown: &Shutdown) -> Result<(), TransferError> {
    let source = name(&*transfer.from.settings, &*transfer.random).await?;
    let target = name(&*transfer.to.settings, &*transfer.random).await?;
    if source == target {
        return Err(TransferError::Same);
    }
    if let Some(own) = look_for_own(&transfer.to).await? {
        if !transfer.resume {
            return Err(own);
        }
        look_at_twin(transfer, &source, shutdown).await?;
    }
    write(&*transfer.to.settings, &Twin { name: source, sum: None }).await
}

/// What the target has of its own, as what refuses it.
async fn look_for_own(target: &Side) -> Result<Option<TransferError>, TransferError> {
    if let Some(first) = cursor::repositories(&*target.walk).next().await? {
        return Ok(Some(TransferError::TargetHolds(first)));
    }
    if let Some(first) = access::first(&*target.accounts).await? {
        return Ok(Some(TransferError::TargetHasAccounts(first)));
    }
    let line = cursor::lines(&*target.accounts).next().await?;
    Ok(line.map(|line| TransferError::TargetHasAccounts(format!("line {} of it", line.id))))
}

async fn look_at_twin(
    transfer: &Transfer,
    source: &str,
    shutdown: &Shutdown,
) -> Result<(), TransferError> {
    let noted = transfer.to.settings.setting(TWIN).await?;
    let noted = noted.and_then(|noted| serde_json::from_slice::<Twin>(&noted).ok());
    let Some(twin) = noted.filter(|twin| twin.name == source) else {
        return Err(TransferError::NotATwin);
    };
    let Some(then) = twin.sum else { return Ok(()) };
    let now = sum::of(Lists::of(&transfer.to), &LeftOut::default(), shutdown).await?;
    match now.digest.to_string() == then {
        true => Ok(()),
        false => Err(TransferError::Changed),
    }
}

/// Notes on both sides that they agree.
pub(super) async fn seal(
    transfer: &Transfer,
    source: &Sum,
    target: &Sum,
) -> Result<(), TransferError> {
    let (from, to) = (&*transfer.from.settings, &*transfer.to.settings);
    let names = (name(from, &*transfer.random).await?, name(to, &*transfer.random).await?);
    write(from, &Twin { name: names.1, sum: Some(source.digest.to_string()) }).await?;
    write(to, &Twin { name: names.0, sum: Some(target.digest.to_string()) }).await
}

async fn name(settings: &dyn SettingsStore, random: &dyn Random) -> Result<String, StoreError> {
    let mut chance = [0; 16];
    random.fill(&mut chance);
    let fresh: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = settings.setting_or_insert(NAME, fresh.into_bytes()).await?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

async fn write(settings: &dyn SettingsStore, twin: &Twin) -> Result<(), TransferError> {
    let text = serde_json::to_vec(twin)
        .map_err(|error| StoreError::Failed(format!("writing setting {TWIN}: {error}")))?;
    settings.set_setting(TWIN, text).await.map_err(|error| WorkError::from(error).into())
}
