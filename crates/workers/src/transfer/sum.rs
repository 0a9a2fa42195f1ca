//! What a side holds, as numbers and one digest, and where two sides differ.

use oci::{Algorithm, Digest, Hasher, RepositoryName};
use store::{AccountWalk, HistoryStore, LinkWalk, ManifestWalk, TagMove, TagWalk, WalkStore};

use super::cursor::{self, Pair, Pairs};
use super::error::{Difference, TransferError};
use super::left_out::LeftOut;
use super::{Side, access};
use crate::{Shutdown, WorkError};

/// What a side holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// Repositories, also those without content.
    pub repositories: u64,
    /// Memberships of blobs in repositories.
    pub links: u64,
    /// Manifests.
    pub manifests: u64,
    /// Tags.
    pub tags: u64,
    /// Users and robots.
    pub accounts: u64,
    /// Grants.
    pub grants: u64,
    /// Over all of them in order, with other names, media types and times, and over
    /// everything about accounts.
    pub digest: Digest,
}

/// What a side can list.
#[derive(Clone, Copy)]
pub(super) struct Lists<'a> {
    walk: &'a dyn WalkStore,
    history: &'a dyn HistoryStore,
    accounts: &'a dyn AccountWalk,
}

impl<'a> Lists<'a> {
    pub(super) fn of(side: &'a Side) -> Self {
        Self { walk: &*side.walk, history: &*side.history, accounts: &*side.accounts }
    }
}

/// What a link says, as the sum has it; `None` if it is left out.
fn link(link: &LinkWalk, left_out: &LeftOut) -> Option<String> {
    let name = link.sha512.filter(|name| !left_out.holds_name(name));
    let at = link.at;
    let said = || match name {
        Some(name) => format!("linked as {name} too since {at}"),
        None => format!("linked since {at}"),
    };
    (!left_out.holds_blob(&link.sha256)).then(said)
}

fn manifest(manifest: &ManifestWalk, left_out: &LeftOut) -> Option<String> {
    let ManifestWalk { sha256, sha512, media_type, at, .. } = manifest;
    let name = sha512.unwrap_or(*sha256);
    let said = || format!("{media_type} of {at}, pushed as {name}");
    (!left_out.holds_manifest(sha256)).then(said)
}

fn tag(tag: &TagWalk, left_out: &LeftOut) -> Option<String> {
    let TagWalk { digest, sha256, at, .. } = tag;
    (!left_out.holds_manifest(sha256)).then(|| format!("{digest} since {at}"))
}

fn moved(one: &TagMove) -> String {
    let TagMove { from, to, at, actor, .. } = one;
    let digest = |digest: &Option<Digest>| digest.map_or("nothing".into(), |one| one.to_string());
    format!("moved from {} to {} by {actor:?} at {at}", digest(from), digest(to))
}

pub(super) fn go_on(shutdown: &Shutdown) -> Result<(), WorkError> {
    match shutdown.requested() {
        true => Err(WorkError::Interrupted),
        false => Ok(()),
    }
}

/// Walks through a whole side.
pub(super) async fn of(
    lists: Lists<'_>,
    left_out: &LeftOut,
    shutdown: &Shutdown,
) -> Result<Sum, TransferError> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let (mut repositories, mut links, mut manifests, mut tags) = (0, 0, 0, 0);
    let mut add = |what: &dyn std::fmt::Display, said: Option<String>| match said {
        Some(said) => {
            hasher.update(format!("{what} {said}\n").as_bytes());
            1
        }
        None => 0,
    };
    let Lists { walk, history, accounts } = lists;
    let mut names = cursor::repositories(walk);
    while let Some(name) = names.next().await? {
        repositories += add(&name, Some("begins".to_owned()));
        let mut list = cursor::links(walk, &name);
        while let Some(one) = list.next().await? {
            go_on(shutdown)?;
            links += add(&one.sha256, link(&one, left_out));
        }
        let mut list = cursor::manifests(walk, &name);
        while let Some(one) = list.next().await? {
            go_on(shutdown)?;
            manifests += add(&one.sha256, manifest(&one, left_out));
        }
        let mut list = cursor::tags(walk, &name);
        while let Some(one) = list.next().await? {
            go_on(shutdown)?;
            tags += add(&one.tag, tag(&one, left_out));
        }
        let mut list = cursor::history(history, &name);
        while let Some(one) = list.next().await? {
            go_on(shutdown)?;
            add(&one.tag, Some(moved(&one)));
        }
    }
    let (accounts, grants) = access::sum(accounts, &mut hasher, shutdown).await?;
    let digest = hasher.finish();
    Ok(Sum { repositories, links, manifests, tags, accounts, grants, digest })
}

