//! The body of a request: read with a stall limit, as a whole with a limit on all of
//! it, drained when it is not wanted.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use registry::{Source, SourceError};

/// How long an unwanted body is read on after its answer was sent. A client
/// that streams without looking would otherwise meet a broken pipe instead of
/// the answer.
const DRAIN_FOR: Duration = Duration::from_secs(5);
/// How many bytes of an unwanted body are read on.
const DRAIN_BYTES: u64 = 64 << 20;

/// The slowest line on which a body that is read as a whole arrives in time, in bytes
/// a second.
const SLOWEST: u64 = 64 << 10;

/// A request body that may not fall silent.
pub(crate) struct RequestBody {
    incoming: Incoming,
    stall: Duration,
    waits_for_continue: bool,
    touched: bool,
    ended: bool,
    received: u64,
}

impl RequestBody {
    /// A body in which `stall` may pass between two chunks.
    pub(crate) fn new(incoming: Incoming, stall: Duration, waits_for_continue: bool) -> Self {
        let ended = incoming.is_end_stream();
        Self { incoming, stall, waits_for_continue, touched: false, ended, received: 0 }
    }

    /// Bytes still to come, if the client told.
    pub(crate) fn declared_length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// Bytes that have arrived.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Whether the request came without a body, so that nothing has to be waited for.
    pub(crate) fn is_none(&self) -> bool {
        self.ended && self.received == 0
    }

    /// The whole body, if it is no longer than `limit` bytes; `None` if it is. Takes no
    /// longer than one silence may be, and what a slow line needs for the bytes.
    pub(crate) async fn collect(&mut self, limit: u64) -> Result<Option<Bytes>, SourceError> {
        let length = self.declared_length().unwrap_or(limit);
        if length > limit {
            return Ok(None);
        }
        let longest = self.stall.saturating_add(Duration::from_secs(length.div_ceil(SLOWEST)));
        let all = tokio::time::timeout(longest, self.collect_slowly(limit)).await;
        all.unwrap_or_else(|_| {
            let seconds = longest.as_secs();
            Err(SourceError::Stalled(format!("the body took longer than {seconds} s")))
        })
    }

    async fn collect_slowly(&mut self, limit: u64) -> Result<Option<Bytes>, SourceError> {
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if (first.len() + all.len() + chunk.len()) as u64 > limit {
                return Ok(None);
            }
            if first.is_empty() && all.is_empty() {
                first = chunk;
            } else {
                if all.is_empty() {
                    all.extend_from_slice(&std::mem::take(&mut first));
                }
                all.extend_from_slice(&chunk);
            }
        }
        Ok(Some(if all.is_empty() { first } else { all.freeze() }))
    }

    /// Reads on after an early answer. A client that still waits to be told to
    /// send is left waiting: its answer says no.
    pub(crate) fn drain(mut self) {
        if self.ended || (self.waits_for_continue && !self.touched) {
            return;
        }
        tokio::spawn(async move {
            let _ = tokio::time::timeout(DRAIN_FOR, async {
                let mut left = DRAIN_BYTES;
                while let Ok(Some(chunk)) = self.chunk().await {
                    match left.checked_sub(chunk.len() as u64) {
                        Some(rest) => left = rest,
                        None => break,
                    }
                }
            })
            .await;
        });
    }
}

#[async_trait]
impl Source for RequestBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        self.touched = true;
        loop {
            if self.ended {
                return Ok(None);
            }
            let frame = tokio::time::timeout(self.stall, self.incoming.frame()).await;
            match frame {
                Err(_) => {
                    let seconds = self.stall.as_secs();
                    let text = format!("no byte arrived for {seconds} s");
                    return Err(SourceError::Stalled(text));
                }
                Ok(None) => self.ended = true,
                Ok(Some(Err(error))) => {
                    self.ended = true;
                    return Err(SourceError::Broken(error.to_string()));
                }
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => {
                        self.received += data.len() as u64;
                        return Ok(Some(data));
                    }
                    _ => {}
                },
            }
        }
    }
}
