//! Which events become lines.

use tracing::{Level, Metadata};

use crate::config::log;

/// The target of the line per request.
pub(super) const ACCESS: &str = "access";

/// The roots of our own targets. Of everybody else only warnings and errors are heard.
const OURS: &[&str] =
    &["berth", "oci", "store", "registry", "blobstore", "metastore", "server", "workers"];

/// What is let through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter {
    /// The least important events of our own rooms.
    pub(super) level: Level,
    /// Whether there is a line per request, whatever `level` says. Without,
    /// requests that failed through our own fault are still told.
    pub(super) access: bool,
}

impl Filter {
    pub(super) fn of(log: &log::Log) -> Self {
        let level = match log.level {
            log::Level::Error => Level::ERROR,
            log::Level::Warn => Level::WARN,
            log::Level::Info => Level::INFO,
            log::Level::Debug => Level::DEBUG,
        };
        Self { level, access: !log.accesslog.disabled }
    }

    pub(super) fn lets(self, metadata: &Metadata<'_>) -> bool {
        if !metadata.is_event() {
            return false;
        }
        let (level, target) = (*metadata.level(), metadata.target());
        if target == ACCESS {
            return self.access || level == Level::ERROR;
        }
        let root = target.split("::").next().unwrap_or(target);
        let least = if OURS.contains(&root) { self.level } else { self.level.min(Level::WARN) };
        level <= least
    }
}
