//! A run: rounds, in each of which every server gets new folders and every step meets the servers in
//! random order, one at a time.

use std::path::PathBuf;
use std::time::Duration;

use crate::content::LargeBlob;
use crate::folder::RunFolder;
use crate::options::Options;
use crate::random::Random;
use crate::report::{Goal, Report, Row, median};
use crate::running::Running;
use crate::seed::{self, Kind};
use crate::servers::Server;
use crate::works::{Context, Step, Store, Subject, Work};
use crate::{Outcome, backing, machine, table};

/// Berth's large store is filled whole, whatever the peers reach in their time.
const FILL_BERTH: Duration = Duration::from_secs(900);

/// Measures what the options ask for, and prints the table.
pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let mut run = Run::prepare(options)?;
    let mut large = run.fill_large().await?;
    for round in 1..=run.context.sizes.rounds {
        eprintln!("round {round} of {}", run.context.sizes.rounds);
        run.small_stores(round).await?;
        run.large_stores(&mut large).await?;
    }
    run.compare_pages();
    let text = run.text();
    println!("{text}");
    if let Some(file) = &options.markdown {
        crate::folder::write(file, text.as_bytes())?;
    }
    if run.report.failures.is_empty() {
        return Ok(());
    }
    Err(format!("some work failed:\n  {}", run.report.failures.join("\n  ")))
}

struct Run<'a> {
    options: &'a Options,
    context: Context,
    programs: Vec<(Server, PathBuf)>,
    folder: RunFolder,
    random: Random,
    report: Report,
}

/// A store that was filled once for all rounds.
struct LargeStore {
    server: Server,
    program: PathBuf,
    folder: PathBuf,
    tags: u64,
    repositories: u64,
}

impl<'a> Run<'a> {
    fn prepare(options: &'a Options) -> Outcome<Self> {
        if cfg!(debug_assertions) && !options.quick {
            return Err("measure with a release build: `cargo xtask bench`".into());
        }
        options.check()?;
        let servers = options.servers()?;
        backing::require(options.store, &servers)?;
        let (found, missing): (Vec<_>, Vec<_>) = servers
            .into_iter()
            .map(|server| (server, server.find()))
            .partition(|(_, program)| program.is_ok());
        if !missing.is_empty() {
            let missing: Vec<_> = missing.into_iter().filter_map(|(_, why)| why.err()).collect();
            return Err(format!(
                "{}\n       or choose other servers with --only",
                missing.join("\n       ")
            ));
        }
        let programs: Vec<_> = found
            .into_iter()
            .filter_map(|(server, program)| Some((server, program.ok()?)))
            .collect();
        let sizes = options.sizes();
        // The large blob once per round and server, and as much again for the small pushes.
        let needed = (sizes.large << 20) * 2 * u64::from(sizes.rounds) * programs.len() as u64;
        let folder = RunFolder::create(&options.folder(), needed)?;
        let large = LargeBlob::new(sizes.large, options.seed);
        let context = Context { sizes, store: options.store, large, seed: options.seed };
        let random = Random::new(options.seed);
        Ok(Self { options, context, programs, folder, random, report: Report::default() })
    }

    fn shuffled(&mut self) -> Vec<(Server, PathBuf)> {
        let mut programs = self.programs.clone();
        self.random.shuffle(&mut programs);
        programs
    }

    /// One round on fresh folders: starts, idle memory, then every step.
    async fn small_stores(&mut self, round: u32) -> Outcome<()> {
        let mut subjects = self.start_small(round)?;
        if self.options.wants(Work::Memory) {
            tokio::time::sleep(self.context.sizes.settle).await;
            self.step(Step::Idle, &mut subjects).await;
        }
        for subject in &mut subjects {
            self.seed_small(subject).await?;
        }
        rustix::fs::sync();
        for (work, step) in Step::SMALL {
            if self.options.wants(work) && step.fits(self.options.store) {
                self.step(step, &mut subjects).await;
            }
        }
        Ok(())
    }

    fn start_small(&mut self, round: u32) -> Outcome<Vec<Subject>> {
        let mut subjects = Vec::new();
        for (server, program) in self.shuffled() {
            let folder = self.folder.path().join(format!("round-{round}")).join(server.name());
            let mut times = Vec::new();
            for start in 1..self.starts() {
                let folder = folder.join(format!("start-{start}"));
                times.push(Running::start(server, self.options.store, &program, &folder)?.1);
            }
            let (running, time) =
                Running::start(server, self.options.store, &program, &folder.join("store"))?;
            times.push(time);
            let row = Row::less("start, empty store", "ms").goal(Goal::Absolute(50.0));
            self.record_start(server, row, &times);
            subjects.push(Subject { running, tags: 0, repositories: 0, has_large_blob: false });
        }
        Ok(subjects)
    }

    /// Pushes what the steps on a small store read.
    async fn seed_small(&self, subject: &mut Subject) -> Outcome<()> {
        let server = subject.running.server;
        if !server.is_registry() {
            return Ok(());
        }
        let (address, few) = (subject.address(), self.context.sizes.few);
        let failed = |error| format!("seeding {}: {error}", server.name());
        let wants = |work| self.options.wants(work);
        if wants(Work::Manifest) || wants(Work::Head) {
            seed::push_image(address, seed::IMAGE_REPOSITORY).await.map_err(failed)?;
        }
        if wants(Work::Tags) || wants(Work::Calls) {
            let tags = seed::push_entries(address, Kind::Tags, few, FILL_BERTH);
            subject.tags = tags.await.map_err(failed)?;
        }
        if wants(Work::Catalog) || wants(Work::Calls) {
            let repositories = seed::push_entries(address, Kind::Repositories, few, FILL_BERTH);
            subject.repositories = repositories.await.map_err(failed)?;
        }
        Ok(())
    }

