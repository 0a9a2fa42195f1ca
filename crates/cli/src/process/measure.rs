//! Figures of the process, the store and the uploads, for the metrics.

use metastore::Sqlite;
use registry::Registry;
use server::{Figure, FigureKind};

/// The figures of one running registry.
pub(crate) fn figures(metadata: &Sqlite, registry: &Registry) -> Vec<Figure> {
    let stats = metadata.stats();
    vec![
        counter("berth_metadata_commits", "Transactions committed", stats.commits),
        counter("berth_metadata_writes", "Writes in these transactions", stats.writes),
        gauge("berth_metadata_waiting_writes", "Writes that wait for a commit", stats.waiting),
        gauge("berth_open_uploads", "Uploads that hold memory or a file", registry.open_uploads()),
        gauge("process_resident_memory_bytes", "Resident memory", resident_bytes()),
        gauge("process_open_fds", "Open file descriptors", open_descriptors()),
    ]
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Figure {
    Figure { name, help, kind: FigureKind::Counter, value }
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Figure {
    Figure { name, help, kind: FigureKind::Gauge, value }
}

/// From the kernel; 0 where it does not tell.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages.saturating_mul(rustix::param::page_size() as u64)
}

fn open_descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}
