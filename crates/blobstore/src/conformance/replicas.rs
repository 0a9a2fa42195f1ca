//! Several processes over the same stored bytes.

use bytes::Bytes;
use oci::Digest;
use store::BlobStore;

use super::material::{append, assert_holds, content, id, reopen, saved, slot, stage};

const MIB: usize = 1 << 20;

pub(super) async fn take_turns_in_an_upload(one: &dyn BlobStore, other: &dyn BlobStore) {
    for (name, chunk, length) in [
        ("turns-small", 70_000, 500_001),
        ("turns-large", 3 * MIB + 1, 20 * MIB + 5),
        ("turns-exact", 5 * MIB, 20 * MIB),
        ("turns-many", 100_000, 7 * MIB),
    ] {
        let bytes = content(name, length);
        let mut checkpoint = stage(one, name).await.checkpoint(true).await.expect("a checkpoint");
        let mut turn = 0;
        while checkpoint.offset < length as u64 {
            turn += 1;
            let store = if turn % 2 == 0 { one } else { other };
            let mut staged = reopen(store, name, &checkpoint).await;
            let from = usize::try_from(checkpoint.offset).expect("a small offset");
            let to = (from + chunk).min(length);
            append(staged.as_mut(), &bytes.slice(from..to), 300_000).await;
            checkpoint = staged.checkpoint(true).await.expect("a checkpoint");
            assert_eq!(checkpoint.offset, to as u64);
        }
        let mut staged = reopen(one, name, &checkpoint).await;
        assert_eq!(staged.finish().await.expect("digests").sha256, Digest::sha256(&bytes));
        let key = staged.publish(&slot(&bytes, name, true)).await.expect("a key");
        assert_holds(other, &key, &bytes).await;
        one.discard(&id(name)).await.expect("a quiet removal");
        let left = other.staged(10_000).await.expect("a list");
        assert!(left.iter().all(|area| area.id != id(name)), "{name} is still staged");
    }
}

pub(super) async fn go_on_from_points_that_others_passed(
    one: &dyn BlobStore,
    other: &dyn BlobStore,
) {
    let bytes = content("crash", 18 * MIB + 3);
    let mut staged = stage(one, "crash").await;
    let mut point = staged.checkpoint(true).await.expect("a checkpoint");
    for from in (0..16 * MIB).step_by(MIB) {
        append(staged.as_mut(), &bytes.slice(from..from + MIB), 64 << 10).await;
        point = staged.passed().unwrap_or(point);
    }
    // Killed with parts under way.
    drop(staged);
    let mut staged = reopen(other, "crash", &point).await;
    let from = usize::try_from(point.offset).expect("a small offset");
    append(staged.as_mut(), &bytes.slice(from..), MIB).await;
    assert_eq!(staged.finish().await.expect("digests").sha256, Digest::sha256(&bytes));
    let key = staged.publish(&slot(&bytes, "crash", true)).await.expect("a key");
    assert_holds(one, &key, &bytes).await;
}

pub(super) async fn publish_what_others_finished(one: &dyn BlobStore, other: &dyn BlobStore) {
    for (name, length) in [("done-small", 200_000), ("done-large", 11 * MIB + 3)] {
        let bytes = content(name, length);
        let mut staged = stage(one, name).await;
        append(staged.as_mut(), &bytes, MIB).await;
        staged.finish().await.expect("digests");
        let checkpoint = staged.checkpoint(true).await.expect("a checkpoint");
        // Opened before the other one publishes, as a request that came twice.
        let mut late = reopen(other, name, &checkpoint).await;
        let first = staged.publish(&slot(&bytes, name, true)).await.expect("a key");
        assert_eq!(late.finish().await.expect("digests").sha256, Digest::sha256(&bytes));
        let second = late.publish(&slot(&bytes, name, true)).await.expect("a key");
        assert_holds(one, &second, &bytes).await;
        // The first one died before the metadata knew, or its answer was lost.
        let staged = reopen(other, name, &checkpoint).await;
        let third = staged.publish(&slot(&bytes, name, true)).await.expect("a key");
        assert_holds(one, &third, &bytes).await;
        // Removed by one that did commit: still the same blob, never none.
        one.discard(&id(name)).await.expect("a quiet removal");
        let mut staged = reopen(other, name, &checkpoint).await;
        assert_eq!(staged.bytes(10).await.expect("bytes"), bytes.slice(..10));
        let fourth = staged.publish(&slot(&bytes, name, true)).await.expect("a key");
        other.discard(&id(name)).await.expect("a quiet removal");
        for key in [&first, &second, &third, &fourth] {
            assert_holds(one, key, &bytes).await;
        }
    }
}

