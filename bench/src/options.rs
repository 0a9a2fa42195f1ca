//! The command line, and the sizes that follow from it.

use std::path::PathBuf;
use std::time::Duration;

use crate::Outcome;
use crate::backing::StoreKind;
use crate::servers::Server;
use crate::works::Work;

/// Measures Berth beside its peers and prints a Markdown table of medians and ratios.
#[derive(clap::Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub(crate) struct Options {
    /// How often everything is measured; the table shows the median.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// One round with small sizes, in less than a minute: shows that it runs, not how fast.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Measures what signing in costs, and nothing else.
    #[arg(long, conflicts_with_all = ["only", "work", "markdown", "entries", "fill"])]
    pub(crate) access: bool,
    /// Where the registries keep their blobs: `minio` gives each a MinIO of its own, and Berth a
    /// PostgreSQL server.
    #[arg(long, value_name = "STORE", default_value = "files")]
    pub(crate) store: StoreKind,
    /// Only these servers, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "SERVERS")]
    only: Vec<Server>,
    /// Only this work, separated by commas; `push-chunked` runs only when it is named here, and on
    /// MinIO also `start`, `memory`, `manifest` and `head`.
    #[arg(long, value_delimiter = ',', value_name = "WORK")]
    work: Vec<Work>,
    /// A folder on a disk for the data; needs up to 10 GiB for each round [default: target/bench].
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Writes the table to this file as well.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Seed of the order of servers and of the contents.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Tags, and repositories, in the large store; on MinIO there is one only if this is given.
    #[arg(long, value_parser = clap::value_parser!(u64).range(200..=1_000_000))]
    entries: Option<u64>,
    /// How long each kind of entry of a large store is pushed to a peer; Berth gets them all.
    #[arg(long, value_name = "SECONDS")]
    fill: Option<u64>,
    /// How long each rate is measured.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
}

/// How much of everything.
pub(crate) struct Sizes {
    pub(crate) rounds: u32,
    /// Of the large blob, in MiB.
    pub(crate) large: u64,
    /// Pulls of the large blob in one measurement.
    pub(crate) pulls: u32,
    /// Starts in one measurement.
    pub(crate) starts: u32,
    /// Between the first answer and the look at idle memory.
    pub(crate) settle: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
    /// Small pushes in one measurement, however long they take.
    pub(crate) least_pushes: u64,
    /// Tags and repositories of the small and of the large store.
    pub(crate) few: u64,
    pub(crate) many: u64,
    /// How long one kind of entry is pushed to a peer's large store.
    pub(crate) fill: Duration,
}

impl Options {
    pub(crate) fn sizes(&self) -> Sizes {
        let pick = |quick, full| if self.quick { quick } else { full };
        let measure =
            self.seconds.map_or(Duration::from_millis(pick(120, 3000)), Duration::from_secs);
        Sizes {
            rounds: if self.quick { 1 } else { self.rounds },
            large: pick(64, 1024),
            pulls: if self.quick { 2 } else { 4 },
            starts: if self.quick { 1 } else { 5 },
            settle: Duration::from_millis(pick(100, 2000)),
            warm_up: measure / 6,
            measure,
            least_pushes: match self.store {
                StoreKind::Files => 0,
                StoreKind::Minio => pick(20, 200),
            },
            few: 150,
            many: self.entries.unwrap_or(pick(300, 100_000)),
            fill: self.fill.map_or(Duration::from_secs(pick(2, 60)), Duration::from_secs),
        }
    }

    /// The servers to measure, in the order of the table.
    pub(crate) fn servers(&self) -> Outcome<Vec<Server>> {
        let all = Server::all(self.store);
        if let Some(other) = self.only.iter().find(|server| !all.contains(server)) {
            let names = all.iter().map(|server| server.name()).collect::<Vec<_>>().join(", ");
            return Err(format!("--only {}: with this --store there are {names}", other.name()));
        }
        let chosen = |server: &Server| self.only.is_empty() || self.only.contains(server);
        Ok(all.iter().copied().filter(chosen).collect())
    }

    pub(crate) fn wants(&self, work: Work) -> bool {
        if self.work.is_empty() { work.is_usual(self.store) } else { self.work.contains(&work) }
    }

    /// True if the stores with many entries are filled and measured.
    pub(crate) fn has_large_stores(&self) -> bool {
        self.store == StoreKind::Files || self.entries.is_some()
    }

    /// Refuses work that the store cannot show.
    pub(crate) fn check(&self) -> Outcome<()> {
        if self.store == StoreKind::Files && self.work.contains(&Work::Calls) {
            return Err("--work calls counts requests to an object store: add --store minio".into());
        }
        Ok(())
    }

    pub(crate) fn folder(&self) -> PathBuf {
        if let Some(folder) = &self.dir {
            return folder.clone();
        }
        // This program is target/release/bench.
        let own = std::env::current_exe().unwrap_or_default();
        own.parent().and_then(|release| release.parent()).unwrap_or(&own).join("bench")
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Options;
    use crate::servers::Server;
    use crate::works::Work;

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn each_store_has_its_servers_and_its_work() {
        let options = Options::parse_from(["bench", "--store", "minio"]);
        assert!(options.wants(Work::Calls));
        assert!(!options.wants(Work::Start));
        assert!(!options.has_large_stores());
        assert!(options.servers().is_ok_and(|all| all.contains(&Server::BerthSqlite)));
        let options = Options::parse_from(["bench", "--store", "minio", "--only", "olareg"]);
        assert!(options.servers().is_err());
        assert!(!Options::parse_from(["bench"]).wants(Work::Calls));
        assert!(Options::parse_from(["bench", "--work", "calls"]).check().is_err());
    }

    #[test]
    fn servers_and_work_are_chosen_by_name() {
        let options =
            Options::parse_from(["bench", "--only", "nginx,olareg", "--work", "pull,push-chunked"]);
        assert_eq!(options.servers(), Ok(vec![Server::Olareg, Server::Nginx]));
        assert!(options.wants(Work::PushChunked));
        assert!(!options.wants(Work::Start));
        assert!(!Options::parse_from(["bench"]).wants(Work::PushChunked));
    }
}
