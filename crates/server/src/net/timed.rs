//! Time limits on a socket: a request head from its first byte, and a client
//! that does not take its bytes. Never a limit on a whole transfer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

/// How much a connection is doing.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    open: AtomicUsize,
    begun: AtomicUsize,
    moved: AtomicU64,
    first: Notify,
}

impl Activity {
    /// Whether a request is being answered.
    pub(crate) fn is_busy(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Requests that have begun since the connection was made.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// Waits until a request has begun. For one task alone.
    pub(crate) async fn first(&self) {
        while self.begun() == 0 {
            self.first.notified().await;
        }
    }

    /// Bytes that went either way.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    fn moves(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A request has begun; it lasts until the returned value is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.open.fetch_add(1, Ordering::Relaxed);
        if self.begun.fetch_add(1, Ordering::Relaxed) == 0 {
            self.first.notify_one();
        }
        Busy(self.clone())
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Limits of one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimits {
    /// From the first byte of a request head to its last; `None` where frames
    /// of several requests mix.
    pub head: Option<Duration>,
    /// Between two successful writes.
    pub write: Duration,
}

/// A request head of which some bytes have come.
struct Head {
    /// Requests that had begun before it.
    after: usize,
    /// Set when the rest is waited for, which is rare: most heads come whole.
    timer: Option<Pin<Box<Sleep>>>,
}

/// A socket with time limits.
pub(crate) struct Timed<S> {
    inner: S,
    activity: Arc<Activity>,
    limits: TimeLimits,
    head: Option<Head>,
    write: Option<Pin<Box<Sleep>>>,
}

impl<S> Timed<S> {
    pub(crate) fn new(inner: S, activity: Arc<Activity>, limits: TimeLimits) -> Self {
        Self { inner, activity, limits, head: None, write: None }
    }

    /// Starts the clock of a head whose first bytes have come.
    fn head_bytes_came(&mut self) {
        let begun = self.activity.begun.load(Ordering::Relaxed);
        let idle = self.activity.open.load(Ordering::Relaxed) == 0;
        match &self.head {
            Some(head) if head.after == begun && idle => {}
            _ => self.head = idle.then_some(Head { after: begun, timer: None }),
        }
    }

    fn head_is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let begun = self.activity.begun.load(Ordering::Relaxed);
        match (&mut self.head, self.limits.head) {
            (Some(head), Some(limit)) if head.after == begun => {
                let timer = head.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
                timer.as_mut().poll(cx).is_ready()
            }
            _ => {
                self.head = None;
                false
            }
        }
    }

    fn after_write(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = result {
            self.write = None;
            self.activity.moves(*outcome.as_ref().unwrap_or(&0));
            return Poll::Ready(outcome);
        }
        let limit = self.limits.write;
        let timer = self.write.get_or_insert_with(|| Box::pin(sleep(limit)));
        if timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(late("the client takes no bytes")));
        }
        Poll::Pending
    }
}

fn late(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, text)
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = Pin::new(&mut this.inner).poll_read(cx, buf);
        match &result {
            Poll::Ready(Ok(())) if buf.filled().len() > before => {
                this.activity.moves(buf.filled().len() - before);
                this.head_bytes_came();
            }
            Poll::Pending if this.head_is_late(cx) => {
                return Poll::Ready(Err(late("the request head takes too long")));
            }
            _ => {}
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_write(cx, buf);
        this.after_write(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_write_vectored(cx, bufs);
        this.after_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
