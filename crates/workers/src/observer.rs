//! How a duty tells the world how far it is.

use std::time::Duration;

use crate::Finding;

/// How far a duty is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, in one word, such as `import`.
    pub phase: &'static str,
    /// Units that are done.
    pub done: u64,
    /// Units in all; `None` while nobody knows.
    pub total: Option<u64>,
    /// Bytes that were handled so far; 0 where bytes mean nothing.
    pub bytes: u64,
    /// What is being worked on, such as a repository.
    pub message: String,
}

/// How far a duty is whose time goes by bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// What is being done, in one word, such as `verify`.
    pub phase: &'static str,
    /// Objects that are done.
    pub objects: u64,
    /// Objects in all, as far as they are known; never below `objects`.
    pub total_objects: u64,
    /// Bytes that are done.
    pub bytes: u64,
    /// Bytes in all, as far as they are known; never below `bytes`.
    pub total_bytes: u64,
    /// Bytes per second since the run began; 0 while nothing can be said.
    pub rate: u64,
}

impl Volume {
    /// How long the rest takes at this rate; `None` while nothing can be said.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.total_bytes.saturating_sub(self.bytes);
        left.checked_div(self.rate).map(Duration::from_secs)
    }
}

/// Is told what a duty does. Called from the duty's own task, so it must return quickly.
pub trait Observer: Send + Sync {
    /// The duty has come this far. Comes often; drop what is not needed.
    fn progress(&self, progress: &Progress);

    /// The same for a duty that counts bytes. Comes after every megabyte or so.
    fn volume(&self, _: &Volume) {}

    /// A line of the duty's report for people, in the order in which things happen.
    fn line(&self, line: &str);

    /// Something is damaged or odd.
    fn finding(&self, finding: &Finding);
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _: &Progress) {}
    fn line(&self, _: &str) {}
    fn finding(&self, _: &Finding) {}
}
