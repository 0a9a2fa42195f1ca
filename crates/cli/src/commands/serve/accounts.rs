//! What keeps accounts and the audit record of a running server in order.

use std::sync::Arc;
use std::time::Duration;

use metastore::MetadataStore;
use registry::accounts::command::{AuditLine, AuditQuery};
use registry::accounts::{Accounts, Actor, Answer, Command};
use registry::audit::{self, AuditLog, AuditRetention};
use server::{Figure, FigureKind, Health};
use store::StoreError;
use workers::runner::{Runner, Schedule};
use workers::{Shutdown, WorkError};

use crate::config::Config;
use crate::config::auth::BerthAuth;
use crate::config::berth::Role;
use crate::process::copies::Copies;
use crate::wire::Stores;

use super::duties::Turn;

/// How often a server looks whether accounts or grants have changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// How often lines of the record are sealed, and copied elsewhere.
const SEAL_EVERY: Duration = Duration::from_secs(10);
/// Rows of one transaction.
const BATCH: usize = 500;
/// Lines that are copied at once.
const COPY: usize = 1000;
/// The setting that says up to which line the record was copied.
const COPIED: &str = "audit-copied";

/// Starts the periodic duties about accounts.
pub(super) fn keep(
    runner: &mut Runner,
    config: &Config,
    auth: &BerthAuth,
    accounts: &Arc<Accounts>,
    stores: &Stores,
    (health, shutdown): (&Arc<Health>, &Shutdown),
) {
    let follower = Follower { accounts: accounts.clone(), health: health.clone() };
    tokio::spawn(follower.follow(stores.metadata.clone(), shutdown.clone()));
    let (log, ends) = (accounts.audit().clone(), shutdown.clone());
    tokio::spawn(async move { log.keep_flushing(ends.wait()).await });
    note_uses(runner, accounts);
    if config.berth.role == Role::Http {
        return;
    }
    rotate_keys(runner, accounts);
    remove_ended_tokens(runner, accounts, stores);
    seal(runner, accounts, stores);
    let copies = Copies::wanted(&auth.audit);
    prune(runner, auth, accounts, stores, copies.is_some());
    if let Some(copies) = copies {
        copy(runner, copies, accounts, stores);
    }
}

/// What the metrics say about the record.
pub(super) fn figures(log: &AuditLog) -> Vec<Figure> {
    vec![Figure {
        name: "berth_audit_dropped",
        help: "Lines of the audit record that were dropped because the database was too slow",
        kind: FigureKind::Counter,
        value: log.dropped() as f64,
    }]
}

/// Writes down what is left at the end.
pub(super) async fn settle(accounts: &Accounts) {
    if let Err(error) = accounts.audit().flush_all().await {
        tracing::error!(%error, "the last lines of the audit record were not written");
    }
    if let Err(error) = accounts.flush_uses().await {
        tracing::warn!(%error, "the last uses of tokens were not written");
    }
}

/// Tells whoever reads the log how the first administrator is made.
pub(super) async fn tell_setup_secret(config: &Config, accounts: &Accounts) -> Result<(), String> {
    let secret = accounts.setup_secret().await.map_err(|error| error.to_string())?;
    if let Some(secret) = secret {
        let prefix = config.http.prefix.trim_end_matches('/');
        tracing::warn!(
            setup_secret = secret,
            "nobody administers this registry yet: run `berth user add NAME --admin` on this machine, \
             or send {{\"secret\":…,\"name\":…,\"password\":…}} to POST {prefix}/api/v1/setup"
        );
    }
    Ok(())
}

/// Takes over every change of accounts and grants, whoever made it.
struct Follower {
    accounts: Arc<Accounts>,
    health: Arc<Health>,
}

impl Follower {
    /// What `/readyz` says about it.
    const NOTE: &str = "access";

    async fn follow(self, metadata: Arc<dyn MetadataStore>, shutdown: Shutdown) {
        let (mut failing, mut behind) = (false, false);
        while !shutdown.requested() {
            match self.accounts.refresh().await {
                Ok(_) if failing => {
                    failing = false;
                    tracing::info!("accounts and grants are read again");
                }
                Ok(_) => {}
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "changes of accounts and grants cannot be read");
                    }
                }
            }
            self.tell(&mut behind);
            tokio::select! {
                () = metadata.access_changed() => {}
                goes_on = shutdown.sleep(LOOK_EVERY) => if !goes_on { return },
            }
        }
    }

    /// No failing check: that would keep administrators out as well.
    fn tell(&self, was_behind: &mut bool) {
        let is_behind = self.accounts.is_behind();
        if std::mem::replace(was_behind, is_behind) == is_behind {
            return;
        }
        if is_behind {
            let text = "changed a minute ago and cannot be read: only administrators are let in";
            tracing::error!("access has {text}");
            self.health.note(Self::NOTE, text);
        } else {
            self.health.unnote(Self::NOTE);
        }
    }
}

fn note_uses(runner: &mut Runner, accounts: &Arc<Accounts>) {
    let accounts = accounts.clone();
    let schedule = Schedule { name: "token uses", first_after: MINUTE, interval: MINUTE };
    runner.every(schedule, move || {
        let accounts = accounts.clone();
        async move { accounts.flush_uses().await.map_err(WorkError::from) }
    });
}

fn rotate_keys(runner: &mut Runner, accounts: &Arc<Accounts>) {
    let accounts = accounts.clone();
    let schedule = Schedule { name: "token keys", first_after: MINUTE, interval: HOUR };
    runner.every(schedule, move || {
        let accounts = accounts.clone();
        async move {
            if accounts.rotate_keys().await? {
                tracing::info!("tokens are signed with a new key from now on");
            }
            Ok(())
        }
    });
}

