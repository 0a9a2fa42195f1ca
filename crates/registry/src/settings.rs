//! What the operator decided, as the domain understands it.

use std::time::Duration;

use oci::RepositoryName;

use crate::rules::ManifestRules;

/// Bounds and switches of one registry.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Largest manifest in bytes.
    pub manifest_max_bytes: u64,
    /// Whether tags, manifests and blobs may be deleted.
    pub delete_enabled: bool,
    /// What a manifest may reference.
    pub manifest_rules: ManifestRules,
    /// Blobs up to this size are kept in the metadata database, in bytes.
    pub inline_max_bytes: usize,
    /// An upload is held in memory up to this size, in bytes.
    pub held_max_bytes: usize,
    /// All held uploads together stay below this, in bytes; beyond it they go
    /// to disk.
    pub held_total_bytes: u64,
    /// How long a POST's upload id may wait for its first byte.
    pub begin_within: Duration,
    /// A large upload notes a point to go on from every so many bytes.
    pub checkpoint_every_bytes: u64,
    /// How long a request waits for another one that writes to the same upload.
    pub upload_wait: Duration,
    /// Whether other processes serve the same stores: then nothing of an upload
    /// stays in this one between two requests.
    pub shared: bool,
    /// Whether clients may be sent to the blob store for bytes.
    pub sends_away: bool,
    /// For how long pulls of digests go on from memory while the metadata is
    /// away; zero never.
    pub stale_reads: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            manifest_max_bytes: 4 << 20,
            delete_enabled: false,
            manifest_rules: ManifestRules::default(),
            inline_max_bytes: 16 << 10,
            held_max_bytes: 128 << 10,
            held_total_bytes: 16 << 20,
            begin_within: Duration::from_secs(3600),
            checkpoint_every_bytes: 64 << 20,
            upload_wait: Duration::from_secs(10),
            shared: false,
            sends_away: false,
            stale_reads: Duration::ZERO,
        }
    }
}

/// Chooses repositories: an anchored pattern over their names.
#[derive(Debug, Clone)]
pub struct RepositoryPattern(regex::Regex);

impl RepositoryPattern {
    /// The repositories whose whole name matches `pattern` (RE2 syntax).
    pub fn new(pattern: &str) -> Result<Self, regex::Error> {
        regex::Regex::new(&format!("^(?:{pattern})$")).map(Self)
    }

    /// Whether `name` is one of them.
    pub fn matches(&self, name: &RepositoryName) -> bool {
        self.0.is_match(name.as_str())
    }
}
