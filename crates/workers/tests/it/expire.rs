//! Expiry of uploads.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use store::{
    Clock, StagedBlob, StagingId, StoreError, Timestamp, UploadId, UploadRow, UploadState,
    UploadStore,
};
use workers::expire::{self, Expire, ExpireOptions, ExpireReport};
use workers::sweep::{self, SweepOptions};
use workers::{Shutdown, Silent};

use crate::ground::{Kind, on_both};
use crate::house::{House, name};

on_both! {
    an_upload_that_goes_on_between_the_listing_and_the_removal_keeps_its_bytes,
    what_a_crash_between_row_and_bytes_leaves_is_found_later,
    an_upload_that_no_row_ever_knew_ends_as_litter,
}

const HOUR: Duration = Duration::from_secs(3600);
/// More than one part of an upload in the bucket of these tests.
const PARTS: usize = 10_000;

async fn stage(house: &House, id: &str) {
    stage_some(house, id, b"some bytes").await;
}

async fn stage_some(house: &House, id: &str, bytes: &[u8]) -> Box<dyn StagedBlob> {
    let id = StagingId::parse(id).unwrap();
    let mut staged =
        house.blobs.stage(&id, vec![oci::Hasher::new(oci::Algorithm::Sha256)]).await.unwrap();
    staged.append(bytes.to_vec().into()).await.unwrap();
    staged.checkpoint(false).await.unwrap();
    staged
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

/// A client comes back for every upload right after it was listed.
struct GoesOn(Arc<House>);

#[async_trait]
impl UploadStore for GoesOn {
    async fn upload(&self, id: &UploadId) -> Result<Option<UploadRow>, StoreError> {
        self.0.meta.upload(id).await
    }
    async fn save_upload(&self, row: UploadRow) -> Result<bool, StoreError> {
        self.0.meta.save_upload(row).await
    }
    async fn stale_uploads(
        &self,
        open_before: Timestamp,
        ended_before: Timestamp,
        limit: usize,
    ) -> Result<Vec<UploadRow>, StoreError> {
        let listed = self.0.meta.stale_uploads(open_before, ended_before, limit).await?;
        for row in listed.clone() {
            let (version, updated_at) = (row.version + 1, self.0.clock.now());
            assert!(self.save_upload(UploadRow { version, updated_at, ..row }).await?);
        }
        Ok(listed)
    }
    async fn remove_uploads(
        &self,
        uploads: Vec<(UploadId, u64)>,
    ) -> Result<Vec<UploadId>, StoreError> {
        self.0.meta.remove_uploads(uploads).await
    }
}

async fn an_upload_that_goes_on_between_the_listing_and_the_removal_keeps_its_bytes(kind: Kind) {
    let house = Arc::new(House::on(kind));
    let mut staged = stage_some(&house, "old", &[7; PARTS]).await;
    let from = staged.checkpoint(false).await.unwrap();
    drop(staged);
    row(&house, "old", open()).await;
    house.clock.advance(200 * HOUR);
    let late = Expire { uploads: Arc::new(GoesOn(house.clone())), ..house.expire() };
    let report =
        expire::run(&late, ExpireOptions::default(), &Silent, &Shutdown::never()).await.unwrap();
    assert_eq!(report, ExpireReport::default());
    assert_eq!(left(&house).await, ["old"]);
    let id = StagingId::parse("old").unwrap();
    let mut staged = house.blobs.reopen(&id, from).await.unwrap().unwrap();
    assert_eq!(staged.finish().await.unwrap().sha256, oci::Digest::sha256(&[7; PARTS]));
}

async fn what_a_crash_between_row_and_bytes_leaves_is_found_later(kind: Kind) {
    let house = House::on(kind);
    for (id, length) in [("small", 10), ("large", PARTS)] {
        stage_some(&house, id, &vec![7; length]).await;
        row(&house, id, open()).await;
    }
    house.clock.advance(200 * HOUR);
    // As far as a run gets that ends right after its transaction.
    let rows = ["small", "large"].map(|id| (UploadId::new(id), 1));
    assert_eq!(house.meta.remove_uploads(rows.into()).await.unwrap().len(), 2);
    assert_eq!(run(&house, false).await.expired, 0);
    let options = SweepOptions { settle: Duration::ZERO, ..SweepOptions::default() };
    let careful = sweep::Sweep { own_places: None, ..house.sweep() };
    sweep::run(&careful, options, &Silent, &Shutdown::never()).await.unwrap();
    assert_eq!(left(&house).await, [""; 0]);
    assert_eq!(house.blobs.stored(true, None, 100).await.unwrap(), []);
}

async fn an_upload_that_no_row_ever_knew_ends_as_litter(kind: Kind) {
    let house = House::on(kind);
    let id = StagingId::parse("unknown").unwrap();
    let hasher = oci::Hasher::new(oci::Algorithm::Sha256);
    let mut staged = house.blobs.stage(&id, vec![hasher]).await.unwrap();
    staged.append(vec![7; PARTS].into()).await.unwrap();
    let from = staged.checkpoint(false).await.unwrap();
    house.clock.advance(2 * HOUR);
    assert_eq!(run(&house, false).await.litter, 1);
    assert_eq!(left(&house).await, [""; 0]);
    if kind == Kind::Bucket {
        // The store was told to forget the parts as well: no other can join them.
        let sent = async {
            staged.append(vec![7; PARTS].into()).await?;
            staged.checkpoint(false).await
        };
        let error = sent.await.err().unwrap().to_string();
        assert!(error.contains("no longer knows an upload in parts"), "{error}");
    }
    drop(staged);
    assert!(house.blobs.reopen(&id, from).await.unwrap().is_none());
}
