//! The file: opened, refused, closed.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use store::SettingsStore;

use super::*;

fn stamp(directory: &TempDir, schema: i64, min_binary: i64) {
    let connection = Connection::open(directory.path().join("berth/berth.db")).unwrap();
    let changed = connection
        .execute("UPDATE meta SET schema = ?1, min_binary = ?2", [schema, min_binary])
        .unwrap();
    assert_eq!(changed, 1);
}

#[tokio::test]
async fn a_store_is_found_again_after_it_was_closed() {
    let mut fresh = Temporary::new();
    fresh.store.set_setting("k", b"v".to_vec()).await.unwrap();
    fresh.reopen();
    assert_eq!(fresh.store.setting("k").await.unwrap().as_deref(), Some(b"v".as_slice()));
    fresh.store.close();
    fresh.store.close();
    let log = fresh.directory.path().join("berth/berth.db-wal");
    assert!(!log.exists(), "the log was moved into the file");
}

#[tokio::test]
async fn a_closed_store_is_busy() {
    let fresh = Temporary::new();
    fresh.store.close();
    let read = fresh.store.setting("k").await;
    assert!(matches!(read, Err(StoreError::Busy(_))), "{read:?}");
    let written = fresh.store.set_setting("k", vec![]).await;
    assert!(matches!(written, Err(StoreError::Busy(_))), "{written:?}");
}

#[test]
fn only_the_owner_may_read_the_file() {
    let fresh = Temporary::new();
    let mode = |name: &str| {
        let path = fresh.directory.path().join("berth").join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode(""), mode("berth.db"), mode("berth.db-wal")), (0o700, 0o600, 0o600));
}

#[test]
fn a_file_that_needs_a_newer_program_is_refused() {
    let fresh = Temporary::new();
    fresh.store.close();
    stamp(&fresh.directory, 9, 9);
    let message = try_open(&fresh.directory).unwrap_err().to_string();
    assert!(message.contains("it needs a program that knows schema 9"), "{message}");
}

#[test]
fn a_newer_file_that_older_programs_may_use_is_opened() {
    let fresh = Temporary::new();
    fresh.store.close();
    stamp(&fresh.directory, 9, 1);
    try_open(&fresh.directory).unwrap();
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("berth");
    std::fs::create_dir(&path).unwrap();
    let other = Connection::open(path.join("berth.db")).unwrap();
    other.execute_batch("CREATE TABLE other (x)").unwrap();
    other.close().unwrap();
    let error = try_open(&directory).unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
    std::fs::write(path.join("berth.db"), "no database at all".repeat(1000)).unwrap();
    let error = try_open(&directory).unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
}