pub(super) async fn never_publish_what_only_has_the_right_size(
    one: &dyn BlobStore,
    other: &dyn BlobStore,
) {
    let head = content("size-head", 6 * MIB);
    let tails = [content("size-a", 6 * MIB), content("size-b", 6 * MIB)];
    let mut staged = stage(one, "size").await;
    append(staged.as_mut(), &head, MIB).await;
    let fork = staged.checkpoint(true).await.expect("a checkpoint");
    drop(staged);
    let mut points = Vec::new();
    for (store, tail) in [one, other].into_iter().zip(&tails) {
        let mut writer = reopen(store, "size", &fork).await;
        append(writer.as_mut(), tail, MIB).await;
        writer.finish().await.expect("digests");
        points.push(writer.checkpoint(true).await.expect("a checkpoint"));
    }
    let (last, first) = (points.pop().expect("two"), points.pop().expect("two"));
    let wholes = tails.map(|tail| Bytes::from([head.as_ref(), tail.as_ref()].concat()));
    // The last writer wins; nothing of the upload is left after it.
    let winner = reopen(other, "size", &last).await;
    let key = winner.publish(&slot(&wholes[1], "size", false)).await.expect("a key");
    other.discard(&id("size")).await.expect("a quiet removal");
    if let Ok(Some(loser)) = one.reopen(&id("size"), saved(&first)).await
        && let Ok(wrong) = loser.publish(&slot(&wholes[0], "size", false)).await
    {
        assert_holds(one, &wrong, &wholes[0]).await;
    }
    assert_holds(one, &key, &wholes[1]).await;
}

pub(super) async fn leave_alone_what_others_published(one: &dyn BlobStore, other: &dyn BlobStore) {
    let bytes = content("alone", 200_001);
    let shorter = bytes.slice(..200_000);
    let mut staged = stage(one, "alone").await;
    append(staged.as_mut(), &shorter, MIB).await;
    let checkpoint = staged.checkpoint(true).await.expect("a checkpoint");
    drop(staged);
    // One more byte is on its way elsewhere while the upload closes here.
    let mut slow = reopen(other, "alone", &checkpoint).await;
    append(slow.as_mut(), &bytes.slice(200_000..), 1).await;
    let fast = reopen(one, "alone", &checkpoint).await;
    let key = fast.publish(&slot(&shorter, "alone", false)).await.expect("a key");
    for _ in 0..20 {
        append(slow.as_mut(), &Bytes::from_static(b"x"), 1).await;
        slow.checkpoint(true).await.expect("a checkpoint");
    }
    slow.publish(&slot(&content("any", 1), "alone", false)).await.expect("a key");
    other.discard(&id("alone")).await.expect("a quiet removal");
    assert_holds(one, &key, &shorter).await;
}

pub(super) async fn never_mix_the_bytes_of_two_writers(one: &dyn BlobStore, other: &dyn BlobStore) {
    let head = content("mix-head", 6 * MIB);
    let tails = [content("mix-a", 9 * MIB + 7), content("mix-b", 9 * MIB + 7)];
    let mut staged = stage(one, "mix").await;
    append(staged.as_mut(), &head, MIB).await;
    let checkpoint = staged.checkpoint(true).await.expect("a checkpoint");
    drop(staged);
    // Two go on from the same point, turn by turn, with other bytes.
    let mut writers =
        [reopen(one, "mix", &checkpoint).await, reopen(other, "mix", &checkpoint).await];
    for from in (0..9 * MIB + 7).step_by(MIB) {
        for (writer, tail) in writers.iter_mut().zip(&tails) {
            append(writer.as_mut(), &tail.slice(from..tail.len().min(from + MIB)), MIB).await;
        }
    }
    let mut published = 0;
    for (mut writer, tail) in writers.into_iter().zip(&tails) {
        let whole = [head.as_ref(), tail.as_ref()].concat();
        assert_eq!(writer.finish().await.expect("digests").sha256, Digest::sha256(&whole));
        if let Ok(key) = writer.publish(&slot(&whole, "mix", false)).await {
            assert_holds(one, &key, &whole.into()).await;
            published += 1;
        }
    }
    assert!(published <= 1, "one upload became two blobs");
}

pub(super) async fn discard_what_others_staged(one: &dyn BlobStore, other: &dyn BlobStore) {
    let mut staged = stage(one, "foreign").await;
    append(staged.as_mut(), &content("foreign", 12 * MIB), MIB).await;
    let checkpoint = staged.checkpoint(true).await.expect("a checkpoint");
    let listed = other.staged(10_000).await.expect("a list");
    assert!(listed.iter().any(|area| area.id == id("foreign")));
    other.discard(&id("foreign")).await.expect("a quiet removal");
    assert!(one.reopen(&id("foreign"), checkpoint).await.expect("an answer").is_none());
}

pub(super) async fn see_the_same_blobs(one: &dyn BlobStore, other: &dyn BlobStore) {
    let bytes = content("seen", 77_777);
    let key = one.put(&slot(&bytes, "seen", true), bytes.clone()).await.expect("a key");
    assert_holds(other, &key, &bytes).await;
    let again = other.put(&slot(&bytes, "seen-again", true), bytes.clone()).await.expect("a key");
    assert_ne!(key, again, "a key was used twice");
    other.delete(&key).await.expect("a removal");
    one.delete(&key).await.expect("a quiet removal");
    assert_holds(one, &again, &bytes).await;
}
