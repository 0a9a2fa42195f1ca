//! First half of a collection: names that nothing needs.

use oci::RepositoryName;
use store::Page;

use super::{PAGE, Run};
use crate::WorkError;

impl Run<'_> {
    pub(super) async fn names(&mut self) -> Result<(), WorkError> {
        let mut page = Page::first(PAGE);
        loop {
            let names = self.repositories(page).await?;
            let Some(last) = names.last() else { return Ok(()) };
            page = Page::after(last.as_str().to_owned(), PAGE);
            for name in &names {
                self.begin(name);
                // What an index held becomes untagged when the index goes.
                while self.options.delete_untagged && self.drop_untagged(name).await? > 0 {}
                self.drop_links(name).await?;
            }
        }
    }

    /// One pass over the untagged manifests of a repository; returns how many were dropped.
    async fn drop_untagged(&mut self, name: &RepositoryName) -> Result<u64, WorkError> {
        let liveness = &self.collect.liveness;
        let mut dropped = 0;
        let mut page = Page::first(PAGE);
        loop {
            self.go_on()?;
            let untagged = liveness.untagged_manifests(name, self.before, page).await?;
            let Some(last) = untagged.last() else { break };
            page = Page::after(last.sha256, PAGE);
            untagged.iter().for_each(|manifest| self.manifest_line(name, &manifest.sha256));
            let digests = untagged.iter().map(|manifest| manifest.sha256).collect();
            let now = self.collect.clock.now();
            dropped += liveness.drop_untagged(name, digests, self.before, now).await?;
        }
        self.report.manifests += dropped;
        Ok(dropped)
    }

    async fn drop_links(&mut self, name: &RepositoryName) -> Result<(), WorkError> {
        let liveness = &self.collect.liveness;
        let mut page = Page::first(PAGE);
        loop {
            self.go_on()?;
            let stale = liveness.stale_links(name, self.before, page).await?;
            let Some(last) = stale.last() else { return Ok(()) };
            page = Page::after(last.sha256, PAGE);
            stale.iter().for_each(|link| self.link_line(name, &link.sha256));
            let digests = stale.iter().map(|link| link.sha256).collect();
            self.report.links += liveness.drop_links(name, digests, self.before).await?;
        }
    }

    pub(super) fn go_on(&self) -> Result<(), WorkError> {
        match self.shutdown.requested() {
            true => Err(WorkError::Interrupted),
            false => Ok(()),
        }
    }
}
