//! Several requests at once.

use oci::Digest;
use testkit::{Request, TestRegistry, fixture};

fn blob_files(registry: &TestRegistry, digest: &Digest) -> usize {
    let hex = digest.hex();
    let place = format!("docker/registry/v2/blobs/sha256/{}/{hex}", &hex[..2]);
    std::fs::read_dir(registry.root().join(place)).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pushes_of_the_same_blob_at_once_both_succeed_with_one_copy() {
    let registry = TestRegistry::start().await;
    for round in 0..4 {
        let bytes = fixture::blob(round, 400_000);
        let digest = Digest::sha256(&bytes);
        let pushes = (0..4).map(|which| {
            let (client, bytes) = (registry.client(), bytes.clone());
            tokio::spawn(async move { client.push_blob(["a", "b"][which % 2], &bytes).await })
        });
        for push in pushes.collect::<Vec<_>>() {
            push.await.unwrap().expect(201);
        }
        for repository in ["a", "b"] {
            let read = registry.client().blob(repository, &digest).await.expect(200);
            assert!(read.body == bytes);
        }
        assert_eq!(blob_files(&registry, &digest), 1);
        assert_eq!(std::fs::read_dir(registry.root().join("berth/staging")).unwrap().count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_sent_to_one_upload_at_once_never_mix() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let upload = client.open_upload("a").await;
    let chunks: Vec<Vec<u8>> = (0..6).map(|seed| fixture::blob(seed, 100_000)).collect();
    let sends = chunks.iter().cloned().map(|chunk| {
        let (client, upload) = (client.clone(), upload.clone());
        tokio::spawn(async move { client.patch(upload, chunk).await.expect(202) })
    });
    let mut ends = Vec::new();
    for (which, send) in sends.collect::<Vec<_>>().into_iter().enumerate() {
        let answer = send.await.unwrap();
        let range = answer.header("range").unwrap().strip_prefix("0-").unwrap().to_owned();
        ends.push((range.parse::<usize>().unwrap(), which));
    }
    ends.sort_unstable();
    let whole: Vec<u8> = ends.iter().flat_map(|(_, which)| chunks[*which].clone()).collect();
    let digest = Digest::sha256(&whole);
    client.close_upload(&upload, &digest, []).await.expect(201);
    assert!(client.blob("a", &digest).await.expect(200).body == whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranged_chunks_sent_at_once_succeed_once() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let upload = client.open_upload("a").await;
    let bytes = fixture::blob(1, 1000);
    let sends = (0..8).map(|_| {
        let request =
            Request::new("PATCH", &upload).with("Content-Range", "0-999").body(&bytes[..]);
        let client = client.clone();
        tokio::spawn(async move { client.send(request).await.status })
    });
    let mut statuses = Vec::new();
    for send in sends.collect::<Vec<_>>() {
        statuses.push(send.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 416, 416, 416, 416, 416, 416, 416]);
    client.close_upload(&upload, &Digest::sha256(&bytes), []).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_closing_put_sent_at_once_harms_nothing() {
    for size in [1000, 600_000, 3 << 20] {
        let registry = TestRegistry::start().await;
        let client = registry.client();
        let bytes = fixture::blob(size as u64, size);
        let digest = Digest::sha256(&bytes);
        let upload = client.open_upload("a").await;
        client.patch(&upload, &bytes[..]).await.expect(202);
        let puts = (0..6).map(|_| {
            let (client, upload) = (client.clone(), upload.clone());
            tokio::spawn(async move { client.close_upload(&upload, &digest, []).await })
        });
        for put in puts.collect::<Vec<_>>() {
            put.await.unwrap().expect(201);
        }
        assert!(client.blob("a", &digest).await.expect(200).body == bytes);
    }
}

#[tokio::test]
async fn a_second_writer_is_told_to_wait_when_the_first_one_keeps_the_upload() {
    let registry = TestRegistry::builder()
        .set(|options| options.registry.upload_wait = std::time::Duration::from_millis(50))
        .start()
        .await;
    let client = registry.client();
    let upload = client.open_upload("a").await;
    let mut slow = client.wire().await;
    let head = Request::new("PATCH", &upload).with("Content-Length", "10").bytes();
    slow.send(head).await.unwrap();
    slow.send(b"01234").await.unwrap();
    // The first writer has the upload once anything else is turned away.
    let refused = loop {
        let answer = client.get(&upload).await;
        if answer.status != 204 {
            break answer;
        }
    };
    let refused = refused.expect(503);
    assert!(refused.header("retry-after").is_some());
    slow.send(b"56789").await.unwrap();
    slow.answer(false).await.expect(202);
    client.close_upload(&upload, &Digest::sha256(b"0123456789"), []).await.expect(201);
}