    /// Fills one large store for each registry, once for all rounds.
    async fn fill_large(&mut self) -> Outcome<Vec<LargeStore>> {
        let wants = |work| self.options.wants(work);
        let (tags, repositories) =
            (wants(Work::Tags) || wants(Work::Start), wants(Work::Catalog) || wants(Work::Start));
        let mut stores = Vec::new();
        if !self.options.has_large_stores() || (!tags && !repositories) {
            return Ok(stores);
        }
        for (server, program) in self.programs.clone() {
            if !server.is_registry() {
                continue;
            }
            let folder = self.folder.path().join("large").join(server.name());
            let time = if server.is_peer() { self.context.sizes.fill } else { FILL_BERTH };
            let (running, _) = Running::start(server, self.options.store, &program, &folder)?;
            let mut store = LargeStore { server, program, folder, tags: 0, repositories: 0 };
            if tags {
                store.tags = self.fill(&running, Kind::Tags, time).await?;
            }
            if repositories {
                store.repositories = self.fill(&running, Kind::Repositories, time).await?;
            }
            stores.push(store);
        }
        rustix::fs::sync();
        Ok(stores)
    }

    async fn fill(&mut self, running: &Running, kind: Kind, time: Duration) -> Outcome<u64> {
        let (name, many) = (running.server.name(), self.context.sizes.many);
        let count = seed::push_entries(running.address, kind, many, time)
            .await
            .map_err(|error| format!("filling {name}: {error}"))?;
        eprintln!("  {name}: large store with {count} {}", kind.plural());
        if count < many {
            self.report.note(format!(
                "{name}: its large store holds {count} {} instead of {many}, what {} s of pushing \
                 at c=16 gave.",
                kind.plural(),
                time.as_secs(),
            ));
        }
        Ok(count)
    }

    /// Starts every large store and measures its lists.
    async fn large_stores(&mut self, stores: &mut [LargeStore]) -> Outcome<()> {
        self.random.shuffle(stores);
        let mut subjects = Vec::new();
        for LargeStore { server, program, folder, tags, repositories } in stores {
            let mut times = Vec::new();
            for _ in 1..self.starts() {
                times.push(Running::start(*server, self.options.store, program, folder)?.1);
            }
            let (running, time) = Running::start(*server, self.options.store, program, folder)?;
            times.push(time);
            let many = table::number(self.context.sizes.many as f64);
            let title = format!("start, {many} tags and repositories");
            self.record_start(*server, Row::less(title, "ms"), &times);
            let (tags, repositories) = (*tags, *repositories);
            subjects.push(Subject { running, tags, repositories, has_large_blob: false });
        }
        for (work, step) in Step::LARGE {
            if self.options.wants(work) {
                self.step(step, &mut subjects).await;
            }
        }
        Ok(())
    }

    /// How often a server is started for one measurement.
    fn starts(&self) -> u32 {
        if self.options.wants(Work::Start) { self.context.sizes.starts } else { 1 }
    }

    fn record_start(&mut self, server: Server, row: Row, times: &[Duration]) {
        let times: Vec<_> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        if let Some(time) = median(&times)
            && self.options.wants(Work::Start)
        {
            self.report.record(server, row.measured(time));
        }
    }

    /// Lets every server do the same step, in random order.
    async fn step(&mut self, step: Step, subjects: &mut [Subject]) {
        self.random.shuffle(subjects);
        for subject in subjects.iter_mut() {
            let server = subject.running.server;
            if !step.applies_to(server) {
                continue;
            }
            match step.run(&self.context, subject).await {
                Ok(measured) => {
                    for one in measured {
                        self.report.record(server, one);
                    }
                }
                Err(missed) => self.report.miss(server, step.row(&self.context), missed),
            }
            if step.writes() {
                // What one server left in the page cache must not be written while another is measured.
                rustix::fs::sync();
            }
        }
    }

    /// How much slower a page becomes when the list is long.
    fn compare_pages(&mut self) {
        let title = |store| Step::Page(Kind::Tags, store).row(&self.context).title;
        let (small, large) = (title(Store::Small), title(Store::Large));
        for (server, _) in self.programs.clone() {
            let median = |title: &str| self.report.median(title, server);
            if let Some((small, large)) = median(&small).zip(median(&large)) {
                // Within the noise of 15 % of "as quick".
                let row = Row::more("rate of tag pages, many tags against few", "×")
                    .goal(Goal::Absolute(0.85));
                self.report.record(server, row.measured(large / small));
            }
        }
    }

    fn text(&self) -> String {
        let sizes = &self.context.sizes;
        let columns: Vec<_> = self
            .programs
            .iter()
            .map(|(server, program)| {
                (*server, format!("{} {}", server.name(), server.version(program)))
            })
            .collect();
        let kind = if self.options.quick { "quick run, no measurement" } else { "medians" };
        format!(
            "{}, {}; {} round(s) of {} s for each rate, seed {}; {kind}\n\n{}",
            machine::describe(),
            self.folder.file_system(),
            sizes.rounds,
            sizes.measure.as_secs_f64(),
            self.options.seed,
            table::render(&self.report, &columns, !self.options.quick),
        )
    }
}
