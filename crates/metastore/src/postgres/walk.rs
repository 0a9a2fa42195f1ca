//! `WalkStore`: everything, page by page.

use async_trait::async_trait;
use oci::{Algorithm, Digest, RepositoryName};
use store::{BlobWalk, LinkWalk, ManifestWalk, Page, StoreError, TagWalk, WalkStore};
use tokio_postgres::Row;

use super::args::args;
use super::failure::Failure;
use super::{Postgres, rows};

pub(crate) const REPOSITORIES: &str =
    "SELECT name FROM repository WHERE name > $1 ORDER BY name LIMIT $2";
pub(crate) const LINKS: &str = "SELECT l.sha256, \
     (SELECT a.sha512 FROM alias a WHERE a.sha256 = l.sha256 LIMIT 1), l.at FROM link l \
     WHERE l.repository_id = (SELECT id FROM repository WHERE name = $1) AND l.sha256 > $2 \
     ORDER BY l.sha256 LIMIT $3";
pub(crate) const MANIFESTS: &str = "SELECT m.sha256, m.digest, m.media_type, b.bytes, m.at, \
     p.count, p.last \
     FROM manifest m JOIN manifest_bytes b ON b.id = m.bytes_id \
     LEFT JOIN manifest_pull p ON p.manifest_id = m.id \
     WHERE m.repository_id = (SELECT id FROM repository WHERE name = $1) AND m.sha256 > $2 \
     ORDER BY m.sha256 LIMIT $3";
pub(crate) const TAGS: &str = "SELECT t.name, t.digest, m.sha256, t.at, p.count, p.last \
     FROM tag t JOIN manifest m ON m.id = t.manifest_id \
     LEFT JOIN tag_pull p ON p.repository_id = t.repository_id AND p.name = t.name \
     WHERE t.repository_id = (SELECT id FROM repository WHERE name = $1) AND t.name > $2 \
     ORDER BY t.name LIMIT $3";
pub(crate) const BLOBS: &str = "SELECT sha256, size, key, content FROM blob \
     WHERE sha256 > $1 AND state IN ('live', 'condemned') ORDER BY sha256 LIMIT $2";

fn manifest(row: &Row) -> Result<ManifestWalk, Failure> {
    let pushed = rows::digest(row, 1)?;
    Ok(ManifestWalk {
        sha256: rows::digest(row, 0)?,
        sha512: (pushed.algorithm() == Algorithm::Sha512).then_some(pushed),
        media_type: rows::media_type(row, 2)?,
        bytes: rows::bytes(row, 3)?,
        at: rows::time(row, 4)?,
        pulls: rows::size_or_zero(row, 5)?,
        last_pulled: rows::time_or_null(row, 6)?,
    })
}

fn tag(row: &Row) -> Result<TagWalk, Failure> {
    Ok(TagWalk {
        tag: rows::tag(row, 0)?,
        digest: rows::digest(row, 1)?,
        sha256: rows::digest(row, 2)?,
        at: rows::time(row, 3)?,
        pulls: rows::size_or_zero(row, 4)?,
        last_pulled: rows::time_or_null(row, 5)?,
    })
}

fn link(row: &Row) -> Result<LinkWalk, Failure> {
    Ok(LinkWalk {
        sha256: rows::digest(row, 0)?,
        sha512: rows::digest_or_null(row, 1)?,
        at: rows::time(row, 2)?,
    })
}

fn blob(row: &Row) -> Result<BlobWalk, Failure> {
    Ok(BlobWalk {
        sha256: rows::digest(row, 0)?,
        size: rows::size(row, 1)?,
        place: rows::place(row, 2)?,
    })
}

#[async_trait]
impl WalkStore for Postgres {
    async fn walk_repositories(
        &self,
        page: Page<String>,
    ) -> Result<Vec<RepositoryName>, StoreError> {
        let start = args![rows::after_name(&page), rows::limit(page.limit)];
        self.list(REPOSITORIES, start, |row| rows::repository(row, 0)).await
    }

    async fn walk_links(
        &self,
        repository: &RepositoryName,
        page: Page<Digest>,
    ) -> Result<Vec<LinkWalk>, StoreError> {
        let (after, limit) = (rows::after_digest(&page), rows::limit(page.limit));
        self.list(LINKS, args![repository.as_str(), after, limit], link).await
    }

    async fn walk_manifests(
        &self,
        repository: &RepositoryName,
        page: Page<Digest>,
    ) -> Result<Vec<ManifestWalk>, StoreError> {
        let (after, limit) = (rows::after_digest(&page), rows::limit(page.limit));
        self.list(MANIFESTS, args![repository.as_str(), after, limit], manifest).await
    }

    async fn walk_tags(
        &self,
        repository: &RepositoryName,
        page: Page<String>,
    ) -> Result<Vec<TagWalk>, StoreError> {
        let (after, limit) = (rows::after_name(&page), rows::limit(page.limit));
        self.list(TAGS, args![repository.as_str(), after, limit], tag).await
    }

    async fn walk_blobs(&self, page: Page<Digest>) -> Result<Vec<BlobWalk>, StoreError> {
        let start = args![rows::after_digest(&page), rows::limit(page.limit)];
        self.list(BLOBS, start, blob).await
    }
}
