//! Two requests, timed against each other.

use std::net::SocketAddr;

use store::{Clock, Random, SystemClock};
use testkit::{Request, SeededRandom, Wire};

/// Of each of the two.
const SAMPLES: usize = 10_000;
/// Of each of the two, before it counts.
const WARM_UP: usize = 200;
/// Beyond it two lists are taken to differ: the bound that tools for timing
/// leaks use. Lists that do not differ go beyond it once in 150,000 times.
const THRESHOLD: f64 = 4.5;
/// A smaller difference of the means is none, as a share: some microseconds of
/// this unoptimised program, whose cheap hashes take a fiftieth of real ones. One
/// hash, or one question to a source, more or less is far above it.
const SHARE: f64 = 0.02;
/// Runs of which one must stay within the bound: something else on the machine
/// may disturb one, a leak shows in all of them.
const RUNS: u64 = 3;
/// Of a hundred times, counted over both lists, so many are looked at: the
/// longest are those in which somebody else had the core.
const KEPT: usize = 95;

/// What is asked again and again.
pub(super) struct Ask {
    request: Request,
    status: u16,
}

impl Ask {
    /// A request that must be answered with this status.
    pub(super) fn new(request: Request, status: u16) -> Self {
        Self { request, status }
    }
}

/// Asks over one connection as long as it is kept.
struct Line {
    address: SocketAddr,
    wire: Option<Wire>,
    clock: SystemClock,
}

impl Line {
    /// In nanoseconds, from the first byte of the request to the last one of the answer.
    async fn time(&mut self, ask: &Ask) -> f64 {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::connect(self.address).await,
        };
        let bytes = ask.request.bytes();
        let began = self.clock.elapsed();
        wire.send(bytes).await.unwrap();
        let answer = wire.answer(ask.request.method == "HEAD").await;
        let took = self.clock.elapsed().saturating_sub(began);
        assert_eq!(answer.status, ask.status, "{:?}: {answer:?}", ask.request);
        if answer.complete && answer.header("connection") != Some("close") {
            self.wire = Some(wire);
        }
        took.as_secs_f64() * 1e9
    }
}

/// Fails if `one` and `other` do not take equally long.
pub(super) async fn take_equally_long(what: &str, address: SocketAddr, one: &Ask, other: &Ask) {
    let mut seen = Vec::new();
    for run in 0..RUNS {
        let (a, b) = times(address, one, other, run).await;
        let found = Comparison::of(&a, &b);
        println!("{what}: {found}");
        if !found.tells_apart() {
            return;
        }
        seen.push(found.to_string());
    }
    panic!("{what}: a stopwatch tells them apart\n{}", seen.join("\n"));
}

async fn times(address: SocketAddr, one: &Ask, other: &Ask, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut line = Line { address, wire: None, clock: SystemClock::new() };
    for _ in 0..WARM_UP {
        line.time(one).await;
        line.time(other).await;
    }
    let chance = SeededRandom::new(seed);
    let (mut a, mut b) = (Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES));
    for _ in 0..SAMPLES {
        let mut coin = [0];
        chance.fill(&mut coin);
        // Neither is always the one that comes after the other.
        if coin[0] & 1 == 0 {
            a.push(line.time(one).await);
            b.push(line.time(other).await);
        } else {
            b.push(line.time(other).await);
            a.push(line.time(one).await);
        }
    }
    (a, b)
}

struct Comparison {
    t: f64,
    means: [f64; 2],
}

impl Comparison {
    fn of(a: &[f64], b: &[f64]) -> Self {
        let mut both: Vec<_> = a.iter().chain(b).copied().collect();
        both.sort_by(f64::total_cmp);
        let most = both[both.len() * KEPT / 100];
        let ((mean, error), (other_mean, other_error)) = (of_list(a, most), of_list(b, most));
        let t = (mean - other_mean) / (error + other_error).sqrt();
        Self { t, means: [mean, other_mean] }
    }
}

/// The mean of what is not above `most`, and the square of its standard error.
fn of_list(list: &[f64], most: f64) -> (f64, f64) {
    let kept: Vec<_> = list.iter().copied().filter(|time| *time <= most).collect();
    let count = kept.len() as f64;
    let mean = kept.iter().sum::<f64>() / count;
    let squares: f64 = kept.iter().map(|time| (time - mean).powi(2)).sum();
    (mean, squares / (count - 1.0) / count)
}

impl Comparison {
    fn tells_apart(&self) -> bool {
        let [a, b] = self.means;
        self.t.abs() >= THRESHOLD && (a - b).abs() >= SHARE * a.max(b)
    }
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b] = self.means.map(|mean| mean / 1e3);
        write!(f, "t = {:.1}, {a:.1} us and {b:.1} us", self.t)
    }
}

#[test]
fn the_test_sees_a_twentieth_and_is_not_alarmed_by_chance() {
    let chance = SeededRandom::new(1);
    // The sum of some throws, with a long one here and there.
    let throw = |mean: f64| {
        let mut bytes = [0; 12];
        chance.fill(&mut bytes);
        let sum: f64 = bytes.iter().map(|byte| f64::from(*byte) - 127.5).sum();
        let long = if bytes[0] == 0 { mean * 20.0 } else { 0.0 };
        mean + sum * mean / 2_500.0 + long
    };
    let list = |mean| (0..SAMPLES).map(|_| throw(mean)).collect::<Vec<_>>();
    let (same, again, longer) = (list(100_000.0), list(100_000.0), list(105_000.0));
    assert!(Comparison::of(&same, &again).t.abs() < THRESHOLD);
    assert!(!Comparison::of(&same, &again).tells_apart());
    assert!(Comparison::of(&same, &longer).tells_apart());
}
