//! Names in a bucket, page by page, in byte order.

use futures_util::TryStreamExt;
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta};
use store::{ObjectRecord, StoreError};

use super::bucket::Bucket;
use super::calls::Call;

/// Names on one page of a store.
const PAGE: usize = 1000;

impl Bucket {
    /// Up to `limit` objects whose names begin with `prefix`, after `after`.
    pub(super) async fn names(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectRecord>, StoreError> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        let mut token = None;
        loop {
            let size = (limit - found.len()).min(PAGE);
            let (result, next) = self.page(prefix, after, size, token, false).await?;
            for record in result.objects.iter().filter_map(|meta| self.record(meta)) {
                // A store may ignore where to begin.
                let is_later = after.is_none_or(|after| record.key.as_str() > after);
                if is_later && record.key.starts_with(prefix) {
                    found.push(record);
                }
                if found.len() == limit {
                    return Ok(found);
                }
            }
            if next.is_none() {
                return Ok(found);
            }
            token = next;
        }
    }

    /// Names of the folders right below `prefix`, sorted.
    pub(super) async fn folder_names(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let (result, next) = self.page(prefix, None, PAGE, token, true).await?;
            let keys = result.common_prefixes.iter().filter_map(|path| self.key(path));
            found.extend(keys.filter_map(|key| {
                let name = key.strip_prefix(prefix)?.trim_end_matches('/');
                (!name.is_empty()).then(|| name.to_owned())
            }));
            if next.is_none() {
                found.sort_unstable();
                found.dedup();
                return Ok(found);
            }
            token = next;
        }
    }

    async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        size: usize,
        token: Option<String>,
        folders: bool,
    ) -> Result<(ListResult, Option<String>), StoreError> {
        let root = &self.clients().root;
        let whole = format!("{root}{prefix}");
        let Some(pages) = &self.clients().pages else {
            return Ok((self.without_pages(&whole, folders).await?, None));
        };
        let options = PaginatedListOptions {
            offset: after.map(|after| format!("{root}{after}")),
            delimiter: folders.then(|| "/".into()),
            max_keys: Some(size),
            page_token: token,
            ..PaginatedListOptions::default()
        };
        let prefix_or_all = (!whole.is_empty()).then_some(whole.as_str());
        let work = pages.list_paginated(prefix_or_all, options);
        let found = self.call(Call::List, prefix, 0, work).await?;
        Ok((found.result, found.page_token))
    }

    /// All at once: by whole folders, as a store in memory lists.
    async fn without_pages(&self, whole: &str, folders: bool) -> Result<ListResult, StoreError> {
        let folder = whole.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = Path::parse(folder)
            .map_err(|error| StoreError::Failed(format!("folder {folder}: {error}")))?;
        let objects = &self.clients().objects;
        if folders {
            let work = objects.list_with_delimiter(Some(&path));
            return Ok(self.call(Call::List, whole, 0, work).await?);
        }
        let work = objects.list(Some(&path)).try_collect::<Vec<ObjectMeta>>();
        let mut found = self.call(Call::List, whole, 0, work).await?;
        found.sort_unstable_by(|a, b| a.location.cmp(&b.location));
        let common_prefixes = Vec::new();
        Ok(ListResult { objects: found, common_prefixes, extensions: Default::default() })
    }

    /// Every object below `prefix`, page by page, given to `each`.
    pub(super) async fn walk(
        &self,
        prefix: &str,
        mut each: impl FnMut(ObjectRecord),
    ) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.names(prefix, after.as_deref(), PAGE).await?;
            let was_last = page.len() < PAGE;
            after = page.last().map(|record| record.key.clone());
            page.into_iter().for_each(&mut each);
            if was_last {
                return Ok(());
            }
        }
    }
}
