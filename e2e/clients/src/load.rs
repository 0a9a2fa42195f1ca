//! A mixed load that goes on while parts of a registry fail: pushes, pulls and moving tags, with a journal
//! of what was acknowledged and a list of every answer that no fault excuses. A broken connection and a
//! 5xx are excused; wrong bytes, a denied promise and a tag that goes back are not.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::fixture::{self, noise};
use crate::http::{Answer, Broken, Client, digest};
use crate::journal::{Journal, Verdict};
use crate::moving_tag::MovingTag;

const PUSHERS: u64 = 3;
const PULLERS: u64 = 2;
const TAGS: u64 = 2;
/// A client that was refused waits this long, as real ones do.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two moves of a tag, and two looks at it.
const BREATH: Duration = Duration::from_millis(5);
/// Bytes of a probe's blob: too large for the database, so that it needs every part of the registry.
const PROBE: usize = 300_000;

/// A load on one URL and what came of it.
#[derive(Debug)]
pub struct Load {
    url: String,
    sizes: &'static [usize],
    stop: AtomicBool,
    /// Everything acknowledged.
    pub journal: Journal,
    tags: Vec<MovingTag>,
    probes: Mutex<Vec<Instant>>,
    excused: Mutex<Vec<String>>,
    wrong: Mutex<Vec<String>>,
    reads: AtomicU64,
}

impl Load {
    /// For the registry at `url`, which must be well now; layers have one of these `sizes`, in bytes.
    pub fn new(url: &str, sizes: &'static [usize]) -> Self {
        let client = Client::new(url);
        Self {
            url: url.to_owned(),
            sizes,
            stop: AtomicBool::new(false),
            journal: Journal::default(),
            tags: (0..TAGS).map(|number| MovingTag::new(&client, number)).collect(),
            probes: Mutex::default(),
            excused: Mutex::default(),
            wrong: Mutex::default(),
            reads: AtomicU64::new(0),
        }
    }

