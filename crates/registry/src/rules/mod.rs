//! Pure decisions: facts in, plan or refusal out. They run inside the store's
//! transactions, so they are written once and hold on every engine.

mod blob;
mod closure;
mod manifest;

pub use blob::{mountable, publish, unlinkable};
pub use closure::{ClosureRule, closure, tags_free};
pub use manifest::{IndexPlatforms, ManifestRules, Platform, SparseRule, UrlRules};
