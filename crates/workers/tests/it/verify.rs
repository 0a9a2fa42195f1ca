//! Hashing what was imported.

use std::fs;
use std::num::NonZeroU64;

use oci::{Algorithm, Digest};
use store::{ContentStore, ImportStore};
use tokio::sync::watch;
use workers::verify::{self, Verify, VerifyReport};
use workers::{Problem, Shutdown, Silent, WorkError};

use crate::house::{Ear, House, name};
use crate::import::import;
use crate::plant::{self, Plant};

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
    let ear = Ear::default();
    let report = verify::run(&house.verify(), &ear, &Shutdown::never()).await.unwrap();
    assert_eq!((report.verified, report.bytes), (3, 88));
    assert_eq!(house.meta.unverified_total().await.unwrap(), (0, 0));
    let last = ear.progress.lock().last().unwrap().clone();
    assert_eq!((last.done, last.total, last.bytes), (3, Some(3), 88));
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
        fn progress(&self, progress: &workers::Progress) {
            if progress.done == 2 {
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
