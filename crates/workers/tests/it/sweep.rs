//! Sweeping bytes that nothing knows, and above all what is never swept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use oci::Digest;
use store::{
    BlobKey, BlobPlace, StoreError, Timestamp, UploadId, UploadRow, UploadState, UploadStore,
};
use tokio::sync::watch;
use workers::sweep::{self, Sweep, SweepOptions, SweepReport};
use workers::{Shutdown, Silent, WorkError};

use crate::expire::{open, row};
use crate::export::export;
use crate::ground::{Kind, on_both};
use crate::house::{Ear, House, image, name};
use crate::import::{hazards, import};
use crate::plant::{self, Plant};

on_both! {
    bytes_without_a_row_go_when_they_are_old,
    the_places_of_the_tree_are_looked_at_only_when_asked_for,
    bytes_of_an_open_upload_stay_until_it_ends,
    bytes_at_their_own_place_stay_while_their_digest_has_a_row,
    what_an_export_wrote_stays,
    what_an_import_could_not_use_stays_while_a_link_names_it,
    a_tree_with_unknown_links_is_left_alone,
    a_push_that_commits_between_the_two_looks_keeps_its_bytes,
    a_dry_run_says_what_the_real_one_does_and_removes_nothing,
    more_than_one_page_goes_in_one_run,
}

const HOUR: Duration = Duration::from_secs(3600);
const REAL: SweepOptions = SweepOptions { dry_run: false, age: HOUR, settle: Duration::ZERO };
const DRY: SweepOptions = SweepOptions { dry_run: true, ..REAL };

async fn run(sweep: &Sweep, options: SweepOptions) -> SweepReport {
    sweep::run(sweep, options, &Silent, &Shutdown::never()).await.unwrap()
}

/// Looks only where nobody but Berth writes.
fn careful(house: &House) -> Sweep {
    Sweep { own_places: None, ..house.sweep() }
}

fn holds(house: &House, key: &BlobKey) -> bool {
    house.ground.holds(key.as_str().strip_prefix("docker/registry/v2/").unwrap())
}

async fn bytes_without_a_row_go_when_they_are_old(kind: Kind) {
    let house = House::on(kind);
    let known = house.push_stored("a", b"known").await;
    let own = house.place(b"left by a crash", "019a-1", true).await;
    let beside = house.place(b"left by a crash", "019a-2", true).await;
    assert_eq!(run(&house.sweep(), REAL).await, SweepReport { looked_at: 3, ..Default::default() });
    house.clock.advance(2 * HOUR);
    let report = run(&house.sweep(), REAL).await;
    assert_eq!(report, SweepReport { looked_at: 3, swept: 2, bytes: 30, failed: 0 });
    assert!(!holds(&house, &own) && !holds(&house, &beside));
    assert!(house.ground.holds(&plant::data(&known)));
    assert_eq!(run(&house.sweep(), REAL).await.swept, 0);
}

async fn the_places_of_the_tree_are_looked_at_only_when_asked_for(kind: Kind) {
    let house = House::on(kind);
    let own = house.place(b"perhaps somebody else's", "019a-1", true).await;
    let beside = house.place(b"certainly ours", "019a-2", false).await;
    house.clock.advance(2 * HOUR);
    assert_eq!(run(&careful(&house), REAL).await.swept, 1);
    assert!(holds(&house, &own) && !holds(&house, &beside));
}

async fn bytes_of_an_open_upload_stay_until_it_ends(kind: Kind) {
    let house = House::on(kind);
    let key = house.place(b"about to be committed", "019a-1", false).await;
    row(&house, "019a-1", open()).await;
    house.clock.advance(48 * HOUR);
    assert_eq!(run(&house.sweep(), REAL).await.swept, 0);
    assert!(holds(&house, &key));
    let id = UploadId::new("019a-1");
    let ended = house.meta.upload(&id).await.unwrap().unwrap();
    let ended = UploadRow { version: ended.version + 1, state: UploadState::Cancelled, ..ended };
    assert!(house.meta.save_upload(ended).await.unwrap());
    assert_eq!(run(&house.sweep(), REAL).await.swept, 1);
    assert!(!holds(&house, &key));
}

