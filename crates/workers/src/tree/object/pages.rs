//! Reading a long list of objects, some at a time.

use store::{ObjectRecord, Objects, StoreError};

/// What the stores give in one answer.
const PAGE: usize = 1000;

/// The objects below a folder, in byte order of their keys.
pub(super) struct Pages<'a> {
    objects: &'a dyn Objects,
    /// Ends in a slash.
    prefix: String,
    after: Option<String>,
    ended: bool,
}

impl<'a> Pages<'a> {
    /// Everything below `folder`, which has no slash at its end.
    pub(super) fn below(objects: &'a dyn Objects, folder: &str) -> Self {
        Self { objects, prefix: format!("{folder}/"), after: None, ended: false }
    }

    /// The next ones; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<ObjectRecord>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let page = self.objects.list(&self.prefix, self.after.as_deref(), PAGE).await?;
        self.ended = page.len() < PAGE;
        self.after = page.last().map(|last| last.key.clone());
        Ok(Some(page).filter(|page| !page.is_empty()))
    }

    /// Passes over what is still to come below `folder`.
    pub(super) fn skip(&mut self, folder: &str) {
        // The character after the slash: nothing below the folder comes after this.
        self.after = Some(format!("{folder}0"));
    }

    /// The part of a key below the folder.
    pub(super) fn tail<'k>(&self, key: &'k str) -> &'k str {
        key.strip_prefix(&self.prefix).unwrap_or(key)
    }
}
