//! Figures of the process, the store and the uploads, for the metrics.

use metastore::{MetadataFigures, MetadataStore};
use registry::Registry;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use server::{Figure, FigureKind};

use crate::work::Backlog;

/// The figures of one running registry.
pub(crate) fn figures(
    metadata: &dyn MetadataStore,
    registry: &Registry,
    backlog: &Backlog,
) -> Vec<Figure> {
    let mut figures = of_metadata(&metadata.figures());
    let uploads = registry.open_uploads();
    figures.push(gauge("berth_open_uploads", "Uploads that hold memory or a file", uploads));
    if !registry.settings().stale_reads.is_zero() {
        let help = "Pulls answered from memory while the metadata was away";
        figures.push(counter("berth_stale_reads", help, registry.stale_reads()));
    }
    if let Some((blobs, bytes)) = backlog.left() {
        let help = "Imported blobs that are not re-hashed yet";
        figures.push(gauge("berth_unverified_blobs", help, blobs));
        figures.push(gauge("berth_unverified_bytes", "Bytes of these blobs", bytes));
    }
    figures.extend(process());
    figures
}

/// What the engine in use has to tell.
fn of_metadata(metadata: &MetadataFigures) -> Vec<Figure> {
    let mut figures = Vec::new();
    if let Some(writer) = metadata.writer {
        figures.extend([
            counter("berth_metadata_commits", "Transactions committed", writer.commits),
            counter("berth_metadata_writes", "Writes in these transactions", writer.writes),
            gauge("berth_metadata_waiting_writes", "Writes that wait for a commit", writer.waiting),
        ]);
    }
    if let Some(pool) = metadata.pool {
        figures.extend([
            counter("berth_metadata_commits", "Transactions committed", pool.commits),
            counter("berth_metadata_retries", "Writes run again after a conflict", pool.retries),
            gauge("berth_metadata_connections_max", "Connections allowed", pool.cap),
            gauge("berth_metadata_connections_open", "Connections open", pool.open),
            gauge("berth_metadata_connections_in_use", "Connections at work", pool.in_use),
            gauge("berth_metadata_waiting_calls", "Calls that wait for a connection", pool.waiting),
        ]);
    }
    figures
}

/// The figures that every Prometheus client has, under its names; what the kernel does not tell is
/// left out.
fn process() -> Vec<Figure> {
    let stat = read("/proc/self/stat").as_deref().and_then(Stat::parse);
    let booted = read("/proc/stat").as_deref().and_then(booted);
    let mut figures = Vec::new();
    if let Some(stat) = &stat {
        let (cpu, started) = (stat.cpu_seconds(), booted.map(|at| at + stat.started_after()));
        let counter = FigureKind::Counter;
        figures.extend([
            figure("process_cpu_seconds", "User and system CPU time in seconds", counter, cpu),
            gauge("process_resident_memory_bytes", "Resident memory", stat.resident_bytes()),
            gauge("process_virtual_memory_bytes", "Virtual memory", stat.virtual_bytes),
            gauge("process_threads", "Threads of the process", stat.threads),
        ]);
        figures.extend(started.map(|at| {
            let help = "Start of the process in seconds since the Unix epoch";
            figure("process_start_time_seconds", help, FigureKind::Gauge, at)
        }));
    }
    let (open, most) = (open_descriptors(), getrlimit(Resource::Nofile).current);
    figures.extend(open.map(|open| gauge("process_open_fds", "Open file descriptors", open)));
    figures.extend(most.map(|most| gauge("process_max_fds", "File descriptors allowed", most)));
    figures
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Figure {
    figure(name, help, FigureKind::Counter, value as f64)
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Figure {
    figure(name, help, FigureKind::Gauge, value as f64)
}

fn figure(name: &'static str, help: &'static str, kind: FigureKind, value: f64) -> Figure {
    Figure { name, help, kind, value }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn open_descriptors() -> Option<u64> {
    std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64)
}

/// When the machine was booted, in seconds since the Unix epoch.
fn booted(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// Part of `/proc/self/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// User and system time, in ticks.
    cpu_ticks: u64,
    threads: u64,
    /// Ticks from the boot to the start of the process.
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// Counts the fields from the end of the program's name, which may hold anything.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // Fields bear the numbers of proc(5); the first after the name is the third.
        let field = |number: usize| -> Option<u64> { fields.get(number - 3)?.parse().ok() };
        Some(Self {
            cpu_ticks: field(14)?.saturating_add(field(15)?),
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }

    fn cpu_seconds(&self) -> f64 {
        self.cpu_ticks as f64 / clock_ticks_per_second() as f64
    }

    fn started_after(&self) -> f64 {
        self.start_ticks as f64 / clock_ticks_per_second() as f64
    }

    fn resident_bytes(&self) -> u64 {
        self.resident_pages.saturating_mul(page_size() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_program_is_called() {
        let line = "7 (a) R 1 (x) S 1 7 7 0 -1 4194304 100 0 0 0 120 30 0 0 20 0 5 0 8800 \
                    9437184 512 18446744073709551615 1 1 0";
        let stat = Stat::parse(line).unwrap();
        let expected = Stat {
            cpu_ticks: 150,
            threads: 5,
            start_ticks: 8800,
            virtual_bytes: 9_437_184,
            resident_pages: 512,
        };
        assert_eq!(stat, expected);
        assert_eq!(Stat::parse("7 (a) S 1 7"), None);
        assert_eq!(booted("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000.0));
    }

    #[test]
    fn this_process_has_all_figures_and_they_make_sense() {
        let figures = process();
        let value = |name: &str| figures.iter().find(|f| f.name == name).unwrap().value;
        let started = value("process_start_time_seconds");
        let now = store::Clock::now(&store::SystemClock::new()).seconds() as f64;
        assert!((now - started).abs() < 3600.0, "{started} {now}");
        assert!(value("process_cpu_seconds") >= 0.0);
        assert!(value("process_resident_memory_bytes") < value("process_virtual_memory_bytes"));
        assert!(value("process_open_fds") < value("process_max_fds"));
        assert!(value("process_threads") >= 1.0);
    }
}
