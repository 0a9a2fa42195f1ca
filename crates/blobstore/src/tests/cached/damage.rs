//! Disks and stores that fail or lie: no read fails with the disk, and wrong
//! bytes never become an entry.

use std::os::unix::fs::FileExt;

use store::StoreError;
use tempfile::TempDir;

use super::origin::{Trick, Watched};
use super::{MIB, all, cached, content, files, put, read, settings, until, warm};

#[tokio::test]
async fn a_changed_byte_on_the_disk_is_never_served() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let cached = cached(origin.clone(), settings(directory.path())).await;
    let bytes = content(1, MIB + 4711);
    let key = put(&*cached, &bytes).await;
    for (round, at) in [0, 300_000, MIB as u64 + 4710, MIB as u64 + 4711, MIB as u64 + 4750]
        .into_iter()
        .enumerate()
    {
        warm(&cached, &key, &bytes).await;
        let path = files(&directory).remove(0);
        let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
        assert!(read(&*cached, &key, all(&bytes)).await.unwrap() == bytes, "byte {at}");
        assert_eq!(cached.figures().errors, round as u64 + 1);
        until(&cached, |_| !path.exists()).await;
    }
}

#[tokio::test]
async fn a_file_that_was_cut_or_removed_is_read_from_the_store() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let cached = cached(origin.clone(), settings(directory.path())).await;
    let bytes = content(1, MIB);
    let key = put(&*cached, &bytes).await;
    warm(&cached, &key, &bytes).await;
    let file = std::fs::File::options().write(true).open(&files(&directory)[0]).unwrap();
    file.set_len(500_000).unwrap();
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    warm(&cached, &key, &bytes).await;
    std::fs::remove_file(&files(&directory)[0]).unwrap();
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    warm(&cached, &key, &bytes).await;
    assert_eq!((cached.figures().files, files(&directory).len()), (1, 1));
}

#[tokio::test]
async fn a_directory_that_is_gone_costs_no_read() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let cached = cached(origin, settings(&directory.path().join("deeper/cache"))).await;
    std::fs::remove_dir_all(directory.path().join("deeper")).unwrap();
    let bytes = content(1, MIB);
    let key = put(&*cached, &bytes).await;
    for _ in 0..4 {
        assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    }
    let figures = cached.figures();
    assert_eq!((figures.files, figures.bytes, figures.errors), (0, 0, 1));
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_costs_no_read() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let file = directory.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let clock = std::sync::Arc::new(store::SystemClock::new());
    let settings = settings(&file.join("cache"));
    let cached = crate::Cached::new(origin, settings, clock, &store::OsRandom);
    cached.begin();
    until(&cached, |figures| figures.errors == 1).await;
    let bytes = content(1, MIB);
    let key = put(&*cached, &bytes).await;
    for _ in 0..3 {
        assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    }
    assert!(!cached.figures().ready);
}

#[tokio::test]
async fn a_fill_that_breaks_off_leaves_nothing_and_its_reader_goes_on() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let cached = cached(origin.clone(), settings(directory.path())).await;
    let bytes = content(1, 2 * MIB);
    let key = put(&*cached, &bytes).await;
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    origin.tricks.lock().push_back(Trick::Cut(13));
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    until(&cached, |figures| figures.fills_lost == 1 && figures.filling == 0).await;
    until(&cached, |_| files(&directory).is_empty()).await;
    assert_eq!((cached.figures().files, origin.opened()), (0, 3));
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    until(&cached, |figures| figures.fills == 1).await;
}

#[tokio::test]
async fn bytes_with_another_digest_are_cut_before_their_end_and_not_kept() {
    let (directory, origin) = (TempDir::new().unwrap(), Watched::new().await);
    let cached = cached(origin.clone(), settings(directory.path())).await;
    let bytes = content(1, MIB + 5);
    let key = put(&*cached, &bytes).await;
    assert_eq!(read(&*cached, &key, all(&bytes)).await.unwrap(), bytes);
    origin.tricks.lock().push_back(Trick::Flipped);
    let found = read(&*cached, &key, all(&bytes)).await;
    assert!(matches!(found, Err(StoreError::Damaged(_))), "{found:?}");
    until(&cached, |figures| figures.filling == 0).await;
    until(&cached, |_| files(&directory).is_empty()).await;
    assert_eq!((cached.figures().mismatches, cached.figures().files), (1, 0));
    warm(&cached, &key, &bytes).await;
}
