//! Hashing what was imported.

use std::fs;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use oci::{Algorithm, Digest};
use parking_lot::Mutex;
use store::{ContentStore, ImportStore};
use tokio::sync::watch;
use workers::verify::{self, Verify, VerifyReport};
use workers::{Observer, Problem, Shutdown, Silent, Volume, WorkError};

use crate::house::{House, TestClock, name};
use crate::import::import;
use crate::plant::{self, Plant};

/// Remembers how far the run was; moves the clock by a second each time it hears that.
#[derive(Default)]
struct Volumes {
    clock: Option<Arc<TestClock>>,
    heard: Mutex<Vec<Volume>>,
}

impl Volumes {
    fn ends(&self) -> (Volume, Volume) {
        let heard = self.heard.lock();
        (*heard.first().unwrap(), *heard.last().unwrap())
    }
}

impl Observer for Volumes {
    fn progress(&self, _: &workers::Progress) {}
    fn volume(&self, volume: &Volume) {
        self.heard.lock().push(*volume);
        if let Some(clock) = &self.clock {
            clock.advance(Duration::from_secs(1));
        }
    }
    fn line(&self, _: &str) {}
    fn finding(&self, _: &workers::Finding) {}
}

async fn run(house: &House) -> VerifyReport {
    verify::run(&house.verify(), &Silent, &Shutdown::never()).await.unwrap()
}

#[tokio::test]
async fn imported_blobs_become_verified() {
    let house = House::new();
    plant::debian(house.root());
    Plant::new(house.root()).layer("library/hello", b"");
    import(&house).await;
    assert_eq!(house.meta.unverified_total().await.unwrap(), (3, 88));
    let ear = Volumes::default();
    let report = verify::run(&house.verify(), &ear, &Shutdown::never()).await.unwrap();
    assert_eq!((report.verified, report.bytes), (3, 88));
    assert_eq!(house.meta.unverified_total().await.unwrap(), (0, 0));
    let (first, last) = ear.ends();
    assert_eq!((first.objects, first.total_objects, first.bytes), (0, 3, 0));
    assert_eq!((last.objects, last.total_objects), (3, 3));
    assert_eq!((last.bytes, last.total_bytes), (88, 88));
    let blob =
        house.meta.blob(&name("library/hello"), &Digest::sha256(plant::LAYER)).await.unwrap();
    assert!(blob.unwrap().verified);
    assert_eq!(run(&house).await, VerifyReport::default());
}

#[tokio::test]
async fn a_blob_that_differs_or_is_gone_is_not_served_any_more() {
    let house = House::new();
    let plant = Plant::new(house.root());
    let wrong = plant.layer("a", b"right");
    plant.file(&plant::data(&wrong), b"wrong");
    let gone = plant.layer("a", b"gone");
    let good = plant.layer("a", &[7; 3_000_000]);
    import(&house).await;
    fs::remove_file(house.root().join("docker/registry/v2").join(plant::data(&gone))).unwrap();
    let report = run(&house).await;
    assert_eq!((report.verified, report.findings.damaged), (1, 2));
    let problems: Vec<_> = report.findings.kept.iter().map(|f| &f.problem).collect();
    assert!(problems.contains(&&Problem::HashMismatch(Digest::sha256(b"wrong"))), "{problems:?}");
    assert!(problems.contains(&&Problem::NoBytes(gone)), "{problems:?}");
    assert!(house.meta.blob(&name("a"), &wrong).await.unwrap().is_none());
    assert!(house.meta.blob(&name("a"), &gone).await.unwrap().is_none());
    assert!(house.meta.blob(&name("a"), &good).await.unwrap().unwrap().verified);
    assert_eq!(house.meta.unverified_total().await.unwrap(), (0, 0));
}

