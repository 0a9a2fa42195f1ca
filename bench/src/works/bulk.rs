//! One large blob, up and down.

use super::calls::Count;
use super::{Context, Subject, timed};
use crate::Outcome;
use crate::backing::{StoreKind, signed};
use crate::http::{Connection, push_large, put_object, request};
use crate::process::own_cpu_seconds;
use crate::report::{Goal, Measured, Missed, Row};
use crate::servers::{self, Server};

const REPOSITORY: &str = "bench/large";
const CHUNKED_REPOSITORY: &str = "bench/chunked";
/// The name of the large blob in the store itself.
const OBJECT: &str = "large";

/// POST, one PATCH, PUT, from the first byte to the last answer; at the store itself, one PUT.
pub(super) async fn push(
    context: &Context,
    subject: &mut Subject,
    row: Row,
    chunked: bool,
) -> Result<Vec<Measured>, Missed> {
    let repository = if chunked { CHUNKED_REPOSITORY } else { REPOSITORY };
    let mut connection = Connection::open(subject.address()).await?;
    let to_store = subject.running.server == Server::Minio;
    let push = async {
        match to_store {
            true => put_large(context, &mut connection).await,
            false => push_large(&mut connection, repository, &context.large, chunked).await,
        }
    };
    let count = Count::begin(subject.running.backing.minio.as_ref()).await?;
    let own_cpu = own_cpu_seconds();
    let ((), seconds, cpu) = timed(subject, push).await?;
    let own_share = (own_cpu_seconds() - own_cpu) / seconds;
    let calls = count.end(&row.title).await?;
    if chunked {
        // Contents are the same as in the other push, so this one is checked by itself.
        let mut connection = Connection::open(subject.address()).await?;
        verified_pull(context, &mut connection, &get(context, repository)).await?;
    } else {
        subject.has_large_blob = true;
    }
    let cpu = Row::cpu(&row.title, "s/GiB").measured(cpu / context.large.gibibytes());
    let rate = row.measured(megabytes(context) / seconds).client_busy(own_share);
    Ok([rate, cpu].into_iter().chain(calls).collect())
}

/// The first pull finds what the push left in the page cache, which is nothing after direct writes.
pub(super) async fn first_pull(
    context: &Context,
    subject: &mut Subject,
    row: Row,
) -> Result<Vec<Measured>, Missed> {
    let request = large_blob(context, subject).await?;
    let mut connection = Connection::open(subject.address()).await?;
    let pull = checked_pull(context, &mut connection, &request);
    let count = Count::begin(subject.running.backing.minio.as_ref()).await?;
    let ((), seconds, _) = timed(subject, pull).await?;
    let calls = count.end(&row.title).await?;
    Ok([row.measured(megabytes(context) / seconds)].into_iter().chain(calls).collect())
}

/// Pulls from a warm page cache, after one pull whose every byte was compared.
pub(super) async fn pull(
    context: &Context,
    subject: &mut Subject,
    row: Row,
) -> Result<Vec<Measured>, Missed> {
    let request = large_blob(context, subject).await?;
    let mut connection = Connection::open(subject.address()).await?;
    verified_pull(context, &mut connection, &request).await?;
    let own_cpu = own_cpu_seconds();
    let pulls = async {
        for _ in 0..context.sizes.pulls {
            checked_pull(context, &mut connection, &request).await?;
        }
        Ok(())
    };
    let ((), seconds, cpu) = timed(subject, pulls).await?;
    let own_share = (own_cpu_seconds() - own_cpu) / seconds;
    let count = f64::from(context.sizes.pulls);
    let cpu_row = Row::cpu(&row.title, "s/GiB");
    let cpu_row = match context.store {
        StoreKind::Files => cpu_row.goal(Goal::Peers(1.0)),
        // Most of it is the store's.
        StoreKind::Minio => cpu_row,
    };
    let cpu = cpu_row.measured(cpu / context.large.gibibytes() / count);
    Ok(vec![row.measured(count * megabytes(context) / seconds).client_busy(own_share), cpu])
}

/// The request for the blob; puts it there if no step has done so.
async fn large_blob(context: &Context, subject: &mut Subject) -> Outcome<String> {
    if subject.running.server == Server::Nginx {
        if !subject.has_large_blob {
            servers::write_blob(&subject.running.folder, &context.large)?;
            subject.has_large_blob = true;
        }
        return Ok(request("GET", servers::BLOB_TARGET, ""));
    }
    let is_store = subject.running.server == Server::Minio;
    if !subject.has_large_blob {
        let mut connection = Connection::open(subject.address()).await?;
        match is_store {
            true => put_large(context, &mut connection).await?,
            false => push_large(&mut connection, REPOSITORY, &context.large, false).await?,
        }
        subject.has_large_blob = true;
        rustix::fs::sync();
    }
    Ok(if is_store { signed("GET", OBJECT, 0) } else { get(context, REPOSITORY) })
}

fn get(context: &Context, repository: &str) -> String {
    request("GET", &format!("/v2/{repository}/blobs/{}", context.large.digest), "")
}

async fn put_large(context: &Context, connection: &mut Connection) -> Outcome<()> {
    let head = signed("PUT", OBJECT, context.large.size());
    let blocks = (0..context.large.blocks).map(|_| context.large.block.as_slice());
    put_object(connection, &head, blocks).await
}

/// A pull whose status and length are checked.
async fn checked_pull(
    context: &Context,
    connection: &mut Connection,
    request: &str,
) -> Outcome<()> {
    let mut length = 0;
    let status = connection
        .exchange_streamed(request.as_bytes(), |piece| length += piece.len() as u64)
        .await?;
    accept(connection, status, length, context.large.size())
}

/// A pull whose bytes are compared with those that were pushed.
async fn verified_pull(
    context: &Context,
    connection: &mut Connection,
    request: &str,
) -> Outcome<()> {
    let (mut length, mut wrong) = (0, None);
    let status = connection
        .exchange_streamed(request.as_bytes(), |piece| {
            if wrong.is_none() && !context.large.matches(length, piece) {
                wrong = Some(length);
            }
            length += piece.len() as u64;
        })
        .await?;
    accept(connection, status, length, context.large.size())?;
    wrong.map_or(Ok(()), |offset| Err(format!("pull: wrong bytes after offset {offset}")))
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
