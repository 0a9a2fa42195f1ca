//! One large blob, up and down.

use super::{Context, Subject, timed};
use crate::Outcome;
use crate::http::{Connection, push_large, request};
use crate::process::own_cpu_seconds;
use crate::report::{Goal, Measured, Missed, Row};
use crate::servers::{self, Server};

const REPOSITORY: &str = "bench/large";
const CHUNKED_REPOSITORY: &str = "bench/chunked";

/// POST, one PATCH, PUT, from the first byte to the last answer.
pub(super) async fn push(
    context: &Context,
    subject: &mut Subject,
    row: Row,
    chunked: bool,
) -> Result<Vec<Measured>, Missed> {
    let repository = if chunked { CHUNKED_REPOSITORY } else { REPOSITORY };
    let mut connection = Connection::open(subject.address()).await?;
    let push = push_large(&mut connection, repository, &context.large, chunked);
    let own_cpu = own_cpu_seconds();
    let ((), seconds, cpu) = timed(subject, push).await?;
    let own_share = (own_cpu_seconds() - own_cpu) / seconds;
    if chunked {
        // Contents are the same as in the other push, so this one is checked by itself.
        let mut connection = Connection::open(subject.address()).await?;
        verified_pull(context, &mut connection, &target(context, repository)).await?;
    } else {
        subject.has_large_blob = true;
    }
    let cpu = Row::cpu(&row.title, "s/GiB").measured(cpu / context.large.gibibytes());
    Ok(vec![row.measured(megabytes(context) / seconds).client_busy(own_share), cpu])
}

/// The first pull finds what the push left in the page cache, which is nothing after direct writes.
pub(super) async fn first_pull(
    context: &Context,
    subject: &mut Subject,
    row: Row,
) -> Result<Vec<Measured>, Missed> {
    let target = large_blob(context, subject).await?;
    let mut connection = Connection::open(subject.address()).await?;
    let pull = checked_pull(context, &mut connection, &target);
    let ((), seconds, _) = timed(subject, pull).await?;
    Ok(vec![row.measured(megabytes(context) / seconds)])
}

/// Pulls from a warm page cache, after one pull whose every byte was compared.
pub(super) async fn pull(
    context: &Context,
    subject: &mut Subject,
    row: Row,
) -> Result<Vec<Measured>, Missed> {
    let target = large_blob(context, subject).await?;
    let mut connection = Connection::open(subject.address()).await?;
    verified_pull(context, &mut connection, &target).await?;
    let own_cpu = own_cpu_seconds();
    let pulls = async {
        for _ in 0..context.sizes.pulls {
            checked_pull(context, &mut connection, &target).await?;
        }
        Ok(())
    };
    let ((), seconds, cpu) = timed(subject, pulls).await?;
    let own_share = (own_cpu_seconds() - own_cpu) / seconds;
    let count = f64::from(context.sizes.pulls);
    let cpu = Row::cpu(&row.title, "s/GiB")
        .goal(Goal::Peers(1.0))
        .measured(cpu / context.large.gibibytes() / count);
    Ok(vec![row.measured(count * megabytes(context) / seconds).client_busy(own_share), cpu])
}

/// Where the blob is; puts it there if no step has done so.
async fn large_blob(context: &Context, subject: &mut Subject) -> Outcome<String> {
    if subject.running.server == Server::Nginx {
        if !subject.has_large_blob {
            servers::write_blob(&subject.running.folder, &context.large)?;
            subject.has_large_blob = true;
        }
        return Ok(servers::BLOB_TARGET.to_owned());
    }
    if !subject.has_large_blob {
        let mut connection = Connection::open(subject.address()).await?;
        push_large(&mut connection, REPOSITORY, &context.large, false).await?;
        subject.has_large_blob = true;
        rustix::fs::sync();
    }
    Ok(target(context, REPOSITORY))
}

fn target(context: &Context, repository: &str) -> String {
    format!("/v2/{repository}/blobs/{}", context.large.digest)
}

/// A pull whose status and length are checked.
async fn checked_pull(context: &Context, connection: &mut Connection, target: &str) -> Outcome<()> {
    let mut length = 0;
    let request = request("GET", target, "");
    let status = connection
        .exchange_streamed(request.as_bytes(), |piece| length += piece.len() as u64)
        .await?;
    accept(connection, status, length, context.large.size())
}

/// A pull whose bytes are compared with those that were pushed.
async fn verified_pull(
    context: &Context,
    connection: &mut Connection,
    target: &str,
) -> Outcome<()> {
    let (mut length, mut wrong) = (0, None);
    let request = request("GET", target, "");
    let status = connection
        .exchange_streamed(request.as_bytes(), |piece| {
            if wrong.is_none() && !context.large.matches(length, piece) {
                wrong = Some(length);
            }
            length += piece.len() as u64;
        })
        .await?;
    accept(connection, status, length, context.large.size())?;
    wrong.map_or(Ok(()), |offset| Err(format!("{target}: wrong bytes after offset {offset}")))
}

fn accept(connection: &Connection, status: u16, length: u64, expected: u64) -> Outcome<()> {
    if (status, length) == (200, expected) {
        return Ok(());
    }
    Err(format!("pull: {length} of {expected} bytes, {}", connection.describe()))
}

/// Millions of bytes in the large blob.
fn megabytes(context: &Context) -> f64 {
    context.large.size() as f64 / 1e6
}
