//! Where tags have pointed before.

use async_trait::async_trait;
use oci::{Digest, RepositoryName, Tag};

use crate::{Page, StoreError, Timestamp};

/// One move of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagMove {
    /// Its name.
    pub tag: Tag,
    /// Grows from move to move; another store has other numbers.
    pub number: i64,
    /// What it pointed to; `None` at its birth.
    pub from: Option<Digest>,
    /// What it points to since then; `None` at its end.
    pub to: Option<Digest>,
    /// When.
    pub at: Timestamp,
    /// Who did it; `None` for anonymous.
    pub actor: Option<String>,
}

/// Another end of the history of one tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHistory {
    /// Its name.
    pub tag: Tag,
    /// The first move that goes; `None` if none does.
    pub from_number: Option<i64>,
    /// What comes behind those that stay. Their numbers are not looked at.
    pub moves: Vec<TagMove>,
}

/// The moves of all tags, also of those that are gone.
#[async_trait]
pub trait HistoryStore: Send + Sync + 'static {
    /// Moves of the tags of a repository, by tag and number.
    async fn walk_history(
        &self,
        repository: &RepositoryName,
        page: Page<(String, i64)>,
    ) -> Result<Vec<TagMove>, StoreError>;

    /// Writes history that was made elsewhere, durably and all of it or
    /// nothing; at most 500 moves. Tags themselves stay where they are.
    ///
    /// # Errors
    /// Also if there is no such repository.
    async fn write_history(
        &self,
        repository: &RepositoryName,
        histories: Vec<NewHistory>,
    ) -> Result<(), StoreError>;
}