#[tokio::test]
async fn an_interrupted_verification_keeps_what_it_knows() {
    let house = House::new();
    let plant = Plant::new(house.root());
    for number in 0..5 {
        plant.layer("a", format!("blob {number}").as_bytes());
    }
    import(&house).await;
    let (stop, signal) = watch::channel(false);
    struct After(watch::Sender<bool>);
    impl workers::Observer for After {
        fn progress(&self, _: &workers::Progress) {}
        fn volume(&self, volume: &Volume) {
            if volume.objects == 2 {
                self.0.send(true).unwrap();
            }
        }
        fn line(&self, _: &str) {}
        fn finding(&self, _: &workers::Finding) {}
    }
    let outcome = verify::run(&house.verify(), &After(stop), &Shutdown::new(signal)).await;
    assert!(matches!(outcome, Err(WorkError::Interrupted)));
    assert_eq!(house.meta.unverified_total().await.unwrap().0, 3);
    assert_eq!(run(&house).await.verified, 3);
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept() {
    let house = House::new();
    let plant = Plant::new(house.root());
    for number in 0..5_u8 {
        plant.layer("a", &[number; 1000]);
    }
    import(&house).await;
    let rate = NonZeroU64::new(1000);
    let verify = Verify { rate, ..house.verify() };
    let began = tokio::time::Instant::now();
    verify::run(&verify, &Silent, &Shutdown::never()).await.unwrap();
    // The house's clock stands still, so every blob pays for all before it: 0+1+2+3+4 seconds.
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_sha512_name_is_dropped_if_the_bytes_are_others() {
    let house = House::new();
    let plant = Plant::new(house.root());
    let blob = plant.layer_512("a", b"layer");
    let other = plant.layer("a", b"other layer");
    let wrong = Digest::of(Algorithm::Sha512, b"something else");
    plant.link("a", "_layers", &wrong, &other.to_string());
    import(&house).await;
    let report = run(&house).await;
    assert_eq!((report.verified, report.findings.damaged), (2, 1));
    assert_eq!(report.findings.kept[0].problem, Problem::WrongName(wrong));
    let sha512 = Digest::of(Algorithm::Sha512, b"layer");
    let found = house.meta.blob(&name("a"), &sha512).await.unwrap().unwrap();
    assert_eq!((found.sha256, found.verified), (blob, true));
    assert!(house.meta.blob(&name("a"), &wrong).await.unwrap().is_none());
    assert!(house.meta.blob(&name("a"), &other).await.unwrap().unwrap().verified);
}

#[tokio::test]
async fn a_large_blob_tells_its_bytes_rate_and_remaining_time_on_the_way() {
    let house = House::new();
    Plant::new(house.root()).layer("a", &[7; 4 << 20]);
    import(&house).await;
    let ear = Volumes { clock: Some(house.clock.clone()), ..Volumes::default() };
    verify::run(&house.verify(), &ear, &Shutdown::never()).await.unwrap();
    let heard = ear.heard.lock();
    let inside: Vec<&Volume> = heard.iter().filter(|v| v.objects == 0 && v.bytes > 0).collect();
    assert!(inside.len() > 2, "{heard:?}");
    // A second passes with each word of it.
    let (first, second) = (inside[0], inside[1]);
    assert_eq!((first.rate, second.rate), (first.bytes, second.bytes / 2));
    let left = first.total_bytes - first.bytes;
    assert_eq!(first.remaining(), Some(Duration::from_secs(left / first.rate)));
    assert_eq!(heard[0].remaining(), None);
}

/// Imports once more in the middle of a verification.
struct Importer<'a> {
    house: &'a House,
    volumes: Volumes,
}

impl Observer for Importer<'_> {
    fn progress(&self, _: &workers::Progress) {}
    fn volume(&self, volume: &Volume) {
        self.volumes.volume(volume);
        if volume.objects == 50 && self.house.root().join("late").exists() {
            fs::remove_file(self.house.root().join("late")).unwrap();
            for number in 0..7 {
                Plant::new(self.house.root()).layer("b", format!("late {number}").as_bytes());
            }
            let handle = tokio::runtime::Handle::current();
            tokio::task::block_in_place(|| handle.block_on(import(self.house)));
        }
    }
    fn line(&self, _: &str) {}
    fn finding(&self, _: &workers::Finding) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_adds_meanwhile_counts_in_the_total() {
    let house = House::new();
    let plant = Plant::new(house.root());
    // Several pages of blobs, so that there is a count between them.
    for number in 0..250 {
        plant.layer("a", format!("{number:04}").as_bytes());
    }
    import(&house).await;
    fs::write(house.root().join("late"), b"").unwrap();
    let volumes = Volumes { clock: Some(house.clock.clone()), ..Volumes::default() };
    let ear = Importer { house: &house, volumes };
    verify::run(&house.verify(), &ear, &Shutdown::never()).await.unwrap();
    let (first, last) = ear.volumes.ends();
    assert_eq!((first.total_objects, first.total_bytes), (250, 1000));
    assert_eq!((last.total_objects, last.total_bytes), (257, 1042));
}
