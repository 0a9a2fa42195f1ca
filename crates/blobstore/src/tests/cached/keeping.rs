//! What is kept, for how long, and who shares a fetch.

use std::sync::Arc;

use futures_util::StreamExt;
use oci::{Algorithm, ByteRange, Hasher};
use store::{BlobStore, StoreError};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::origin::{Trick, Watched};
use super::{MIB, all, cached, collect, content, files, put, read, settings, until, warm};
use crate::tests::{id, slot};
use crate::{CacheSettings, Memory};

#[tokio::test]
async fn a_blob_that_was_read_twice_comes_from_the_disk_whole_and_in_parts() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let cached = cached(origin.clone(), settings(directory.path())).await;
    let bytes = content(1, 3 * MIB + 77);
    let key = put(&*cached, &bytes).await;
    warm(&cached, &key, &bytes).await;
    assert_eq!((origin.opened(), files(&directory).len()), (2, 1));
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    let block = 256 << 10;
    for (start, length) in [
        (0, 1),
        (0, block),
        (block - 1, 2),
        (1, 3 * MIB),
        (2 * block, block + 1),
        (bytes.len() - 1, 1),
    ] {
        let range = ByteRange { start: start as u64, end_inclusive: (start + length - 1) as u64 };
        let found = read(&*cached, &key, range).await.unwrap();
        assert!(found == bytes.slice(start..start + length), "{length} from {start}");
    }
    assert_eq!(origin.opened(), 2);
    let figures = cached.figures();
    assert_eq!((figures.hits, figures.misses, figures.fills, figures.errors), (8, 2, 1, 0));
    assert_eq!(figures.bytes, files(&directory)[0].metadata().unwrap().len());
    let beyond = ByteRange { start: 0, end_inclusive: bytes.len() as u64 };
    let beyond = cached.read(&key, beyond).await.map(drop);
    assert!(matches!(beyond, Err(StoreError::Damaged(_))), "{beyond:?}");
}

#[tokio::test]
async fn parts_of_a_blob_and_blobs_of_the_wrong_size_are_not_kept() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let sizes = CacheSettings { smallest: 1000, largest: 2000, ..settings(directory.path()) };
    let cached = cached(origin.clone(), sizes).await;
    for (seed, length) in [(1, 999), (2, 2001)] {
        let bytes = content(seed, length);
        let key = put(&*cached, &bytes).await;
        for _ in 0..3 {
            assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
        }
    }
    let bytes = content(3, 1500);
    let key = put(&*cached, &bytes).await;
    for _ in 0..3 {
        let front = ByteRange { start: 0, end_inclusive: 1200 };
        assert_eq!(read(&*cached, &key, front).await.unwrap(), bytes.slice(..1201));
    }
    assert_eq!((cached.figures().files, cached.figures().filling), (0, 0));
    warm(&cached, &key, &bytes).await;
    assert_eq!(cached.figures().files, 1);
}

#[tokio::test]
async fn readers_of_a_cold_blob_share_one_fetch_whatever_becomes_of_the_first() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let cached = cached(origin.clone(), settings(directory.path())).await;
    let bytes = content(1, 2 * MIB);
    let key = put(&*cached, &bytes).await;
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    let gate = Arc::new(Semaphore::new(0));
    origin.tricks.lock().push_back(Trick::Held(6, gate.clone()));
    let mut first = cached.read(&key, all(&bytes)).await.unwrap();
    let piece = first.next().await.unwrap().unwrap();
    assert_eq!(piece, bytes.slice(..piece.len()));
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(cached.read(&key, all(&bytes)).await.unwrap());
    }
    drop(first);
    gate.add_permits(1);
    for other in others {
        assert_eq!(collect(other).await.unwrap(), bytes);
    }
    assert_eq!(origin.opened(), 2);
    until(&cached, |figures| figures.fills == 1).await;
}

#[tokio::test]
async fn a_fill_that_does_not_go_on_sends_its_readers_to_the_store() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let cached = cached(origin.clone(), settings(directory.path())).await;
    let bytes = content(1, 2 * MIB);
    let key = put(&*cached, &bytes).await;
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    let never = Arc::new(Semaphore::new(0));
    origin.tricks.lock().push_back(Trick::Held(6, never));
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    assert_eq!(origin.opened(), 3);
}

