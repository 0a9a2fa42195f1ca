//! Disks that are full, or lose what was written.

use std::fs::OpenOptions;
use std::future::poll_fn;

use bytes::Bytes;
use oci::ByteRange;
use store::{BlobKey, BlobStore, Checkpoint, StoreError};
use tempfile::TempDir;

use super::{id, open, sha256, slot};
use crate::{DirectIo, Files, FilesOptions};

const MIB: usize = 1 << 20;

async fn stored(files: &Files, length: usize) -> BlobKey {
    let bytes = Bytes::from(vec![7; length]);
    files.put(&slot(&bytes, "one"), bytes).await.unwrap()
}

fn whole(length: usize) -> ByteRange {
    ByteRange { start: 0, end_inclusive: length as u64 - 1 }
}

fn cut(root: &TempDir, key: &BlobKey, length: u64) {
    let file = OpenOptions::new().write(true).open(root.path().join(key.as_str())).unwrap();
    file.set_len(length).unwrap();
}

#[tokio::test]
async fn a_file_that_was_cut_is_damage_before_the_first_byte() {
    let root = TempDir::new().unwrap();
    let files = open(&root);
    let key = stored(&files, 5000).await;
    cut(&root, &key, 4999);
    assert!(matches!(files.read(&key, whole(5000)).await, Err(StoreError::Damaged(_))));
}

#[tokio::test]
async fn a_file_that_is_cut_while_it_is_read_ends_with_damage() {
    let root = TempDir::new().unwrap();
    let files = open(&root);
    let key = stored(&files, MIB).await;
    let mut stream = files.read(&key, whole(MIB)).await.unwrap();
    let first = poll_fn(|context| stream.as_mut().poll_next(context)).await.unwrap().unwrap();
    cut(&root, &key, first.len() as u64);
    let second = poll_fn(|context| stream.as_mut().poll_next(context)).await;
    assert!(matches!(second, Some(Err(StoreError::Damaged(_)))), "{second:?}");
    assert!(poll_fn(|context| stream.as_mut().poll_next(context)).await.is_none());
}

#[tokio::test]
async fn a_full_disk_is_reported_as_full_by_the_upload_that_met_it() {
    let root = TempDir::new().unwrap();
    let options = FilesOptions { direct: DirectIo::Off, ..FilesOptions::new(root.path()) };
    let files = Files::open(options).unwrap();
    // A device that takes no byte stands in for the disk.
    std::os::unix::fs::symlink("/dev/full", root.path().join("berth/staging/full")).unwrap();
    let start = Checkpoint { offset: 0, hashers: sha256(), place: Bytes::new() };
    let mut staged = files.reopen(&id("full"), start).await.unwrap().unwrap();
    staged.append(Bytes::from_static(b"one byte too many")).await.unwrap();
    let Err(StoreError::Full(text)) = staged.checkpoint(false).await else {
        panic!("a full disk");
    };
    assert!(text.contains("writing berth/staging/full"), "{text}");
    assert!(staged.finish().await.is_err(), "the upload stays broken");
}

#[tokio::test]
async fn an_upload_whose_sync_failed_is_never_gone_on_with() {
    let root = TempDir::new().unwrap();
    let options = FilesOptions { direct: DirectIo::Off, ..FilesOptions::new(root.path()) };
    let files = Files::open(options).unwrap();
    // A device that cannot be synced stands in for a disk that fails to.
    std::os::unix::fs::symlink("/dev/full", root.path().join("berth/staging/lost")).unwrap();
    let start = Checkpoint { offset: 0, hashers: sha256(), place: Bytes::new() };
    let mut staged = files.reopen(&id("lost"), start.clone()).await.unwrap().unwrap();
    let Err(StoreError::Failed(text)) = staged.checkpoint(true).await else {
        panic!("a failed sync");
    };
    assert!(text.contains("syncing berth/staging/lost"), "{text}");
    drop(staged);
    assert!(files.reopen(&id("lost"), start.clone()).await.unwrap().is_none());

    std::os::unix::fs::symlink("/dev/full", root.path().join("berth/staging/lost")).unwrap();
    let staged = files.reopen(&id("lost"), start.clone()).await.unwrap().unwrap();
    let Err(StoreError::Failed(text)) = staged.publish(&slot(b"", "lost")).await else {
        panic!("a failed sync");
    };
    assert!(text.contains("syncing berth/staging/lost"), "{text}");
    assert!(files.reopen(&id("lost"), start).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_uploads_than_buffers_all_come_to_an_end() {
    let root = TempDir::new().unwrap();
    let options = FilesOptions { buffers: 3, ..FilesOptions::new(root.path()) };
    let files = Files::open(options).unwrap();
    let mut uploads = Vec::new();
    for number in 0..12 {
        let staged = files.stage(&id(&format!("many-{number}")), sha256()).await.unwrap();
        uploads.push(staged);
    }
    // Each holds a buffer that is not full while the others go on.
    for round in 0..9_u8 {
        for staged in &mut uploads {
            staged.append(Bytes::from(vec![round; MIB / 2])).await.unwrap();
        }
    }
    let bytes: Vec<u8> = (0..9_u8).flat_map(|round| vec![round; MIB / 2]).collect();
    for (number, mut staged) in uploads.into_iter().enumerate() {
        let digest = staged.finish().await.unwrap().sha256;
        assert_eq!(digest, oci::Digest::sha256(&bytes));
        staged.publish(&slot(&bytes, &format!("many-{number}"))).await.unwrap();
    }
}

#[tokio::test]
async fn a_failed_put_leaves_no_file_behind() {
    let root = TempDir::new().unwrap();
    let files = open(&root);
    // The directory of the digest cannot be made where a file lies.
    let bytes = Bytes::from_static(b"bytes");
    let hex = oci::Digest::sha256(&bytes).hex();
    let blobs = root.path().join("docker/registry/v2/blobs/sha256");
    std::fs::write(blobs.join(&hex[..2]), "in the way").unwrap();
    assert!(files.put(&slot(&bytes, "one"), bytes.clone()).await.is_err());
    assert_eq!(std::fs::read_dir(root.path().join("berth/staging")).unwrap().count(), 0);
}
