//! Expiry of uploads.

use std::fs;
use std::time::Duration;

use store::{Clock, StagingId, UploadId, UploadRow, UploadState, UploadStore};
use workers::expire::{self, ExpireOptions, ExpireReport};
use workers::{Shutdown, Silent};

use crate::house::{House, name};

const HOUR: Duration = Duration::from_secs(3600);

async fn stage(house: &House, id: &str) {
    let id = StagingId::parse(id).unwrap();
    let mut staged =
        house.blobs.stage(&id, vec![oci::Hasher::new(oci::Algorithm::Sha256)]).await.unwrap();
    staged.append(b"some bytes".to_vec().into()).await.unwrap();
    staged.checkpoint(false).await.unwrap();
}

pub(crate) async fn row(house: &House, id: &str, state: UploadState) {
    let now = house.clock.now();
    let id = UploadId::new(id);
    let repository = name("a");
    let row = UploadRow { id, repository, started_at: now, updated_at: now, version: 1, state };
    assert!(house.meta.save_upload(row).await.unwrap());
}

pub(crate) fn open() -> UploadState {
    let hasher = oci::Hasher::new(oci::Algorithm::Sha256);
    UploadState::Open { offset: 10, hashers: vec![hasher.save()], place: Vec::new().into() }
}

async fn run(house: &House, dry_run: bool) -> ExpireReport {
    let options = ExpireOptions { dry_run, ..ExpireOptions::default() };
    expire::run(&house.expire(), options, &Silent, &Shutdown::never()).await.unwrap()
}

async fn left(house: &House) -> Vec<String> {
    let staged = house.blobs.staged(100).await.unwrap();
    let mut left: Vec<_> = staged.iter().map(|area| area.id.to_string()).collect();
    left.sort();
    left
}

#[tokio::test]
async fn an_upload_that_nobody_goes_on_with_ends_after_its_age() {
    let house = House::new();
    stage(&house, "old").await;
    row(&house, "old", open()).await;
    house.clock.advance(167 * HOUR);
    assert_eq!(run(&house, false).await, ExpireReport::default());
    stage(&house, "new").await;
    row(&house, "new", open()).await;
    house.clock.advance(2 * HOUR);
    let report = run(&house, false).await;
    assert_eq!(report, ExpireReport { expired: 1, ..ExpireReport::default() });
    assert_eq!(left(&house).await, ["new"]);
    assert!(house.meta.upload(&UploadId::new("old")).await.unwrap().is_none());
    assert!(house.meta.upload(&UploadId::new("new")).await.unwrap().is_some());
    assert_eq!(run(&house, false).await, ExpireReport::default());
}

#[tokio::test]
async fn an_ended_upload_is_remembered_for_an_hour() {
    let house = House::new();
    row(&house, "finished", UploadState::Finished { digest: oci::Digest::sha256(b"x") }).await;
    row(&house, "cancelled", UploadState::Cancelled).await;
    house.clock.advance(HOUR - Duration::from_secs(1));
    assert_eq!(run(&house, false).await.forgotten, 0);
    house.clock.advance(Duration::from_secs(2));
    assert_eq!(run(&house, false).await.forgotten, 2);
    assert!(house.meta.upload(&UploadId::new("finished")).await.unwrap().is_none());
}

#[tokio::test]
async fn staging_areas_without_a_session_go_after_an_hour() {
    let house = House::new();
    stage(&house, "litter").await;
    stage(&house, "held").await;
    row(&house, "held", open()).await;
    assert_eq!(run(&house, false).await.litter, 0);
    house.clock.advance(2 * HOUR);
    assert_eq!(run(&house, false).await.litter, 1);
    assert_eq!(left(&house).await, ["held"]);
}

#[tokio::test]
async fn a_dry_run_removes_nothing() {
    let house = House::new();
    stage(&house, "old").await;
    row(&house, "old", open()).await;
    stage(&house, "litter").await;
    house.clock.advance(200 * HOUR);
    let before = fs::read_dir(house.root().join("berth/staging")).unwrap().count();
    let report = run(&house, true).await;
    assert_eq!((report.expired, report.litter), (1, 1));
    assert_eq!(fs::read_dir(house.root().join("berth/staging")).unwrap().count(), before);
    assert!(house.meta.upload(&UploadId::new("old")).await.unwrap().is_some());
}

#[tokio::test]
async fn more_rows_than_one_page_all_go_in_one_run() {
    let house = House::new();
    for number in 0..1203 {
        row(&house, &format!("u{number}"), UploadState::Cancelled).await;
    }
    house.clock.advance(2 * HOUR);
    assert_eq!(run(&house, false).await.forgotten, 1203);
}

#[tokio::test]
async fn bytes_under_the_name_of_a_finished_upload_are_not_discarded() {
    let house = House::new();
    stage(&house, "finished").await;
    stage(&house, "cancelled").await;
    row(&house, "finished", UploadState::Finished { digest: oci::Digest::sha256(b"x") }).await;
    row(&house, "cancelled", UploadState::Cancelled).await;
    house.clock.advance(Duration::from_secs(3601));
    // The staging areas are young, so only what the rows say counts.
    for id in ["finished", "cancelled"] {
        let area =
            fs::File::options().write(true).open(house.root().join("berth/staging").join(id));
        let tomorrow = std::time::SystemTime::UNIX_EPOCH
            + Duration::from_millis(house.clock.now().after(24 * HOUR).millis().unsigned_abs());
        area.unwrap().set_modified(tomorrow).unwrap();
    }
    assert_eq!(run(&house, false).await.forgotten, 2);
    assert_eq!(left(&house).await, ["finished"]);
}