#[tokio::test]
async fn a_blob_whose_key_tells_no_digest_is_kept_once_two_reads_agree() {
    let (directory, memory) = (TempDir::new().unwrap(), Memory::good());
    let bytes = content(1, 5 * MIB / 2);
    let writer = Watched::over(&memory).await;
    let mut staged =
        writer.stage(&id("large"), vec![Hasher::new(Algorithm::Sha256)]).await.unwrap();
    staged.append(bytes.clone()).await.unwrap();
    staged.finish().await.unwrap();
    let key = staged.publish(&slot(&bytes, "large")).await.unwrap();
    assert!(key.as_str().starts_with("berth/blobs/"), "{key:?}");

    let origin = Watched::over(&memory).await;
    let cached = cached(origin.clone(), settings(directory.path())).await;
    // Nobody read this one to its end, so nothing is known of it yet.
    drop(cached.read(&key, all(&bytes)).await.unwrap());
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    assert_eq!(cached.figures().files, 0);
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    until(&cached, |figures| figures.fills == 1).await;
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    assert_eq!(origin.opened(), 3);
}

#[tokio::test]
async fn a_restart_finds_what_was_kept_and_removes_what_was_not_finished() {
    let (directory, memory) = (TempDir::new().unwrap(), Memory::good());
    let bytes = content(1, MIB + 1);
    let key = {
        let first = cached(Watched::over(&memory).await, settings(directory.path())).await;
        let key = put(&*first, &bytes).await;
        warm(&first, &key, &bytes).await;
        key
    };
    let entry = files(&directory).remove(0);
    let mut part = entry.clone().into_os_string();
    part.push(".part");
    std::fs::write(&part, "half").unwrap();
    let short = entry.to_string_lossy().replacen(".1", ".2", 1);
    std::fs::write(&short, "short").unwrap();
    std::fs::write(directory.path().join("mine"), "mine").unwrap();

    let origin = Watched::over(&memory).await;
    let again = cached(origin.clone(), settings(directory.path())).await;
    assert_eq!(files(&directory), [entry, directory.path().join("mine")]);
    assert_eq!(read(&*again, &key, all(&bytes)).await.unwrap(), bytes);
    assert_eq!((origin.opened(), again.figures().hits, again.figures().files), (0, 1, 1));
}

#[tokio::test]
async fn a_second_process_leaves_the_directory_alone() {
    let (directory, memory) = (TempDir::new().unwrap(), Memory::good());
    let first = cached(Watched::over(&memory).await, settings(directory.path())).await;
    let origin = Watched::over(&memory).await;
    let clock = Arc::new(store::SystemClock::new());
    let settings = settings(directory.path());
    let second = crate::Cached::new(origin.clone(), settings, clock, &store::OsRandom);
    second.begin();
    let bytes = content(1, 1000);
    let key = put(&*first, &bytes).await;
    warm(&first, &key, &bytes).await;
    for _ in 0..3 {
        assert_eq!(read(&*second, &key, all(&bytes)).await.unwrap(), bytes);
    }
    assert_eq!((second.figures().ready, origin.opened()), (false, 3));
}

#[tokio::test]
async fn what_was_used_least_recently_makes_room() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let small = CacheSettings { size: 4 << 20, largest: 2 << 20, ..settings(directory.path()) };
    let cached = cached(origin.clone(), small).await;
    let blobs: Vec<_> = (1..=4).map(|seed| content(seed, MIB + 300_000)).collect();
    let mut keys = Vec::new();
    for bytes in &blobs {
        keys.push(put(&*cached, bytes).await);
    }
    for number in [0, 1, 2] {
        warm(&cached, &keys[number], &blobs[number]).await;
    }
    assert_eq!(cached.figures().files, 3);
    // The oldest is used again, so the second one goes.
    assert_eq!(read(&*cached, &keys[0], all(&blobs[0])).await.unwrap(), blobs[0]);
    warm(&cached, &keys[3], &blobs[3]).await;
    until(&cached, |figures| figures.files == 3 && figures.evictions == 1).await;
    assert!(cached.figures().bytes <= 4 << 20);
    let opened = origin.opened();
    for number in [0, 2, 3] {
        assert_eq!(
            read(&*cached, &keys[number], all(&blobs[number])).await.unwrap(),
            blobs[number]
        );
    }
    assert_eq!(origin.opened(), opened);
    assert_eq!(read(&*cached, &keys[1], all(&blobs[1])).await.unwrap(), blobs[1]);
    assert_eq!(origin.opened(), opened + 1);
}

#[tokio::test]
async fn a_removed_blob_is_gone_from_the_disk_as_well() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let cached = cached(origin, settings(directory.path())).await;
    let bytes = content(1, 5000);
    let key = put(&*cached, &bytes).await;
    warm(&cached, &key, &bytes).await;
    let file = files(&directory).remove(0);
    cached.delete(&key).await.unwrap();
    let found = read(&*cached, &key, all(&bytes)).await;
    assert!(matches!(found, Err(StoreError::Damaged(_))), "{found:?}");
    assert_eq!((cached.figures().files, cached.figures().bytes), (0, 0));
    until(&cached, |_| !file.exists()).await;
}
