//! Taking over what the original left, before anything is served from it.

use std::sync::Arc;
use std::time::Duration;

use server::{Health, Readiness};
use store::Lease;
use workers::import::{self, NeedsImport, needs_import, was_imported};
use workers::{Finding, Observer, Progress, Shutdown, leased};

use crate::config::Config;
use crate::wire::Stores;
use crate::work::{MAINTENANCE, importing};

/// How often a replica looks whether another one has imported.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Imports a tree that the original left, before anything is served from it.
/// Once that was done, a look for later changes of the original goes on beside
/// serving: it costs some reads per repository.
pub(super) async fn take_over(
    config: &Config,
    stores: &Stores,
    health: &Arc<Health>,
    shutdown: &Shutdown,
) -> Result<(), String> {
    loop {
        if imported(stores).await? {
            tokio::spawn(look_for_changes(stores.clone()));
            return Ok(());
        }
        let needs = needs_import(&*stores.tree, &*stores.metadata).await;
        match needs.map_err(|error| error.to_string())? {
            NeedsImport::FirstTime if config.berth.import.auto => {}
            needs => {
                warn_of(needs);
                return Ok(());
            }
        }
        if import_in_turn(stores, health, shutdown).await? {
            return Ok(());
        }
        health.set_readiness(Readiness::Starting("another replica imports".to_owned()));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn imported(stores: &Stores) -> Result<bool, String> {
    was_imported(&*stores.metadata).await.map_err(|error| error.to_string())
}

/// Imports unless another replica is at it; that one would undo what clients
/// delete once the first of them serves. `false` if it is.
async fn import_in_turn(
    stores: &Stores,
    health: &Arc<Health>,
    shutdown: &Shutdown,
) -> Result<bool, String> {
    if !stores.shared {
        return import(stores, health, shutdown).await.map(|()| true);
    }
    let lease = Lease { name: MAINTENANCE.to_owned(), holder: stores.holder.clone() };
    let work = async {
        // Somebody may have ended while we waited for our turn.
        Ok(match imported(stores).await {
            Ok(false) => import(stores, health, shutdown).await,
            other => other.map(drop),
        })
    };
    match leased::run(&*stores.metadata, lease, work).await {
        Ok(Some(done)) => done.map(|()| true),
        Ok(None) => Ok(false),
        Err(error) => Err(format!("import: {error}")),
    }
}

async fn import(stores: &Stores, health: &Arc<Health>, shutdown: &Shutdown) -> Result<(), String> {
    tracing::info!("the storage was written by another registry; importing it");
    let observer = StartObserver { health: health.clone() };
    let report = import::run(&importing(stores), &observer, shutdown).await;
    let report = report.map_err(|error| format!("import: {error}"))?;
    tracing::info!(
        repositories = report.repositories,
        manifests = report.counts.manifests,
        tags = report.counts.tags,
        blobs = report.counts.blobs,
        findings = report.findings.total(),
        "imported"
    );
    Ok(())
}

async fn look_for_changes(stores: Stores) {
    match needs_import(&*stores.tree, &*stores.metadata).await {
        Ok(needs) => warn_of(needs),
        Err(error) => tracing::warn!(%error, "changes by another registry could not be looked for"),
    }
}

fn warn_of(needs: NeedsImport) {
    match needs {
        NeedsImport::FirstTime => tracing::warn!(
            "the storage directory holds repositories that were not imported; run `berth import`"
        ),
        NeedsImport::ChangedSince => tracing::warn!(
            "another registry has written to the storage directory since the last import; \
             run `berth import` to merge that"
        ),
        NeedsImport::ExportUnfinished => {
            tracing::warn!("an export was interrupted; run `berth export` again to finish it");
        }
        NeedsImport::Fresh | NeedsImport::UpToDate => {}
    }
}

/// Tells probes and the log how far the import is.
struct StartObserver {
    health: Arc<Health>,
}

impl Observer for StartObserver {
    fn progress(&self, progress: &Progress) {
        let total = progress.total.map(|total| format!(" of {total}")).unwrap_or_default();
        let text = format!("{}: {}{total} repositories", progress.phase, progress.done);
        self.health.set_readiness(Readiness::Starting(text));
    }

    fn line(&self, line: &str) {
        tracing::info!("{line}");
    }

    fn finding(&self, finding: &Finding) {
        tracing::warn!("{finding}");
    }
}