async fn bytes_at_their_own_place_stay_while_their_digest_has_a_row(kind: Kind) {
    let house = House::on(kind);
    // As an export leaves it before it writes the link.
    let own = house.place(b"layer", "019a-1", true).await;
    let beside = house.place(b"layer", "019a-2", false).await;
    house.publish("a", b"layer", BlobPlace::Stored(beside)).await;
    house.clock.advance(48 * HOUR);
    assert_eq!(run(&house.sweep(), REAL).await.swept, 0);
    assert!(holds(&house, &own));
}

async fn what_an_export_wrote_stays(kind: Kind) {
    let house = House::on(kind);
    plant::debian(&house.ground);
    import(&house).await;
    house.push_inline("a", b"{}").await;
    let beside = house.place(b"layer", "019a-1", false).await;
    house.publish("a", b"layer", BlobPlace::Stored(beside)).await;
    house.push_manifest("a", &image(b"{}", &[b"layer"]), &["v1"]).await;
    export(&house).await;
    let before = house.ground.files();
    house.clock.advance(48 * HOUR);
    assert_eq!(run(&house.sweep(), REAL).await.swept, 0);
    assert_eq!(house.ground.files(), before);
}

async fn what_an_import_could_not_use_stays_while_a_link_names_it(kind: Kind) {
    let house = House::on(kind);
    hazards(&house, kind);
    let nameless = Plant::new(&house.ground).bytes(b"no link names this");
    import(&house).await;
    let before = house.ground.files();
    house.clock.advance(48 * HOUR);
    let ear = Ear::default();
    let report = sweep::run(&house.sweep(), REAL, &ear, &Shutdown::never()).await.unwrap();
    assert_eq!(report.swept, 1, "{:?}", ear.lines.lock());
    let after = house.ground.files();
    let gone: Vec<_> = before.keys().filter(|path| !after.contains_key(*path)).collect();
    assert_eq!(gone, [&plant::data(&nameless)]);
}

async fn a_tree_with_unknown_links_is_left_alone(kind: Kind) {
    let house = House::on(kind);
    plant::debian(&house.ground);
    let ours = house.place(b"ours in any case", "019a-1", false).await;
    house.clock.advance(48 * HOUR);
    for (write, why) in [
        (None, "it was never imported"),
        (Some(b"since"), "another registry has written to it since the last import"),
    ] {
        if let Some(layer) = write {
            import(&house).await;
            Plant::new(&house.ground).layer("library/hello", layer);
        }
        let nameless = Plant::new(&house.ground).bytes(b"no link names this");
        let ear = Ear::default();
        sweep::run(&house.sweep(), REAL, &ear, &Shutdown::never()).await.unwrap();
        assert!(house.ground.holds(&plant::data(&nameless)));
        assert!(ear.lines.lock()[0].ends_with(why), "{:?}", ear.lines.lock());
    }
    assert!(!holds(&house, &ours));
}

/// Commits a blob when its upload is asked for the second time.
struct Late {
    house: Arc<House>,
    key: BlobKey,
    asked: AtomicU32,
}

#[async_trait]
impl UploadStore for Late {
    async fn upload(&self, id: &UploadId) -> Result<Option<UploadRow>, StoreError> {
        if self.asked.fetch_add(1, Ordering::Relaxed) == 1 {
            let place = BlobPlace::Stored(self.key.clone());
            self.house.publish("a", b"slow to commit", place).await;
        }
        self.house.meta.upload(id).await
    }
    async fn save_upload(&self, row: UploadRow) -> Result<bool, StoreError> {
        self.house.meta.save_upload(row).await
    }
    async fn stale_uploads(
        &self,
        open_before: Timestamp,
        ended_before: Timestamp,
        limit: usize,
    ) -> Result<Vec<UploadRow>, StoreError> {
        self.house.meta.stale_uploads(open_before, ended_before, limit).await
    }
    async fn remove_uploads(
        &self,
        uploads: Vec<(UploadId, u64)>,
    ) -> Result<Vec<UploadId>, StoreError> {
        self.house.meta.remove_uploads(uploads).await
    }
}

