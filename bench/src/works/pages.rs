//! Lists of tags and of repositories: a whole one, and a page of 100 from the middle.

use serde_json::Value;

use super::read::{Reader, open};
use super::{Context, Store, Subject, at, rate};
use crate::Outcome;
use crate::http::{Connection, request};
use crate::options::Sizes;
use crate::report::{Measured, Missed, Row};
use crate::seed::{Kind, TAGS_REPOSITORY, entry_name};
use crate::table::number;

pub(super) const CONNECTIONS: usize = 16;
const PAGE: u64 = 100;

/// The row of a page.
pub(super) fn row(kind: Kind, store: Store, sizes: &Sizes) -> Row {
    let entries = number(match store {
        Store::Small => sizes.few as f64,
        Store::Large => sizes.many as f64,
    });
    let what = kind.plural();
    at(&format!("page of {PAGE} of {entries} {what}"), CONNECTIONS, "pages/s")
}

/// The list without `n`. Its order is no part of the work; that of a page is.
pub(super) async fn whole_tag_list(
    context: &Context,
    subject: &Subject,
    row: Row,
) -> Result<Vec<Measured>, Missed> {
    let target = format!("/v2/{TAGS_REPOSITORY}/tags/list");
    // The tag of the image that the others point to sorts before them.
    let mut expected = vec!["latest".to_owned()];
    expected.extend((0..subject.tags).map(|place| entry_name(Kind::Tags, place)));
    let (mut found, length) = fetch(subject, &target, "tags").await?;
    let mut note = None;
    if found != expected {
        found.sort_unstable();
        if found != expected {
            return Err(Missed::Failed(format!("{target}: {} other tags", found.len())));
        }
        note = Some("the list is in no order".into());
    }
    lists(context, subject, row, &target, length, note).await
}

/// A page from the middle, by `last`.
pub(super) async fn page(
    context: &Context,
    subject: &Subject,
    row: Row,
    kind: Kind,
) -> Result<Vec<Measured>, Missed> {
    // The answers name their lists as we do.
    let key = kind.plural();
    let (list, entries) = match kind {
        Kind::Tags => (format!("/v2/{TAGS_REPOSITORY}/tags/list"), subject.tags),
        Kind::Repositories => ("/v2/_catalog".into(), subject.repositories),
    };
    let first = entries.saturating_sub(PAGE) / 2;
    if first == 0 {
        let message = format!("its store has only {entries} {key}; --fill gives it more time");
        return Err(Missed::Unsupported(message));
    }
    let expected: Vec<_> = (first..first + PAGE).map(|place| entry_name(kind, place)).collect();
    let last = entry_name(kind, first - 1).replace('/', "%2F");
    let target = format!("{list}?n={PAGE}&last={last}");
    let (found, length) = fetch(subject, &target, key).await?;
    let mut note = None;
    if found != expected {
        let whole = found.len() as u64 >= entries;
        if !whole || !expected.iter().all(|name| found.contains(name)) {
            let found = found.len();
            return Err(Missed::Failed(format!("{target}: {found} other {key} than expected")));
        }
        note = Some(format!("answers with the whole list of {key} instead of a page"));
    }
    lists(context, subject, row, &target, length, note).await
}

async fn lists(
    context: &Context,
    subject: &Subject,
    row: Row,
    target: &str,
    length: usize,
    note: Option<String>,
) -> Result<Vec<Measured>, Missed> {
    let reader = |connection| Reader {
        connection,
        request: request("GET", target, ""),
        head: false,
        length,
    };
    let readers = open(subject, CONNECTIONS, reader).await?;
    let (mut measured, _) = rate(context, subject, row, readers).await?;
    if let Some(first) = measured.first_mut() {
        first.note = note;
    }
    Ok(measured)
}

/// The names under `key` and the length of the answer.
async fn fetch(subject: &Subject, target: &str, key: &str) -> Result<(Vec<String>, usize), Missed> {
    let mut connection = Connection::open(subject.address()).await?;
    let status = connection.exchange(request("GET", target, "").as_bytes()).await?;
    if status == 404 || status == 405 {
        return Err(Missed::Unsupported(format!("has no {key} list (status {status})")));
    }
    let names = names(connection.body(), key)
        .map_err(|error| format!("{target}: {error}: {}", connection.describe()))?;
    Ok((names, connection.body().len()))
}

fn names(body: &[u8], key: &str) -> Outcome<Vec<String>> {
    let answer: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let list = answer.get(key).and_then(Value::as_array).ok_or_else(|| format!("no {key}"))?;
    Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
