//! Ids of uploads: only the one that the registry gave out leads to the upload.

use fuzz::{each, hostile_target};
use oci::Digest;
use percent_encoding::percent_decode_str;
use testkit::{Request, TestRegistry};

#[test]
fn no_other_id_finds_changes_or_ends_an_upload() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = runtime.block_on(TestRegistry::builder().delete_enabled().start());
    let client = registry.client();
    let upload = runtime.block_on(async {
        let upload = client.open_upload("a").await;
        client.patch(upload.as_str(), *b"kept").await.expect(202);
        upload
    });
    let (folder, id) = upload.rsplit_once('/').unwrap();
    let uuid = id.get(..36).unwrap();
    let examples = [id, uuid, "x", "..", "../uploads/x", "00000000-0000-0000-0000-000000000000"];
    let digest = Digest::sha256(b"kept");
    each(120, file!(), &hostile_target(&examples), |text| {
        let path = text.split(['?', '#']).next().unwrap();
        if percent_decode_str(path).collect::<Vec<u8>>() == id.as_bytes() {
            return;
        }
        let requests = [
            Request::new("GET", format!("{folder}/{text}")),
            Request::new("PATCH", format!("{folder}/{text}")).body(*b"x"),
            Request::new("PUT", format!("{folder}/{path}?digest={digest}")).body([]),
            Request::new("DELETE", format!("{folder}/{text}")),
        ];
        for request in requests {
            let line = format!("{} {}", request.method, request.path);
            let status = runtime.block_on(client.send(request)).status;
            assert!((400..500).contains(&status), "{status} to {line}");
        }
    });
    runtime.block_on(async {
        let state = client.get(upload.as_str()).await.expect(204);
        assert_eq!(state.header("range"), Some("0-3"));
        client.close_upload(&upload, &digest, []).await.expect(201);
    });
}
