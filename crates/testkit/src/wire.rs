//! One connection, byte by byte: what was sent is what the test wrote.

use std::io;
use std::net::SocketAddr;

use oci::Digest;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer, read to its end or to where it broke off.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// What came of the body.
    pub body: Vec<u8>,
    /// Whether the body ended as its framing says.
    pub complete: bool,
}

impl Answer {
    /// The first value of a header, named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let own = self.headers.iter().filter(|(own, _)| own == name);
        own.map(|(_, value)| value.as_str()).collect()
    }

    /// The path of `Location`.
    pub fn location(&self) -> &str {
        self.header("location").expect("the answer has a Location")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {:?}", String::from_utf8_lossy(&self.body));
        })
    }

    /// The first error code of the body.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The sha256 of the body.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.body)
    }

    /// Fails the test unless the status is `status`.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(
            self.status,
            status,
            "{:?}\n{}",
            self.headers,
            text.get(..2000).unwrap_or(&text)
        );
        self
    }
}

/// A connection to a server.
pub struct Wire {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Wire {
    /// Connects over TCP.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// Speaks over a stream that is open already, such as TLS.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), read: Vec::new() }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    /// Waits until the server closes the connection; returns what came before.
    pub async fn closed(&mut self) -> Vec<u8> {
        // A reset is an end as well.
        while let Ok(true) = self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Reads one head: status and headers. `None` if the connection ends first.
    pub async fn head(&mut self) -> Option<Answer> {
        loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                return Some(parse_head(&head[..end]));
            }
            if !self.more().await.ok()? {
                return None;
            }
        }
    }

    /// Reads a final answer, passing over those of class 1xx.
    pub async fn answer(&mut self, head_only: bool) -> Answer {
        loop {
            let mut answer = self.head().await.expect("the connection ended before an answer");
            if answer.status >= 200 {
                let empty = head_only || matches!(answer.status, 204 | 304);
                answer.complete = empty || self.body(&mut answer).await;
                return answer;
            }
        }
    }

    async fn body(&mut self, answer: &mut Answer) -> bool {
        if answer.header("transfer-encoding") == Some("chunked") {
            return self.chunks(&mut answer.body).await;
        }
        let length = answer.header("content-length").map(|text| text.parse::<usize>().unwrap());
        while length.is_none_or(|length| self.read.len() < length) {
            if !matches!(self.more().await, Ok(true)) {
                answer.body = std::mem::take(&mut self.read);
                return length.is_none();
            }
        }
        answer.body = self.read.drain(..length.unwrap_or(0)).collect();
        true
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let Some(line) = find(&self.read, b"\r\n") else {
                if !matches!(self.more().await, Ok(true)) {
                    return false;
                }
                continue;
            };
            let text = String::from_utf8_lossy(&self.read[..line]).into_owned();
            let size = usize::from_str_radix(&text, 16).unwrap();
            while self.read.len() < line + 2 + size + 2 {
                if !matches!(self.more().await, Ok(true)) {
                    return false;
                }
            }
            let chunk: Vec<u8> = self.read.drain(..line + 2 + size + 2).collect();
            body.extend_from_slice(&chunk[line + 2..line + 2 + size]);
            if size == 0 {
                return true;
            }
        }
    }

    async fn more(&mut self) -> io::Result<bool> {
        let mut buffer = vec![0; 64 << 10];
        let read = self.stream.read(&mut buffer).await?;
        self.read.extend_from_slice(&buffer[..read]);
        Ok(read > 0)
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

fn parse_head(head: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    Answer { status, headers: headers.collect(), body: Vec::new(), complete: false }
}
