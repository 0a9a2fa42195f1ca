//! Two sorted lists side by side, each read page by page.

use std::collections::VecDeque;

use futures_util::future::BoxFuture;
use oci::{Digest, RepositoryName};
use store::{
    AccountWalk, AuditFilter, AuditOrder, AuditRecord, HistoryStore, LinkWalk, ManifestWalk, Page,
    StoreError, TagMove, TagWalk, WalkStore,
};

/// Names, links and tags in one page.
const PAGE: usize = 500;
/// Manifests in one page; they come with their bytes.
const MANIFEST_PAGE: usize = 32;

type Fetch<'a, T, K> =
    Box<dyn Fn(Page<K>) -> BoxFuture<'a, Result<Vec<T>, StoreError>> + Send + Sync + 'a>;

/// One list.
pub(super) struct Cursor<'a, T, K> {
    fetch: Fetch<'a, T, K>,
    key: fn(&T) -> K,
    limit: usize,
    open: VecDeque<T>,
    after: Option<K>,
    ended: bool,
}

impl<'a, T, K: Clone + Ord> Cursor<'a, T, K> {
    pub(super) fn new(limit: usize, key: fn(&T) -> K, fetch: Fetch<'a, T, K>) -> Self {
        Self { fetch, key, limit, open: VecDeque::new(), after: None, ended: false }
    }

    /// The key of the next item.
    async fn peek(&mut self) -> Result<Option<K>, StoreError> {
        let key = self.key;
        Ok(self.first().await?.map(key))
    }

    /// The next item, left where it is.
    pub(super) async fn first(&mut self) -> Result<Option<&T>, StoreError> {
        if self.open.is_empty() && !self.ended {
            let page = Page { after: self.after.clone(), limit: self.limit };
            let some = (self.fetch)(page).await?;
            match some.last() {
                Some(last) => self.after = Some((self.key)(last)),
                None => self.ended = true,
            }
            self.open.extend(some);
        }
        Ok(self.open.front())
    }

    /// The next item.
    pub(super) async fn next(&mut self) -> Result<Option<T>, StoreError> {
        self.first().await?;
        Ok(self.open.pop_front())
    }
}

/// All repositories.
pub(super) fn repositories(walk: &dyn WalkStore) -> Cursor<'_, RepositoryName, String> {
    let key = |name: &RepositoryName| name.as_str().to_owned();
    Cursor::new(PAGE, key, Box::new(move |page| walk.walk_repositories(page)))
}

/// The member blobs of a repository.
pub(super) fn links<'a>(
    walk: &'a dyn WalkStore,
    name: &'a RepositoryName,
) -> Cursor<'a, LinkWalk, Digest> {
    Cursor::new(PAGE, |link| link.sha256, Box::new(move |page| walk.walk_links(name, page)))
}

/// The manifests of a repository.
pub(super) fn manifests<'a>(
    walk: &'a dyn WalkStore,
    name: &'a RepositoryName,
) -> Cursor<'a, ManifestWalk, Digest> {
    let fetch = Box::new(move |page| walk.walk_manifests(name, page));
    Cursor::new(MANIFEST_PAGE, |manifest| manifest.sha256, fetch)
}

/// The tags of a repository.
pub(super) fn tags<'a>(
    walk: &'a dyn WalkStore,
    name: &'a RepositoryName,
) -> Cursor<'a, TagWalk, String> {
    let key = |tag: &TagWalk| tag.tag.as_str().to_owned();
    Cursor::new(PAGE, key, Box::new(move |page| walk.walk_tags(name, page)))
}

/// The moves that the tags of a repository have made.
pub(super) fn history<'a>(
    history: &'a dyn HistoryStore,
    name: &'a RepositoryName,
) -> Cursor<'a, TagMove, (String, i64)> {
    let key = |one: &TagMove| (one.tag.as_str().to_owned(), one.number);
    Cursor::new(PAGE, key, Box::new(move |page| history.walk_history(name, page)))
}

/// The log of who did what.
pub(super) fn lines(log: &dyn AccountWalk) -> Cursor<'_, AuditRecord, i64> {
    let fetch = move |page: Page<i64>| {
        log.audit(AuditFilter::default(), AuditOrder::OldestFirst(page.after), page.limit)
    };
    Cursor::new(PAGE, |line| line.id, Box::new(fetch))
}

/// What the two sides have under one key.
#[derive(Debug)]
pub(super) struct Pair<T> {
    pub(super) source: Option<T>,
    pub(super) target: Option<T>,
}

/// Both lists.
///
/// What is written to the target meanwhile, under keys that were handed out already, is never
/// handed out as the target's own: a page of the target is asked for before any later key of the
/// source is handed out.
pub(super) struct Pairs<'a, T, K> {
    source: Cursor<'a, T, K>,
    target: Cursor<'a, T, K>,
}

impl<'a, T, K: Clone + Ord> Pairs<'a, T, K> {
    pub(super) fn new(source: Cursor<'a, T, K>, target: Cursor<'a, T, K>) -> Self {
        Self { source, target }
    }

    /// What is under the next key.
    pub(super) async fn next(&mut self) -> Result<Option<Pair<T>>, StoreError> {
        let (from, to) = (self.source.peek().await?, self.target.peek().await?);
        let (take_source, take_target) = match (&from, &to) {
            (Some(from), Some(to)) => (from <= to, to <= from),
            (from, to) => (from.is_some(), to.is_some()),
        };
        let source = if take_source { self.source.next().await? } else { None };
        let target = if take_target { self.target.next().await? } else { None };
        let is_end = source.is_none() && target.is_none();
        Ok((!is_end).then_some(Pair { source, target }))
    }
}
