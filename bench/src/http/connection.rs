//! One kept-alive connection.

use std::io::IoSlice;
use std::net::SocketAddr;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::head::{self, Framing};
use crate::Outcome;

/// What one read may take from the socket: enough for a large pull, small enough to stay in cache.
const BUFFER: usize = 256 << 10;

/// One connection with one request under way at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Received and not yet used.
    unread: BytesMut,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| format!("connecting to {address}: {error}"))?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Self {
            stream,
            unread: BytesMut::with_capacity(BUFFER),
            head: Vec::new(),
            body: Vec::new(),
        })
    }

    /// Sends a request and reads the answer whole; yields the status.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Outcome<u16> {
        self.send(request).await?;
        self.answer().await
    }

    /// Like [`Self::exchange`], for a HEAD, whose answer has no body.
    pub(crate) async fn exchange_head(&mut self, request: &[u8]) -> Outcome<u16> {
        self.send(request).await?;
        let (status, _) = self.read_head().await?;
        self.body.clear();
        Ok(status)
    }

    /// Sends a request whose answer is too large to be held; `sink` gets the pieces of the body.
    pub(crate) async fn exchange_streamed(
        &mut self,
        request: &[u8],
        mut sink: impl FnMut(&[u8]) + Send,
    ) -> Outcome<u16> {
        self.send(request).await?;
        let (status, framing) = self.read_head().await?;
        self.read_body(framing, &mut sink).await?;
        Ok(status)
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.stream.write_all(bytes).await.map_err(failed)
    }

    /// Sends several pieces with as few system calls as the socket's buffer allows.
    pub(crate) async fn send_all(&mut self, parts: &[&[u8]]) -> Outcome<()> {
        let mut slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut rest = slices.as_mut_slice();
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let written = self.stream.write_vectored(rest).await.map_err(failed)?;
            if written == 0 {
                return Err("the server takes no more bytes".into());
            }
            IoSlice::advance_slices(&mut rest, written);
        }
        Ok(())
    }

    /// Reads an answer whole.
    pub(crate) async fn answer(&mut self) -> Outcome<u16> {
        let (status, framing) = self.read_head().await?;
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        self.read_body(framing, &mut |piece| body.extend_from_slice(piece)).await?;
        self.body = body;
        Ok(status)
    }

    /// A field of the last answer.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        head::field(&self.head, name)
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The last answer in one line, for messages.
    pub(crate) fn describe(&self) -> String {
        let line = self.head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let body: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
        format!("{} {}", String::from_utf8_lossy(line), body.trim())
    }

    async fn read_head(&mut self) -> Outcome<(u16, Framing)> {
        loop {
            while let Some(end) = head::end(&self.unread) {
                self.head.clear();
                self.head.extend_from_slice(self.unread.get(..end).unwrap_or_default());
                self.unread.advance(end);
                let (status, framing) = head::parse(&self.head)?;
                match status {
                    100..=199 => {}
                    204 | 304 => return Ok((status, Framing::Length(0))),
                    _ => return Ok((status, framing)),
                }
            }
            self.fill().await?;
        }
    }

    async fn read_body(
        &mut self,
        framing: Framing,
        sink: &mut (impl FnMut(&[u8]) + Send),
    ) -> Outcome<()> {
        match framing {
            Framing::Length(length) => self.read_exactly(length, sink).await,
            Framing::Chunked => loop {
                let length = self.read_chunk_length().await?;
                self.read_exactly(length, sink).await?;
                self.read_exactly(2, &mut |_: &[u8]| {}).await?;
                if length == 0 {
                    return Ok(());
                }
            },
        }
    }

    async fn read_exactly(
        &mut self,
        length: u64,
        sink: &mut (impl FnMut(&[u8]) + Send),
    ) -> Outcome<()> {
        let mut missing = length;
        while missing > 0 {
            if self.unread.is_empty() {
                self.fill().await?;
            }
            let available = self.unread.len();
            let taken =
                usize::try_from(missing).map_or(available, |missing| missing.min(available));
            sink(self.unread.get(..taken).unwrap_or_default());
            self.unread.advance(taken);
            missing -= taken as u64;
        }
        Ok(())
    }

    async fn read_chunk_length(&mut self) -> Outcome<u64> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line = self.unread.split_to(end + 1);
                let text = String::from_utf8_lossy(&line);
                let digits = text.split(';').next().unwrap_or_default().trim();
                return u64::from_str_radix(digits, 16)
                    .map_err(|_| format!("chunk length {digits:?} is no number"));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Outcome<()> {
        // Takes the room of used bytes back, so nothing is allocated in the long run.
        self.unread.reserve(BUFFER / 2);
        match self.stream.read_buf(&mut self.unread).await.map_err(failed)? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

fn failed(error: std::io::Error) -> String {
    format!("the connection: {error}")
}
