//! Many readers of more blobs than fit, while some are removed.

use std::sync::Arc;

use oci::ByteRange;
use store::BlobStore;
use tempfile::TempDir;

use super::origin::{Trick, Watched};
use super::{MIB, all, cached, content, files, put, read, settings, until};
use crate::CacheSettings;

/// A row of numbers that is the same in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    *state >> 33
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_gets_the_right_bytes_and_the_bounds_hold() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let small = CacheSettings { size: 6 << 20, largest: 3 << 20, ..settings(directory.path()) };
    let cached = cached(origin.clone(), small).await;
    let mut blobs = Vec::new();
    for seed in 1..=24 {
        let bytes = content(seed, 60_000 + usize::try_from(seed).unwrap() * 60_000);
        blobs.push((put(&*cached, &bytes).await, bytes));
    }
    let blobs = Arc::new(blobs);
    let mut readers = Vec::new();
    for reader in 0..12_u64 {
        let (cached, blobs, origin) = (cached.clone(), blobs.clone(), origin.clone());
        readers.push(tokio::spawn(async move {
            let mut state = reader + 1;
            for round in 0..60 {
                // The first ones are asked for more often.
                let number = next(&mut state) % 24 * (next(&mut state) % 24) / 24;
                let (key, bytes) = &blobs[usize::try_from(number).unwrap()];
                if round % 20 == 7 {
                    origin.tricks.lock().push_back(Trick::Cut(3));
                }
                let start = next(&mut state) % (bytes.len() as u64 / 2);
                let part = ByteRange { start, end_inclusive: start + bytes.len() as u64 / 2 };
                let range = if round % 3 == 0 { part } else { all(bytes) };
                // Only what the store breaks off may fail, and only before it was cached.
                if let Ok(found) = read(&*cached, key, range).await {
                    let wanted = usize::try_from(range.start).unwrap()
                        ..=usize::try_from(range.end_inclusive).unwrap();
                    assert!(found == bytes[wanted], "blob {number} of reader {reader}");
                }
                if round == 30 {
                    let mut stream = cached.read(key, all(bytes)).await.unwrap();
                    let _ = futures_util::StreamExt::next(&mut stream).await;
                }
            }
        }));
    }
    for reader in readers {
        reader.await.unwrap();
    }
    until(&cached, |figures| figures.filling == 0).await;
    origin.tricks.lock().clear();
    for (key, bytes) in blobs.iter().skip(12) {
        assert!(read(&*cached, key, all(bytes)).await.unwrap() == *bytes);
        cached.delete(key).await.unwrap();
    }
    until(&cached, |figures| figures.filling == 0).await;
    until(&cached, |figures| figures.files == files(&directory).len() as u64).await;
    let figures = cached.figures();
    let sizes = files(&directory).iter().map(|file| file.metadata().unwrap().len()).sum::<u64>();
    assert_eq!(figures.bytes, sizes);
    assert!(sizes <= 6 * MIB as u64, "{figures:?}");
    assert!(figures.hits > 100 && figures.evictions > 0, "{figures:?}");
    assert_eq!((figures.errors, figures.mismatches), (0, 0), "{figures:?}");
}
