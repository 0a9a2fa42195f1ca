//! Metrics that are read when somebody asks: the process, the store, the uploads.

use std::fmt;
use std::sync::Arc;

use metastore::Sqlite;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use registry::Registry;

/// Reads the figures of one running registry.
pub(crate) struct Measure {
    pub(crate) metadata: Arc<Sqlite>,
    pub(crate) registry: Arc<Registry>,
}

impl fmt::Debug for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measure")
    }
}

impl Collector for Measure {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = self.metadata.stats();
        let uploads = self.registry.open_uploads();
        counter(&mut encoder, "berth_metadata_commits", "Transactions committed", stats.commits)?;
        counter(
            &mut encoder,
            "berth_metadata_writes",
            "Writes in these transactions",
            stats.writes,
        )?;
        gauge(
            &mut encoder,
            "berth_metadata_waiting_writes",
            "Writes that wait for a commit",
            stats.waiting,
        )?;
        gauge(&mut encoder, "berth_open_uploads", "Uploads that hold memory or a file", uploads)?;
        gauge(&mut encoder, "process_resident_memory_bytes", "Resident memory", resident_bytes())?;
        gauge(&mut encoder, "process_open_fds", "Open file descriptors", open_descriptors())
    }
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let metric = ConstCounter::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let metric = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
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
