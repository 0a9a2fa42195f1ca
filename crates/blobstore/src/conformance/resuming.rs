//! Uploads that stop and go on.

use std::time::Duration;

use bytes::Bytes;
use oci::Digest;
use store::{BlobStore, Checkpoint, StagedBlob};

use super::material::{append, assert_holds, content, id, reopen, sha256, slot, stage};

const MIB: usize = 1 << 20;

/// For work that takes milliseconds, on a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn goes_on_from_any_offset(store: &dyn BlobStore) {
    let bytes = content("resume", 4 * MIB + 1234);
    for (number, stops) in [
        vec![0],
        vec![1],
        vec![4095, 4096, 4097],
        vec![MIB - 1, MIB, 3 * MIB + 511],
        vec![70_000; 3],
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("resume-{number}");
        let mut staged = stage(store, &name).await;
        for (round, stop) in stops.into_iter().enumerate() {
            let from = usize::try_from(staged.offset()).expect("a small offset");
            append(staged.as_mut(), &bytes.slice(from..stop.max(from)), 33_333).await;
            let checkpoint = staged.checkpoint(round % 2 == 0).await.expect("a checkpoint");
            assert_eq!(checkpoint.offset, stop as u64);
            drop(staged);
            staged = reopen(store, &name, &checkpoint).await;
            assert_eq!(staged.offset(), stop as u64);
            // Going on without opening again must work from a checkpoint as well.
            append(staged.as_mut(), &bytes.slice(stop..stop), 1).await;
            staged.checkpoint(false).await.expect("a checkpoint");
        }
        let from = usize::try_from(staged.offset()).expect("a small offset");
        append(staged.as_mut(), &bytes.slice(from..from + 10), 3).await;
        staged.checkpoint(true).await.expect("a checkpoint");
        append(staged.as_mut(), &bytes.slice(from + 10..), 500_000).await;
        assert_eq!(staged.finish().await.expect("digests").sha256, Digest::sha256(&bytes));
        let key = staged.publish(&slot(&bytes, &name, false)).await.expect("a key");
        assert_holds(store, &key, &bytes).await;
    }
}

/// The first point after `offset`. It is told without waiting, so this asks
/// until the store has come there.
async fn passed_beyond(staged: &dyn StagedBlob, offset: u64) -> Checkpoint {
    let asking = async {
        loop {
            if let Some(point) = staged.passed().filter(|point| point.offset > offset) {
                return point;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("a point that was passed")
}

pub(super) async fn goes_on_from_points_that_it_passed(store: &dyn BlobStore) {
    let bytes = content("passed", 24 * MIB + 77);
    let mut staged = stage(store, "passed").await;
    append(staged.as_mut(), &bytes.slice(..100), 100).await;
    assert!(staged.passed().is_none(), "nothing was written yet");
    append(staged.as_mut(), &bytes.slice(100..7 * MIB + 5), 300_000).await;
    let first = passed_beyond(staged.as_ref(), 0).await;
    assert!(first.offset <= staged.offset());
    assert_eq!(first.hashers.len(), 1);
    let full = staged.checkpoint(false).await.expect("a checkpoint");
    assert!(staged.passed().is_none(), "the checkpoint is newer");
    append(staged.as_mut(), &bytes.slice(7 * MIB + 5..24 * MIB), 300_000).await;
    let second = passed_beyond(staged.as_ref(), full.offset).await;
    // The rest is lost, as in a crash.
    drop(staged);

    for from in [second, first] {
        let mut staged = reopen(store, "passed", &from).await;
        assert_eq!(staged.offset(), from.offset);
        let rest = usize::try_from(from.offset).expect("a small offset");
        append(staged.as_mut(), &bytes.slice(rest..), MIB).await;
        assert_eq!(staged.finish().await.expect("digests").sha256, Digest::sha256(&bytes));
    }
}

pub(super) async fn begins_anew_where_no_point_was_noted(store: &dyn BlobStore) {
    let mut staged = stage(store, "anew").await;
    append(staged.as_mut(), &content("anew-wrong", 3 * MIB), MIB).await;
    staged.checkpoint(true).await.expect("a checkpoint");
    drop(staged);

    let bytes = content("anew", MIB + 3);
    let mut staged = stage(store, "anew").await;
    assert_eq!(staged.offset(), 0);
    append(staged.as_mut(), &bytes, MIB).await;
    assert_eq!(staged.finish().await.expect("digests").sha256, Digest::sha256(&bytes));
    let key = staged.publish(&slot(&bytes, "anew", true)).await.expect("a key");
    assert_holds(store, &key, &bytes).await;
    let beyond = super::material::range(0, bytes.len() + 1);
    super::material::assert_damaged(
        super::material::read(store, &key, beyond).await,
        "bytes of the area before",
    );
}

pub(super) async fn cuts_what_came_after_the_checkpoint(store: &dyn BlobStore) {
    let good = content("cut-good", 2 * MIB + 9);
    let mut staged = stage(store, "cut").await;
    append(staged.as_mut(), &good.slice(..MIB + 5), MIB).await;
    let checkpoint = staged.checkpoint(true).await.expect("a checkpoint");
    append(staged.as_mut(), &content("cut-wrong", 5 * MIB), MIB).await;
    staged.checkpoint(false).await.expect("a checkpoint");
    drop(staged);

    let mut staged = reopen(store, "cut", &checkpoint).await;
    append(staged.as_mut(), &good.slice(MIB + 5..), MIB).await;
    assert_eq!(staged.finish().await.expect("digests").sha256, Digest::sha256(&good));
    let key = staged.publish(&slot(&good, "cut", true)).await.expect("a key");
    assert_holds(store, &key, &good).await;
    let beyond = super::material::range(0, good.len() + 1);
    super::material::assert_damaged(
        super::material::read(store, &key, beyond).await,
        "bytes after the cut",
    );
}

pub(super) async fn waits_for_a_writer_that_was_cut_off(store: &dyn BlobStore) {
    let good = content("late-good", 6 * MIB);
    for round in 0..8 {
        let name = format!("late-{round}");
        let mut staged = stage(store, &name).await;
        let start = staged.checkpoint(false).await.expect("a checkpoint");
        append(staged.as_mut(), &content("late-wrong", 6 * MIB), MIB).await;
        // Dropped with writes under way: they must not land in what follows.
        drop(staged);
        let mut staged = reopen(store, &name, &start).await;
        append(staged.as_mut(), &good, MIB).await;
        let key = staged.publish(&slot(&good, &name, false)).await.expect("a key");
        assert_holds(store, &key, &good).await;
    }
}

pub(super) async fn finds_nothing_where_nothing_is(store: &dyn BlobStore) {
    let start = Checkpoint { offset: 0, hashers: sha256(), place: Bytes::new() };
    let gone = store.reopen(&id("never-made"), start).await.expect("an answer");
    assert!(gone.is_none());

    let mut staged = stage(store, "shorter").await;
    staged.append(Bytes::from_static(b"four")).await.expect("an append");
    let four = staged.checkpoint(true).await.expect("a checkpoint");
    drop(staged);
    let five = Checkpoint { offset: 5, ..four };
    let longer = store.reopen(&id("shorter"), five).await.expect("an answer");
    assert!(longer.is_none());
}
