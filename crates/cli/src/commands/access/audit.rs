//! `berth audit`: the record of who did what, in parts, as it grows, or whole.

use std::io::Write;
use std::time::Duration;

use registry::accounts::command::{AuditLine, AuditQuery};
use registry::accounts::{Answer, Command, Moment};
use registry::audit::{CheckFrom, CheckedPart};
use store::{Clock, SystemClock};

use crate::args::access::{At, Audit, AuditFilter, AuditVerb, When};

use super::door::Door;
use super::{note, print, show};

/// Lines that are asked for at once.
const PAGE: usize = 1000;
/// How often new lines are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Shows or checks it; `false` if a check finds something.
pub(super) async fn run(audit: Audit) -> Result<bool, String> {
    let door = Door::open(&audit.at).await?;
    let done = match audit.verb {
        Some(AuditVerb::Verify) => verify(&door, &audit.at).await,
        None => show_lines(&door, &audit).await.map(|()| true),
    };
    door.close().await;
    done
}

async fn show_lines(door: &Door, audit: &Audit) -> Result<(), String> {
    let query = query(&audit.filter);
    let mut last = None;
    if audit.all {
        last = walk(door, &query, Some(0), audit).await?;
    } else {
        let mut lines = newest(door, &query, audit.tail).await?;
        lines.reverse();
        last = lines.iter().map(|line| line.id).max().or(last);
        put(lines, audit)?;
    }
    if audit.follow {
        follow(door, &query, last, audit).await?;
    }
    Ok(())
}

/// Shows new lines until the command is ended. Lines of one moment may become visible out of their
/// order, but only within the second in which they are written together.
async fn follow(
    door: &Door,
    query: &AuditQuery,
    mut last: Option<i64>,
    audit: &Audit,
) -> Result<(), String> {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
        last = walk(door, query, Some(last.unwrap_or(0)), audit).await?.or(last);
    }
}

/// The newest first.
async fn newest(door: &Door, query: &AuditQuery, count: usize) -> Result<Vec<AuditLine>, String> {
    let mut lines: Vec<AuditLine> = Vec::new();
    while lines.len() < count {
        let limit = PAGE.min(count.saturating_sub(lines.len()));
        let below = lines.last().map(|line| line.id);
        let page = AuditQuery { below, limit: Some(limit), ..query.clone() };
        let page = ask(door, page).await?;
        let is_last = page.len() < limit;
        lines.extend(page);
        if is_last {
            break;
        }
    }
    Ok(lines)
}

/// Shows all above a number, the oldest first; the number of the last one.
async fn walk(
    door: &Door,
    query: &AuditQuery,
    mut above: Option<i64>,
    audit: &Audit,
) -> Result<Option<i64>, String> {
    let mut last = None;
    loop {
        let page = AuditQuery { above, limit: Some(PAGE), ..query.clone() };
        let lines = ask(door, page).await?;
        let Some(end) = lines.last().map(|line| line.id) else { return Ok(last) };
        let is_last = lines.len() < PAGE;
        put(lines, audit)?;
        last = Some(end);
        above = last;
        if is_last {
            return Ok(last);
        }
    }
}

async fn ask(door: &Door, filter: AuditQuery) -> Result<Vec<AuditLine>, String> {
    match door.ask(Command::Audit { filter }).await? {
        Answer::Audit { lines } => Ok(lines),
        _ => Err("the registry answered something else than lines of the record".to_owned()),
    }
}

fn put(lines: Vec<AuditLine>, audit: &Audit) -> Result<(), String> {
    if audit.at.json && !audit.follow && !audit.all {
        show::answer(&Answer::Audit { lines }, true);
        return Ok(());
    }
    for line in &lines {
        let text = if audit.json_lines || audit.at.json {
            serde_json::to_string(line).map_err(|error| error.to_string())?
        } else {
            show::audit_line(line)
        };
        // Whoever follows would go on for ever for a reader that is gone.
        writeln!(std::io::stdout(), "{text}")
            .map_err(|error| format!("standard output: {error}"))?;
    }
    Ok(())
}

fn query(filter: &AuditFilter) -> AuditQuery {
    let now = SystemClock::new().now();
    let moment = |when: Option<When>| {
        when.map(|when| match when {
            When::At(moment) => moment,
            When::Ago(ago) => Moment(now.before(ago)),
        })
    };
    AuditQuery {
        actor: filter.actor.clone(),
        action: filter.action.clone(),
        target: filter.target.clone(),
        outcome: filter.outcome.clone(),
        since: moment(filter.since),
        until: moment(filter.until),
        ..AuditQuery::default()
    }
}

async fn verify(door: &Door, at: &At) -> Result<bool, String> {
    let checked = check(door).await?;
    let is_whole = checked.broken.is_none();
    if at.json {
        print(&serde_json::to_string_pretty(&checked).map_err(|error| error.to_string())?);
        return Ok(is_whole);
    }
    if let Some(broken) = &checked.broken {
        note(broken);
        return Ok(false);
    }
    let hash = checked.hash.map(|hash| format!("; the last hash is {hash}")).unwrap_or_default();
    print(&format!(
        "{} lines are as they were sealed, {} wait for their seal{hash}",
        checked.sealed, checked.unsealed
    ));
    Ok(is_whole)
}

/// Has all parts checked, one after the other, and adds them up.
async fn check(door: &Door) -> Result<CheckedPart, String> {
    let mut from = CheckFrom::default();
    let (mut sealed, mut unsealed) = (0_u64, 0_u64);
    loop {
        let Answer::Checked { part } =
            door.ask(Command::AuditVerify { from: from.clone() }).await?
        else {
            return Err("the registry answered something else than a check".to_owned());
        };
        sealed = sealed.saturating_add(part.sealed);
        unsealed = unsealed.saturating_add(part.unsealed);
        match part.next {
            Some(next) if part.broken.is_none() => {
                if next.seen <= from.seen {
                    return Err("the registry checks the same lines again and again".to_owned());
                }
                from = next;
            }
            _ => return Ok(CheckedPart { sealed, unsealed, next: None, ..part }),
        }
    }
}
