//! The file: opened, refused, closed.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use store::{ContentStore, SettingsStore, UploadId, UploadState, UploadStore};

use super::*;
use crate::MetadataStore;

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

/// Puts a symbolic link where the index of the log would be: it is not
/// followed, so there can be no index, as on some shared mounts.
fn without_log(directory: &TempDir) {
    let berth = directory.path().join("berth");
    std::fs::create_dir_all(&berth).unwrap();
    std::os::unix::fs::symlink("nowhere", berth.join("berth.db-shm")).unwrap();
}

async fn works(store: &Sqlite) {
    store.put_manifest(push("two", &[], &["u"]), Box::new(|_| Ok(()))).await.unwrap();
    assert!(store.manifest(&repository("a"), &by_tag("u")).await.unwrap().is_some());
    let mode = |connection: &Connection| -> Result<String, super::super::failure::Failure> {
        Ok(connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?)
    };
    assert_eq!(store.write_soft(mode).await.unwrap(), "truncate");
    let level = |connection: &Connection| -> Result<i64, super::super::failure::Failure> {
        Ok(connection.pragma_query_value(None, "synchronous", |row| row.get(0))?)
    };
    assert_eq!(store.write_soft(level).await.unwrap(), 2, "FULL");
}

#[tokio::test]
async fn where_a_log_fails_a_rollback_journal_serves() {
    let directory = TempDir::new().unwrap();
    without_log(&directory);
    let path = directory.path().join("berth");
    let store = Sqlite::open(OpenOptions { path, synchronous_off: false }).unwrap();
    works(&store).await;
}

#[tokio::test]
async fn a_file_that_had_a_log_elsewhere_is_taken_over() {
    let fresh = Temporary::new();
    fresh.store.put_manifest(push("one", &[], &["t"]), Box::new(|_| Ok(()))).await.unwrap();
    fresh.store.close();
    without_log(&fresh.directory);
    let path = fresh.directory.path().join("berth");
    let store = Sqlite::open(OpenOptions { path, synchronous_off: false }).unwrap();
    assert!(store.manifest(&repository("a"), &by_tag("t")).await.unwrap().is_some());
    works(&store).await;
}

#[tokio::test]
async fn a_file_of_the_first_schema_keeps_what_it_holds() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("berth");
    std::fs::create_dir(&path).unwrap();
    let old = Connection::open(path.join("berth.db")).unwrap();
    old.execute_batch(include_str!("../../migrations/sqlite/0001_initial.sql")).unwrap();
    old.execute_batch(
        "UPDATE meta SET schema = 1, min_binary = 1; \
         INSERT INTO setting VALUES ('k', x'01'); \
         INSERT INTO upload (id, repository, started_at, updated_at, state, offset, hashers) \
         VALUES ('u', 'a', 1, 2, 'open', 3, x'')",
    )
    .unwrap();
    old.close().unwrap();
    let store = try_open(&directory).unwrap();
    assert_eq!(store.setting("k").await.unwrap(), Some(vec![1]));
    let upload = store.upload(&UploadId::new("u")).await.unwrap().unwrap();
    assert_eq!(upload.state, UploadState::Open { offset: 3, hashers: vec![], place: Bytes::new() });
    assert_eq!(upload.version, 1);
    store.put_manifest(push("one", &[], &["t"]), Box::new(|_| Ok(()))).await.unwrap();
}

#[test]
fn programs_of_the_first_schema_may_go_back_to_the_file() {
    let fresh = Temporary::new();
    let stamp = fresh.store.read(|connection| {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        Ok(connection.query_row("SELECT schema, min_binary FROM meta", [], read)?)
    });
    assert_eq!(stamp.unwrap(), (6_i64, 1_i64));
}

#[tokio::test]
async fn a_writer_with_nothing_to_do_moves_the_log_into_the_file() {
    let fresh = Temporary::new();
    let large = "x".repeat(200_000);
    fresh.store.put_manifest(push(&large, &[], &["t"]), Box::new(|_| Ok(()))).await.unwrap();
    let file = fresh.directory.path().join("berth/berth.db");
    let moved = async {
        while std::fs::metadata(&file).unwrap().len() < 200_000 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), moved).await.unwrap();
    fresh.store.put_manifest(push("next", &[], &["t"]), Box::new(|_| Ok(()))).await.unwrap();
}

#[tokio::test]
async fn one_handle_serves_every_duty_and_is_closed_by_it() {
    let fresh = Temporary::new();
    let store: Arc<dyn MetadataStore> = Arc::clone(&fresh.store) as _;
    let content: Arc<dyn ContentStore> = Arc::clone(&store) as _;
    let settings: Arc<dyn SettingsStore> = Arc::clone(&store) as _;
    content.put_manifest(push("one", &[], &["t"]), Box::new(|_| Ok(()))).await.unwrap();
    settings.ping().await.unwrap();
    assert_eq!(store.engine(), "sqlite");
    let figures = store.figures();
    assert_eq!((figures.writer.map(|writer| writer.writes), figures.pool), (Some(1), None));
    store.close().await;
    assert!(matches!(settings.ping().await, Err(StoreError::Busy(_))));
}
