//! What the tests of this crate share: a clock that they move, a server that says what it is
//! told, a key that signs anything.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use parking_lot::Mutex;
use serde_json::Value;
use store::{Clock, Timestamp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::jose::{BASE64URL, PublicKey};

/// A clock that stands still until it is told to pass.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<Mutex<Duration>>);

/// 2026-01-01T00:00:00Z.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Duration::from_secs(1_000))))
    }

    pub(crate) fn pass(&self, by: Duration) {
        *self.0.lock() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        START.after(*self.0.lock() - Duration::from_secs(1_000))
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock()
    }
}

/// One request that [`Server`] got.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    /// `GET /path?query`.
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A small HTTP server that answers what it is told to.
pub(crate) struct Server {
    pub(crate) url: String,
    answers: Arc<Mutex<HashMap<String, String>>>,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answers, got) = (Arc::default(), Arc::default());
        let server = Self { url, answers: Arc::clone(&answers), got: Arc::clone(&got) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, got) = (Arc::clone(&answers), Arc::clone(&got));
                tokio::spawn(serve(stream, answers, got));
            }
        });
        server
    }

    /// From now on `path` is answered with 200 and `body`.
    pub(crate) fn says(&self, path: &str, body: impl ToString) {
        self.answers_with(path, "200 OK", "", &body.to_string());
    }

    /// From now on `path` is answered with this status, more header lines and `body`.
    pub(crate) fn answers_with(&self, path: &str, status: &str, head: &str, body: &str) {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\n{head}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        self.answers.lock().insert(path.to_owned(), answer);
    }

    /// The requests until now.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: Arc<Mutex<HashMap<String, String>>>,
    got: Arc<Mutex<Vec<Got>>>,
) {
    let mut bytes = Vec::new();
    let (head, mut body) = loop {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            break (head.to_owned(), body.as_bytes().to_vec());
        }
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while body.len() < length {
        stream.read_buf(&mut body).await.unwrap();
    }
    let line = head.lines().next().unwrap().replace(" HTTP/1.1", "");
    let path = line.split(' ').nth(1).unwrap().split('?').next().unwrap().to_owned();
    got.lock().push(Got { line, head, body: String::from_utf8(body).unwrap() });
    let missing = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let answer = answers.lock().get(&path).cloned().unwrap_or(missing.to_owned());
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// A key that signs any token with any header, for tests of verifiers.
pub(crate) struct Signer {
    pair: EcdsaKeyPair,
    pub(crate) key: PublicKey,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Self::from_pkcs8(pkcs8.unwrap().as_ref())
    }

    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Self {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).unwrap();
        let key = PublicKey::from_p256_point(pair.public_key().as_ref()).unwrap();
        Self { pair, key }
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| BASE64URL.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64URL.encode(signature))
    }

    /// Its JWK under the name `kid`.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let mut jwk = self.key.to_jwk();
        jwk.insert("kid".to_owned(), kid.into());
        jwk.insert("use".to_owned(), "sig".into());
        Value::Object(jwk)
    }
}
