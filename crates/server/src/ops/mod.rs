//! What operators look at: health, metrics, the log of requests.

mod audit;
mod debug;
mod figures;
mod health;
mod journal;
mod metrics;

pub use audit::Auditor;
pub(crate) use audit::Trace;
pub(crate) use debug::Debug;
pub use debug::DebugSettings;
pub(crate) use figures::Figures;
pub use figures::{Figure, FigureKind};
pub use health::{Health, Readiness};
pub(crate) use journal::{Journal, Line};
pub use metrics::Metrics;
pub(crate) use metrics::method_label;
