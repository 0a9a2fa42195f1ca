//! What the registry can do, as methods of [`Registry`]: push, pull, list and
//! delete. The file to read first.
//!
//! Knows no HTTP, no SQL and no disk. Every method takes a [`Granted`], the
//! proof that the access policy was asked. Order is the invariant: bytes
//! before names on the way in, names before bytes on the way out; a crash
//! leaves garbage, never a dangling name.

pub mod access;
pub mod accounts;
pub mod audit;
mod delete;
mod error;
mod pull;
mod push;
pub mod rules;
mod settings;

use std::sync::Arc;

use store::{BlobStore, Clock, ContentStore, Random, UploadStore};

pub use access::Granted;
pub use error::Error;
pub use pull::{Blob, BlobSize, Catalogue, PulledManifest, Referrers, TagList};
pub use push::{PushedManifest, Source, SourceError, UploadHint, UploadKey};
pub use settings::{RepositoryPattern, Settings};

/// The stores and the world that a registry works on.
#[derive(Clone)]
pub struct Parts {
    /// Names.
    pub content: Arc<dyn ContentStore>,
    /// Upload sessions.
    pub uploads: Arc<dyn UploadStore>,
    /// Bytes.
    pub blobs: Arc<dyn BlobStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

/// One registry.
pub struct Registry {
    content: Arc<dyn ContentStore>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    sessions: push::Sessions,
    pulls: pull::Pulls,
    stale: Option<pull::Stale>,
    settings: Settings,
}

impl Registry {
    /// A registry over `parts`. `key` proves that upload ids are its own: it
    /// must survive restarts and be shared by replicas.
    pub fn new(parts: Parts, settings: Settings, key: UploadKey) -> Self {
        let Parts { content, uploads, blobs, clock, random } = parts;
        let ids = push::UploadIds::new(key, clock.clone(), random, settings.begin_within);
        let sessions = push::Sessions::new(ids, uploads, blobs.clone(), clock.clone(), &settings);
        let pulls = pull::Pulls::default();
        let stale = pull::Stale::new(settings.stale_reads);
        Self { content, blobs, clock, sessions, pulls, stale, settings }
    }

    /// Uploads that are held in memory or on the disk by this process.
    pub fn open_uploads(&self) -> u64 {
        self.sessions.count() as u64
    }

    /// Pulls that were answered from memory because the metadata was away.
    pub fn stale_reads(&self) -> u64 {
        self.stale.as_ref().map_or(0, pull::Stale::answers)
    }

    /// The operator's decisions.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registry")
    }
}