/// Where two sides differ first; `None` if they do not. Nothing is left out in the target.
pub(super) async fn difference(
    from: Lists<'_>,
    to: Lists<'_>,
    left_out: &LeftOut,
    shutdown: &Shutdown,
) -> Result<Option<Difference>, TransferError> {
    let mut names = Pairs::new(cursor::repositories(from.walk), cursor::repositories(to.walk));
    while let Some(pair) = names.next().await? {
        go_on(shutdown)?;
        let there = |_: &RepositoryName| Some("there".to_owned());
        if let Some(differs) = judge(&pair, there, there, |name| name.to_string()) {
            return Ok(Some(differs));
        }
        let Some(name) = &pair.source else { continue };
        if let Some(differs) = inside(from.walk, to.walk, name, left_out).await? {
            return Ok(Some(differs));
        }
        if let Some(differs) = of_history(from.history, to.history, name).await? {
            return Ok(Some(differs));
        }
    }
    access::difference(from.accounts, to.accounts, shutdown).await
}

/// The same within a repository.
async fn inside(
    from: &dyn WalkStore,
    to: &dyn WalkStore,
    name: &RepositoryName,
    left_out: &LeftOut,
) -> Result<Option<Difference>, TransferError> {
    let nothing = LeftOut::default();
    let mut pairs = Pairs::new(cursor::links(from, name), cursor::links(to, name));
    while let Some(pair) = pairs.next().await? {
        let what = |one: &LinkWalk| format!("blob {name}@{}", one.sha256);
        let differs = judge(&pair, |one| link(one, left_out), |one| link(one, &nothing), what);
        if differs.is_some() {
            return Ok(differs);
        }
    }
    let mut pairs = Pairs::new(cursor::manifests(from, name), cursor::manifests(to, name));
    while let Some(pair) = pairs.next().await? {
        let what = |one: &ManifestWalk| format!("manifest {name}@{}", one.sha256);
        let differs =
            judge(&pair, |one| manifest(one, left_out), |one| manifest(one, &nothing), what);
        if differs.is_some() {
            return Ok(differs);
        }
    }
    let mut pairs = Pairs::new(cursor::tags(from, name), cursor::tags(to, name));
    while let Some(pair) = pairs.next().await? {
        let what = |one: &TagWalk| format!("tag {name}:{}", one.tag);
        let differs = judge(&pair, |one| tag(one, left_out), |one| tag(one, &nothing), what);
        if differs.is_some() {
            return Ok(differs);
        }
    }
    Ok(None)
}

/// The same within the history of a repository's tags: the moves are counted off.
async fn of_history(
    from: &dyn HistoryStore,
    to: &dyn HistoryStore,
    name: &RepositoryName,
) -> Result<Option<Difference>, TransferError> {
    let (mut from, mut to) = (cursor::history(from, name), cursor::history(to, name));
    loop {
        let pair = Pair { source: from.next().await?, target: to.next().await? };
        if pair.source.is_none() && pair.target.is_none() {
            return Ok(None);
        }
        let said = |one: &TagMove| Some(format!("{} {}", one.tag, moved(one)));
        let what = |one: &TagMove| format!("history of tag {name}:{}", one.tag);
        let differs = judge(&pair, said, said, what);
        if differs.is_some() {
            return Ok(differs);
        }
    }
}

/// The difference within a pair, if there is one.
fn judge<T>(
    pair: &Pair<T>,
    in_source: impl Fn(&T) -> Option<String>,
    in_target: impl Fn(&T) -> Option<String>,
    what: impl Fn(&T) -> String,
) -> Option<Difference> {
    let source = pair.source.as_ref().and_then(in_source);
    let target = pair.target.as_ref().and_then(in_target);
    let one = pair.source.as_ref().or(pair.target.as_ref())?;
    (source != target).then(|| Difference { what: what(one), source, target })
}