    /// Runs the load for as long as `during` takes, and answers its result.
    pub fn run<T>(&self, seed: u64, during: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            for number in 0..PUSHERS {
                scope.spawn(move || self.push(seed * 100 + number));
            }
            for number in 0..PULLERS {
                scope.spawn(move || self.pull(seed * 100 + 50 + number));
            }
            for tag in &self.tags {
                scope.spawn(move || self.repeat(|client| tag.move_on(client)));
                scope.spawn(move || self.repeat(|client| tag.look(client)));
            }
            scope.spawn(move || self.probe());
            // Also when `during` ends in a panic, which would else wait for these threads for ever.
            let _end = Stop(&self.stop);
            during()
        })
    }

    /// How long after `moment` the first whole push and pull ended well.
    pub fn recovery_after(&self, moment: Instant) -> Duration {
        loop {
            let probes = self.probes.lock().unwrap().clone();
            if let Some(first) = probes.into_iter().find(|probe| *probe > moment) {
                return first - moment;
            }
            let late = moment.elapsed() > Duration::from_secs(60);
            assert!(!late, "no recovery within 60 s; last: {:?}", self.excused().last());
            std::thread::sleep(PAUSE);
        }
    }

    /// What failed and is excused while something is broken.
    pub fn excused(&self) -> Vec<String> {
        self.excused.lock().unwrap().clone()
    }

    /// Fails if anything happened that nothing excuses, or if a promise is not kept now that all is well.
    pub fn must_have_kept_every_promise(&self) {
        let client = Client::new(&self.url);
        let mut wrong = self.wrong.lock().unwrap().clone();
        wrong.extend(self.journal.broken(&client, 0));
        wrong.extend(self.tags.iter().filter_map(|tag| tag.look(&client).err()));
        let moves: u64 = self.tags.iter().map(MovingTag::acknowledged).sum();
        let (promises, reads) = (self.journal.len(), self.reads.load(Ordering::Relaxed));
        println!("{promises} promises, {reads} reads, {moves} moves of tags; excused:");
        for (why, times) in self.excuses() {
            println!("{times} x {why}");
        }
        assert!(wrong.is_empty(), "{} wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(40)]);
        // A load that never got to an answer would keep every promise.
        assert!(promises > 50 && reads > 100 && moves > 20, "hardly any load");
    }

    /// The excused failures without what each one was about, and how often there was one of the kind.
    fn excuses(&self) -> BTreeMap<String, u64> {
        let mut kinds = BTreeMap::new();
        for failure in self.excused() {
            let kind = failure.split_once(": ").map_or(failure.as_str(), |(_, why)| why);
            *kinds
                .entry(kind.lines().take(2).flat_map(str::chars).take(120).collect())
                .or_insert(0) += 1;
        }
        kinds
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn repeat(&self, act: impl Fn(&Client) -> Result<Option<String>, String>) {
        let client = Client::new(&self.url);
        while !self.stopped() {
            match act(&client) {
                // Leaves the processors to the others.
                Ok(None) => std::thread::sleep(BREATH),
                Ok(Some(why)) => self.excuse(why),
                Err(why) => self.wrong.lock().unwrap().push(why),
            }
        }
    }

    fn excuse(&self, why: String) {
        self.excused.lock().unwrap().push(why);
        std::thread::sleep(PAUSE);
    }

    fn push(&self, seed: u64) {
        let client = Client::new(&self.url);
        let mut chance = StdRng::seed_from_u64(seed);
        for round in 0.. {
            if self.stopped() {
                return;
            }
            let size = self.sizes[chance.random_range(0..self.sizes.len())];
            let image = fixture::image(seed * 10_000 + round, chance.random_range(1..3), size);
            self.push_image(&client, seed % 4, &format!("{seed}-{round}"), &image);
        }
    }

    fn push_image(&self, client: &Client, repository: u64, tag: &str, image: &fixture::Image) {
        let repository = format!("load/{repository}");
        for blob in &image.blobs {
            let digest = digest(blob);
            // An upload may be forgotten, for it was never promised; its client begins again.
            match acknowledged(client.push_blob(&repository, blob), &[404, 416]) {
                Ok(()) => self.journal.blob(&repository, &digest),
                Err(failure) => return self.note(failure, &format!("blob {digest}")),
            }
        }
        match acknowledged(client.push_manifest(&repository, tag, &image.manifest), &[]) {
            Ok(()) => self.journal.manifest(&repository, tag, &digest(&image.manifest)),
            Err(failure) => self.note(failure, &format!("manifest {repository}:{tag}")),
        }
    }

    fn note(&self, failure: Failure, what: &str) {
        match failure {
            Failure::Excused(why) => self.excuse(format!("{what}: {why}")),
            Failure::Wrong(why) => self.wrong.lock().unwrap().push(format!("{what}: {why}")),
        }
    }

    fn pull(&self, seed: u64) {
        let mut chance = StdRng::seed_from_u64(seed);
        let client = Client::new(&self.url);
        while !self.stopped() {
            let known = self.journal.len();
            if known == 0 {
                std::thread::sleep(PAUSE);
                continue;
            }
            match self.journal.read(chance.random_range(0..known), &client) {
                Verdict::Kept => {
                    self.reads.fetch_add(1, Ordering::Relaxed);
                }
                Verdict::Unknown(why) => self.excuse(why),
                Verdict::Broken(why) => self.wrong.lock().unwrap().push(why),
            }
        }
    }

    /// Small pushes and pulls by an impatient client: when they work, everything works.
    fn probe(&self) {
        let client = Client::with_patience(&self.url, Duration::from_secs(3));
        for seed in 0.. {
            if self.stopped() {
                return;
            }
            let bytes = noise(900_000 + seed, PROBE);
            let path = format!("/v2/load/probe/blobs/{}", digest(&bytes));
            let pushed = acknowledged(client.push_blob("load/probe", &bytes), &[404, 416]);
            let pulled =
                pushed.is_ok() && client.try_get(&path).is_ok_and(|answer| answer.body == bytes);
            if pulled {
                self.probes.lock().unwrap().push(Instant::now());
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Ends the load when it goes out of scope.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Why a write was not acknowledged.
pub(crate) enum Failure {
    /// A fault may do this.
    Excused(String),
    /// Nothing may do this.
    Wrong(String),
}

/// Whether this is a 201. `forgiven` are the client errors that a fault may lead to.
pub(crate) fn acknowledged(
    answer: Result<Answer, Broken>,
    forgiven: &[u16],
) -> Result<(), Failure> {
    match answer {
        Ok(answer) if answer.status == 201 => Ok(()),
        Ok(answer) => {
            let why = format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
            let excused = answer.status >= 500 || forgiven.contains(&answer.status);
            Err(if excused { Failure::Excused(why) } else { Failure::Wrong(why) })
        }
        Err(error) => Err(Failure::Excused(error.to_string())),
    }
}
