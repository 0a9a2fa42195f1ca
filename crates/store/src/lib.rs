//! The seams between the registry and what keeps its bytes and its names.
//!
//! Only contracts live here: what a [`BlobStore`] and the metadata stores
//! promise, the records they exchange, and the clock and randomness that are
//! passed in so that time and chance can be simulated. No implementation, no
//! SQL, no disk.
//!
//! One trait per duty. One method of a metadata trait is one transaction:
//! the adapter gathers typed facts, asks the pure rule, applies its plan and
//! commits. Look-ups return `Option`; an error never means "not found".

mod account;
mod account_walk;
mod audit;
mod blob;
mod chance;
mod clock;
mod content;
mod counter;
mod error;
mod history;
mod import;
mod lease;
mod liveness;
mod objects;
mod page;
mod rule;
mod settings;
mod upload;
mod walk;

pub use account::{
    AccessChange, AccessFacts, AccessRefusal, AccountChange, AccountId, AccountKind, AccountRecord,
    AccountStore, ChangedAccess, CredentialId, CredentialKind, CredentialRecord, GrantRecord,
    NewAccount, NewCredential, PolicyRecord, RoleRecord, SecretHash, TeamRecord, VisibilityRecord,
};
pub use account_walk::{AccountWalk, CredentialWalk, LastNumbers, RestoreAccess};
pub use audit::{AuditFilter, AuditNote, AuditOrder, AuditRecord, AuditSeal, AuditStore};
pub use blob::{
    AddressRequest, BlobKey, BlobSlot, BlobStore, ByteStream, Checkpoint, Digests, StagedBlob,
    StagingId, StagingRecord, StoredRecord,
};
pub use chance::{OsRandom, Random};
pub use clock::{Clock, SystemClock, Timestamp};
pub use content::{
    BlobPlace, BlobRecord, BlobState, ClosingUpload, ContentStore, DeletedManifest, ManifestRecord,
    MountBlob, MountFacts, NewManifest, Presence, PublishBlob, PublishFacts, PublishPlan,
    Published, PutManifest, PutManifestFacts, ReferrerRecord, UnlinkBlob, UnlinkFacts,
};
pub use counter::{CounterStore, PullCount};
pub use error::{StoreError, WriteError};
pub use history::{HistoryStore, NewHistory, TagMove};
pub use import::{
    ImportBatch, ImportStore, ImportedBlob, ImportedManifest, ImportedTag, UnverifiedBlob,
};
pub use lease::{Lease, LeaseStore};
pub use liveness::{DeadBlob, LivenessStore, StaleLink, UntaggedManifest};
pub use objects::{ObjectRecord, Objects};
pub use page::Page;
pub use rule::{Refusal, Rule};
pub use settings::SettingsStore;
pub use upload::{UploadId, UploadRow, UploadState, UploadStore};
pub use walk::{BlobWalk, LinkWalk, ManifestWalk, TagWalk, WalkStore};
