//! Tags and repositories, page by page.

use oci::{RepositoryName, Tag};
use store::Page;

use crate::access::{GrantedCatalog, Pull};
use crate::{Error, Granted, Registry};

/// Most entries of one page; a larger one is asked for in parts. Stores give
/// at least one more than this at once, so that it is known whether any follow.
const PAGE: usize = 1000;

/// A page of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagList {
    /// In byte order.
    pub tags: Vec<Tag>,
    /// Whether more follow the last one.
    pub more: bool,
}

/// A page of repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// In byte order.
    pub repositories: Vec<RepositoryName>,
    /// Whether more follow the last one.
    pub more: bool,
}

impl Registry {
    /// Up to `limit` tags that sort after `after`.
    pub async fn tags(
        &self,
        granted: &Granted<Pull>,
        after: Option<String>,
        limit: usize,
    ) -> Result<TagList, Error> {
        let limit = limit.min(PAGE);
        let page = Page { after, limit: limit.saturating_add(1) };
        match self.content.tags(granted.repository(), page).await? {
            Some(mut tags) => {
                let more = tags.len() > limit;
                tags.truncate(limit);
                Ok(TagList { tags, more })
            }
            None => Err(Error::NameUnknown(granted.repository().clone())),
        }
    }

    /// Up to `limit` repositories with a manifest that sort after `after` and that the caller may
    /// read. For none of them nothing is looked up, not even whether there are any.
    pub async fn catalog(
        &self,
        granted: &GrantedCatalog,
        mut after: Option<String>,
        limit: usize,
    ) -> Result<Catalogue, Error> {
        let limit = limit.min(PAGE);
        let mut repositories = Vec::new();
        if limit == 0 {
            return Ok(Catalogue { repositories, more: false });
        }
        // One page is enough for those who may read everything. After that it is of no
        // matter how few were asked for: who may read little is read past at once.
        let mut size = limit.saturating_add(1);
        loop {
            let read = self.content.repositories(Page { after, limit: size }).await?;
            let is_last = read.len() < size;
            after = read.last().map(|name| name.as_str().to_owned());
            repositories.extend(read.into_iter().filter(|name| granted.shows(name)));
            // What the caller may not read is passed over here and not told as the place to go on
            // from: that would name it.
            if is_last || repositories.len() > limit {
                let more = repositories.len() > limit;
                repositories.truncate(limit);
                return Ok(Catalogue { repositories, more });
            }
            size = PAGE;
            // A store may answer without ever waiting.
            tokio::task::yield_now().await;
        }
    }
}
