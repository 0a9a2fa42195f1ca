//! How a duty tells the world how far it is.

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

/// Is told what a duty does. Called from the duty's own task, so it must return quickly.
pub trait Observer: Send + Sync {
    /// The duty has come this far. Comes often; drop what is not needed.
    fn progress(&self, progress: &Progress);

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