fn remove_ended_tokens(runner: &mut Runner, accounts: &Arc<Accounts>, stores: &Stores) {
    let (accounts, turn) = (accounts.clone(), Turn::of(stores));
    let schedule = Schedule { name: "ended tokens", first_after: MINUTE * 3, interval: HOUR };
    runner.every(schedule, move || {
        let (accounts, turn) = (accounts.clone(), turn.clone());
        async move {
            let work = async {
                while accounts.remove_ended_tokens(BATCH).await? == BATCH {}
                Ok(())
            };
            turn.take("ended-tokens", work).await.map(drop)
        }
    });
}

/// Gives lines of the record their place in the chain.
fn seal(runner: &mut Runner, accounts: &Arc<Accounts>, stores: &Stores) {
    let (log, turn) = (accounts.audit().store().clone(), Turn::of(stores));
    let schedule = Schedule { name: "audit seals", first_after: SEAL_EVERY, interval: SEAL_EVERY };
    runner.every(schedule, move || {
        let (log, turn) = (log.clone(), turn.clone());
        async move {
            let work = async {
                while audit::seal_once(&*log, BATCH).await? == BATCH {}
                Ok(())
            };
            turn.take("audit-seals", work).await.map(drop)
        }
    });
}

/// Lines that are to be copied elsewhere stay until they were.
fn prune(
    runner: &mut Runner,
    auth: &BerthAuth,
    accounts: &Arc<Accounts>,
    stores: &Stores,
    are_copied: bool,
) {
    let retention = AuditRetention {
        age: Some(auth.audit.retention).filter(|age| !age.is_zero()),
        lines: Some(auth.audit.max_rows).filter(|rows| *rows > 0),
    };
    let (log, turn) = (accounts.audit().store().clone(), Turn::of(stores));
    let (clock, settings) = (stores.world.clock.clone(), stores.metadata.clone());
    let schedule = Schedule { name: "audit retention", first_after: MINUTE * 4, interval: HOUR };
    runner.every(schedule, move || {
        let (log, turn) = (log.clone(), turn.clone());
        let (clock, settings) = (clock.clone(), settings.clone());
        async move {
            let work = async {
                let copied = if are_copied { Some(copied(&*settings).await?) } else { None };
                let mut uncopied = 0;
                loop {
                    let now = clock.now();
                    let pruned = audit::prune_once(&*log, retention, copied, now, BATCH).await?;
                    uncopied += pruned.uncopied;
                    if pruned.lines < BATCH {
                        break;
                    }
                }
                tell_uncopied(uncopied);
                Ok(())
            };
            turn.take("audit-retention", work).await.map(drop)
        }
    });
}

fn tell_uncopied(lines: usize) {
    if lines > 0 {
        tracing::error!(
            lines,
            "lines of the audit record were removed before they were copied to where audit.file or \
             audit.syslog says: the record was twice as long as max_rows; see why it is not copied"
        );
    }
}

/// Copies sealed lines to where the operator wants them as well. A crash in between copies some
/// of them twice, and leaves none out.
fn copy(runner: &mut Runner, copies: Copies, accounts: &Arc<Accounts>, stores: &Stores) {
    let (accounts, turn) = (accounts.clone(), Turn::of(stores));
    let settings = stores.metadata.clone();
    let schedule = Schedule { name: "audit copies", first_after: SEAL_EVERY, interval: SEAL_EVERY };
    runner.every(schedule, move || {
        let (accounts, turn) = (accounts.clone(), turn.clone());
        let (copies, settings) = (copies.clone(), settings.clone());
        async move {
            let work = async { copy_all(&copies, &accounts, &*settings).await };
            turn.take("audit-copies", work).await.map(drop)
        }
    });
}

async fn copy_all(
    copies: &Copies,
    accounts: &Accounts,
    settings: &dyn MetadataStore,
) -> Result<(), WorkError> {
    let mut above = copied(settings).await?;
    loop {
        let lines = sealed_above(accounts, above).await?;
        let Some(last) = lines.last().map(|line| line.id) else { return Ok(()) };
        let writer = copies.clone();
        let written = tokio::task::spawn_blocking(move || writer.write(&lines)).await;
        let written = written.map_err(|error| StoreError::Failed(error.to_string()))?;
        written.map_err(StoreError::Failed)?;
        settings.set_setting(COPIED, last.to_string().into_bytes()).await?;
        above = last;
    }
}

async fn copied(settings: &dyn MetadataStore) -> Result<i64, StoreError> {
    let stored = settings.setting(COPIED).await?.unwrap_or_default();
    let text = std::str::from_utf8(&stored).ok();
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// The oldest lines above a number up to the first that is not sealed yet.
async fn sealed_above(accounts: &Accounts, above: i64) -> Result<Vec<AuditLine>, StoreError> {
    let filter = AuditQuery { above: Some(above), limit: Some(COPY), ..AuditQuery::default() };
    let actor = Actor::Operator { via: "duty" };
    match accounts.execute(&actor, Command::Audit { filter }).await {
        Ok(Answer::Audit { mut lines }) => {
            let sealed = lines.iter().take_while(|line| line.sequence.is_some()).count();
            lines.truncate(sealed);
            Ok(lines)
        }
        Ok(_) => Ok(Vec::new()),
        Err(error) => Err(StoreError::Failed(error.to_string())),
    }
}