async fn a_push_that_commits_between_the_two_looks_keeps_its_bytes(kind: Kind) {
    let house = Arc::new(House::on(kind));
    let key = house.place(b"slow to commit", "019a-1", false).await;
    house.clock.advance(2 * HOUR);
    let late = Late { house: house.clone(), key: key.clone(), asked: AtomicU32::new(0) };
    let late = Arc::new(late);
    let sweep = Sweep { uploads: late.clone(), ..house.sweep() };
    assert_eq!(run(&sweep, REAL).await.swept, 0);
    assert_eq!(late.asked.load(Ordering::Relaxed), 2);
    assert!(holds(&house, &key));
}

async fn a_dry_run_says_what_the_real_one_does_and_removes_nothing(kind: Kind) {
    let house = House::on(kind);
    house.place(b"one", "019a-1", true).await;
    house.place(b"other", "019a-2", false).await;
    house.clock.advance(2 * HOUR);
    let before = house.ground.files();
    let (forecast, done) = (Ear::default(), Ear::default());
    let first = sweep::run(&house.sweep(), DRY, &forecast, &Shutdown::never()).await.unwrap();
    assert_eq!(house.ground.files(), before);
    let second = sweep::run(&house.sweep(), REAL, &done, &Shutdown::never()).await.unwrap();
    assert_eq!((first, first.swept), (second, 2));
    assert_eq!(*forecast.lines.lock(), *done.lines.lock());
}

async fn more_than_one_page_goes_in_one_run(kind: Kind) {
    let house = House::on(kind);
    for number in 0..1003 {
        house.place(format!("{number}").as_bytes(), &format!("u{number}"), false).await;
    }
    house.clock.advance(2 * HOUR);
    assert_eq!(run(&careful(&house), REAL).await.swept, 1003);
}

#[tokio::test(start_paused = true)]
async fn the_second_look_comes_after_a_pause_that_a_shutdown_ends() {
    let house = House::on(Kind::Bucket);
    house.place(b"garbage", "019a-1", false).await;
    house.clock.advance(2 * HOUR);
    let options = SweepOptions { settle: Duration::from_secs(60), ..REAL };
    let (stop, signal) = watch::channel(false);
    let began = tokio::time::Instant::now();
    let house = Arc::new(house);
    let running = tokio::spawn({
        let house = house.clone();
        async move { sweep::run(&house.sweep(), options, &Silent, &Shutdown::new(signal)).await }
    });
    tokio::time::sleep(Duration::from_secs(30)).await;
    stop.send(true).unwrap();
    assert!(matches!(running.await.unwrap(), Err(WorkError::Interrupted)));
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    assert_eq!(run(&house.sweep(), options).await.swept, 1);
    assert!(began.elapsed() >= Duration::from_secs(90));
}

#[tokio::test]
async fn two_digests_that_a_sha512_link_joins_are_both_named() {
    let house = House::new();
    let plant = Plant::new(&house.ground);
    // Only the sha512 folder is there, as for a manifest that was pushed by it.
    let body = image(b"c", &[]);
    let sha256 = plant.bytes(body.as_bytes());
    let sha512 = Digest::of(oci::Algorithm::Sha512, body.as_bytes());
    plant.link("a", "_manifests/revisions", &sha512, &sha256.to_string());
    plant.layer("a", b"c");
    import(&house).await;
    house.clock.advance(48 * HOUR);
    assert_eq!(run(&house.sweep(), REAL).await.swept, 0);
    assert!(house.ground.holds(&plant::data(&sha256)));
    assert!(house.tree.revisions(&name("a")).await.unwrap().items.len() == 1);
}
