//! Uploads that go on where they were: after a restart, a crash, a broken line.

use oci::{Algorithm, Digest};
use testkit::{Client, Request, TestRegistry, fixture};

/// Bytes up to which an upload is held in memory by default.
const HELD: usize = 128 << 10;

/// What the server says it has.
async fn offset(client: &Client, upload: &str) -> usize {
    let answer = client.get(upload).await.expect(204);
    let range = answer.header("range").unwrap().to_owned();
    let (start, end) = range.split_once('-').unwrap();
    assert_eq!(start, "0");
    // `0-0` means nothing as well as one byte; these tests never send one.
    end.parse::<usize>().map(|end| if end == 0 { 0 } else { end + 1 }).unwrap()
}

async fn goes_on_after_a_restart(first: usize, second: usize) {
    let mut registry = TestRegistry::start().await;
    let bytes = fixture::blob(first as u64, first + second);
    let upload = registry.client().open_upload("a/b").await;
    registry.client().patch(&upload, &bytes[..first]).await.expect(202);
    registry.restart().await;
    let client = registry.client();
    assert_eq!(offset(&client, &upload).await, first);
    client.patch(&upload, &bytes[first..]).await.expect(202);
    registry.restart().await;
    let digest = Digest::sha256(&bytes);
    registry.client().close_upload(&upload, &digest, []).await.expect(201);
    let read = registry.client().blob("a/b", &digest).await.expect(200);
    assert!(read.body == bytes);
}

#[tokio::test]
async fn a_small_upload_goes_on_after_a_restart() {
    goes_on_after_a_restart(1000, 77).await;
}

#[tokio::test]
async fn an_upload_that_outgrows_memory_goes_on_after_a_restart() {
    goes_on_after_a_restart(HELD - 1, 2).await;
}

#[tokio::test]
async fn a_large_upload_at_an_odd_offset_goes_on_after_a_restart() {
    goes_on_after_a_restart(3 * (1 << 20) + 4097 + 13, 2 * (1 << 20) + 1).await;
}

#[tokio::test]
async fn an_upload_hinted_as_sha512_goes_on_after_a_restart() {
    let mut registry = TestRegistry::start().await;
    for size in [500, 2 * (1 << 20) + 7] {
        let bytes = fixture::blob(size as u64, size);
        let path = "/v2/a/blobs/uploads/?digest-algorithm=sha512";
        let upload = registry.client().post(path).await.expect(202).location().to_owned();
        registry.client().patch(&upload, &bytes[..size / 3]).await.expect(202);
        registry.restart().await;
        let digest = Digest::of(Algorithm::Sha512, &bytes);
        let client = registry.client();
        client.close_upload(&upload, &digest, &bytes[size / 3..]).await.expect(201);
        assert!(client.blob("a", &digest).await.expect(200).body == bytes);
        assert!(client.blob("a", &Digest::sha256(&bytes)).await.expect(200).body == bytes);
    }
}

#[tokio::test]
async fn an_upload_without_the_hint_is_closed_by_its_sha512_after_a_restart() {
    let mut registry = TestRegistry::start().await;
    let bytes = fixture::blob(3, 300_001);
    let upload = registry.client().open_upload("a").await;
    registry.client().patch(&upload, &bytes[..]).await.expect(202);
    registry.restart().await;
    let digest = Digest::of(Algorithm::Sha512, &bytes);
    registry.client().close_upload(&upload, &digest, []).await.expect(201);
    assert!(registry.client().blob("a", &digest).await.expect(200).body == bytes);
}

#[tokio::test]
async fn a_large_upload_goes_on_from_its_last_checkpoint_after_a_crash() {
    let mut registry = TestRegistry::start().await;
    let bytes = fixture::blob(9, 2 << 20);
    let upload = registry.client().open_upload("a").await;
    registry.client().patch(&upload, &bytes[..1 << 20]).await.expect(202);
    registry.crash().await;
    let client = registry.client();
    let kept = offset(&client, &upload).await;
    assert!(kept <= 1 << 20);
    let digest = Digest::sha256(&bytes);
    client.close_upload(&upload, &digest, &bytes[kept..]).await.expect(201);
    assert!(client.blob("a", &digest).await.expect(200).body == bytes);
}

#[tokio::test]
async fn a_chunk_that_breaks_off_is_kept_up_to_its_last_byte() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let bytes = fixture::blob(4, 700_000);
    let upload = client.open_upload("a").await;
    let mut wire = client.wire().await;
    let head = Request::new("PATCH", &upload).with("Content-Length", "700000").bytes();
    wire.send(head).await.unwrap();
    wire.send(&bytes[..500_000]).await.unwrap();
    drop(wire);
    // The server may still be taking in what came; a chunk that says where it
    // begins is refused until it begins there.
    let digest = Digest::sha256(&bytes);
    let closed = loop {
        let kept = offset(&client, &upload).await;
        assert!(kept <= 500_000, "{kept}");
        let range = format!("{kept}-{}", bytes.len() - 1);
        let put = Request::new("PUT", format!("{upload}?digest={digest}"));
        let put = put.with("Content-Range", range).body(&bytes[kept..]);
        let answer = client.send(put).await;
        if answer.status != 416 {
            break answer;
        }
    };
    closed.expect(201);
    assert!(client.blob("a", &digest).await.expect(200).body == bytes);
}

#[tokio::test]
async fn a_chunk_out_of_order_learns_where_to_go_on_after_a_restart() {
    let mut registry = TestRegistry::start().await;
    let bytes = fixture::blob(5, 900);
    let upload = registry.client().open_upload("a").await;
    registry.client().patch(&upload, &bytes[..400]).await.expect(202);
    registry.restart().await;
    let client = registry.client();
    let early = Request::new("PATCH", &upload).with("Content-Range", "100-199").body([0; 100]);
    let answer = client.send(early).await.expect(416);
    assert_eq!(answer.header("range"), Some("0-399"));
    assert_eq!(answer.location(), upload);
    let next = Request::new("PATCH", &upload).with("Content-Range", "400-899").body(&bytes[400..]);
    client.send(next).await.expect(202);
    client.close_upload(&upload, &Digest::sha256(&bytes), []).await.expect(201);
}

#[tokio::test]
async fn a_quiet_upload_leaves_memory_and_goes_on() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let bytes = fixture::blob(6, 5000);
    let upload = client.open_upload("a").await;
    client.patch(&upload, &bytes[..2000]).await.expect(202);
    let five_minutes = std::time::Duration::from_secs(300);
    assert_eq!(registry.registry().settle_uploads(five_minutes).await.unwrap(), 0);
    registry.clock.advance(five_minutes);
    assert_eq!(registry.registry().settle_uploads(five_minutes).await.unwrap(), 1);
    assert_eq!(offset(&client, &upload).await, 2000);
    client.close_upload(&upload, &Digest::sha256(&bytes), &bytes[2000..]).await.expect(201);
}

#[tokio::test]
async fn a_staging_file_that_a_crash_left_does_not_stop_its_upload() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let upload = client.open_upload("a").await;
    let id = upload.rsplit('/').next().unwrap();
    std::fs::write(registry.root().join("berth/staging").join(id), b"left behind").unwrap();
    assert_eq!(offset(&client, &upload).await, 0);
    let bytes = fixture::blob(8, 400_000);
    let digest = Digest::sha256(&bytes);
    client.close_upload(&upload, &digest, &bytes[..]).await.expect(201);
    assert!(client.blob("a", &digest).await.expect(200).body == bytes);
}
