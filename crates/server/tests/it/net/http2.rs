//! HTTP/2: over TLS by negotiation, in clear text where it is enabled.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use oci::Digest;
use server::TlsSource;
use testkit::{TestRegistry, fixture};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::certificates::{Authority, connect, settings};

async fn speak<S>(stream: S) -> SendRequest<Full<Bytes>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn send(
    sender: &mut SendRequest<Full<Bytes>>,
    method: &str,
    url: &str,
    body: Vec<u8>,
) -> (StatusCode, http::HeaderMap, Bytes) {
    let request = Request::builder().method(method).uri(url).body(Full::new(body.into())).unwrap();
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes())
}

/// Pushes and pulls a blob over one connection.
async fn round_trip(sender: &mut SendRequest<Full<Bytes>>, origin: &str) {
    let bytes = fixture::blob(1, 3_000_001);
    let digest = Digest::sha256(&bytes);
    let uploads = format!("{origin}/v2/a/blobs/uploads/");
    let (status, headers, _) = send(sender, "POST", &uploads, Vec::new()).await;
    assert_eq!(status, 202);
    let upload = headers["location"].to_str().unwrap();
    let put = format!("{origin}{upload}?digest={digest}");
    let (status, _, _) = send(sender, "PUT", &put, bytes.clone()).await;
    assert_eq!(status, 201);
    let blob = format!("{origin}/v2/a/blobs/{digest}");
    let (status, _, read) = send(sender, "GET", &blob, Vec::new()).await;
    assert!(status == 200 && read == bytes);
    let (status, headers, read) = send(sender, "HEAD", &blob, Vec::new()).await;
    assert!(status == 200 && read.is_empty());
    assert_eq!(headers["content-length"], "3000001");
}

#[tokio::test]
async fn http2_in_clear_text_is_spoken_where_it_is_enabled() {
    let registry = TestRegistry::builder().set(|options| options.server.h2c = true).start().await;
    let stream = TcpStream::connect(registry.address()).await.unwrap();
    round_trip(&mut speak(stream).await, "http://registry.test").await;
    // HTTP/1.1 on the same port goes on.
    registry.client().get("/v2/").await.expect(200);
}

#[tokio::test]
async fn http2_in_clear_text_is_refused_by_default() {
    let registry = TestRegistry::start().await;
    let stream = TcpStream::connect(registry.address()).await.unwrap();
    let mut sender = speak(stream).await;
    let request = Request::get("http://registry.test/v2/").body(Full::default()).unwrap();
    assert!(sender.send_request(request).await.is_err());
}

#[tokio::test]
async fn http2_over_tls_is_spoken_when_the_client_offers_it() {
    let directory = testkit::directory();
    let authority = Authority::new();
    let settings = settings(directory.path(), &authority.sign("localhost"));
    let tls = Arc::new(TlsSource::load(settings).unwrap());
    let registry = TestRegistry::builder().set(|options| options.tls = Some(tls)).start().await;
    let stream = connect(registry.address(), &authority, None, "h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    round_trip(&mut speak(stream).await, "https://registry.test").await;
}

#[tokio::test]
async fn absolute_urls_over_http2_name_the_authority_that_was_asked() {
    let registry = TestRegistry::builder()
        .set(|options| {
            options.server.h2c = true;
            options.server.base_url = server::BaseUrl::FromRequest;
        })
        .start()
        .await;
    let stream = TcpStream::connect(registry.address()).await.unwrap();
    let mut sender = speak(stream).await;
    let url = "http://registry.test:5000/v2/a/blobs/uploads/";
    let (_, headers, _) = send(&mut sender, "POST", url, Vec::new()).await;
    let location = headers["location"].to_str().unwrap();
    assert!(location.starts_with("http://registry.test:5000/v2/a/"), "{location}");
}

#[tokio::test]
async fn an_early_answer_over_http2_reaches_a_client_that_streams() {
    let registry = TestRegistry::builder().set(|options| options.server.h2c = true).start().await;
    let stream = TcpStream::connect(registry.address()).await.unwrap();
    let mut sender = speak(stream).await;
    let url = "http://registry.test/v2/a/blobs/uploads/x";
    for _ in 0..3 {
        let (status, _, body) = send(&mut sender, "PATCH", url, vec![0; 20 << 20]).await;
        assert!(status == 404 && !body.is_empty());
    }
    let (status, _, _) = send(&mut sender, "GET", "http://registry.test/v2/", Vec::new()).await;
    assert_eq!(status, 200);
}
