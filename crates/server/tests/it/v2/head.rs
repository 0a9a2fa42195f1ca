//! HEAD answers as GET would, without a byte.

use oci::Digest;
use testkit::{Request, TestRegistry, fixture};

#[tokio::test]
async fn head_has_the_status_and_headers_of_get_on_every_route() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let image = fixture::image(1, 200_000);
    image.pushed(&client, "a", "v1").await;
    fixture::index(&[&image.manifest]).push(&client, "a", "v2").await.expect(201);
    let layer = Digest::sha256(&image.layers[0]);
    let absent = Digest::sha256(b"absent");
    let upload = client.open_upload("a").await;
    client.patch(&upload, *b"some").await.expect(202);
    let paths = [
        "/".into(),
        "/livez".into(),
        "/readyz".into(),
        "/startupz".into(),
        "/v2".into(),
        "/v2/".into(),
        "/v2/_catalog".into(),
        "/v2/_catalog?n=x".into(),
        "/v2/_oci/ext/discover".into(),
        "/v2/a/tags/list".into(),
        "/v2/a/tags/list?n=1".into(),
        "/v2/absent/tags/list".into(),
        "/v2/a/manifests/v1".into(),
        "/v2/a/manifests/absent".into(),
        format!("/v2/a/manifests/{}", image.manifest.digest()),
        format!("/v2/a/manifests/{absent}"),
        format!("/v2/a/blobs/{layer}"),
        format!("/v2/a/blobs/{absent}"),
        "/v2/a/blobs/sha256:broken".into(),
        format!("/v2/a/referrers/{layer}"),
        "/v2/a/referrers/broken".into(),
        "/v2/A/tags/list".into(),
        "/v2/nothing".into(),
        upload,
    ];
    let variants: [&[(&str, &str)]; 4] = [
        &[],
        &[("Range", "bytes=10-19")],
        &[("Range", "bytes=0-1,5-6")],
        &[("If-None-Match", "*")],
    ];
    for path in &paths {
        for variant in variants {
            let mut request = Request::new("GET", path);
            for (name, value) in variant {
                request = request.with(name, *value);
            }
            let get = client.send(request.clone()).await;
            request.method = "HEAD".into();
            let head = client.send(request).await;
            assert_eq!(head.status, get.status, "{path} {variant:?}");
            let headers = |answer: &testkit::Answer| {
                let mut headers = answer.headers.clone();
                headers.retain(|(name, _)| name != "date" && name != "transfer-encoding");
                headers.sort();
                headers
            };
            assert_eq!(headers(&head), headers(&get), "{path} {variant:?}");
            assert!(get.complete, "{path} {variant:?}");
        }
    }
}
