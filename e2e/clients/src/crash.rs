//! A push load that runs until the registry is torn away from it, and then says no word about it: a
//! broken connection is what a crash looks like, and only what was acknowledged counts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::fixture;
use crate::http::{Client, digest};
use crate::journal::Journal;

/// Bytes per layer: some that fit a database row, some that need a file, some that take a while.
const SIZES: [usize; 4] = [500, 20_000, 300_000, 3_000_000];

/// Pushes images with `clients` connections at once, each to its own repository, and calls `crash`
/// after a random time below `at_most`. Everything acknowledged until then is in `journal`.
///
/// An answer that comes while the crash is under way does not count. A machine without power
/// answers nothing, but here the kernel lives on while a file system is shut down under it, and an
/// fsync that was under way may then return success for blocks whose journal entry is gone.
pub fn load_until(
    url: &str,
    journal: &Journal,
    seed: u64,
    clients: u64,
    at_most: Duration,
    crash: impl FnOnce(),
) {
    let stop = AtomicBool::new(false);
    let moment = StdRng::seed_from_u64(seed).random_range(Duration::from_millis(5)..at_most);
    std::thread::scope(|scope| {
        for client in 0..clients {
            let stop = &stop;
            scope.spawn(move || push_until(stop, url, journal, seed * 100 + client));
        }
        std::thread::sleep(moment);
        stop.store(true, Ordering::SeqCst);
        crash();
    });
}

fn push_until(stop: &AtomicBool, url: &str, journal: &Journal, seed: u64) {
    let client = Client::new(url);
    let mut chance = StdRng::seed_from_u64(seed);
    for round in 0.. {
        let size = SIZES[chance.random_range(0..SIZES.len())];
        let layers = chance.random_range(1..4);
        let image = fixture::image(seed * 10_000 + round, layers, size);
        let repository = format!("crash/{}", seed % 100);
        let tag = format!("{seed}-{round}");
        if !push(stop, &client, journal, &repository, &tag, &image) {
            return;
        }
    }
}

/// Whether the whole image was acknowledged before the crash.
fn push(
    stop: &AtomicBool,
    client: &Client,
    journal: &Journal,
    repository: &str,
    tag: &str,
    image: &fixture::Image,
) -> bool {
    for blob in &image.blobs {
        match client.push_blob(repository, blob) {
            Ok(answer) if answer.status == 201 && !stop.load(Ordering::SeqCst) => {
                journal.blob(repository, &digest(blob));
            }
            _ => return false,
        }
    }
    match client.push_manifest(repository, tag, &image.manifest) {
        Ok(answer) if answer.status == 201 && !stop.load(Ordering::SeqCst) => {
            journal.manifest(repository, tag, &digest(&image.manifest));
            true
        }
        _ => false,
    }
}
