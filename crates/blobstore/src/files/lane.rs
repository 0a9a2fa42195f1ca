//! A lane: work on buffers in order, on a blocking thread, while there is any.
//!
//! No thread is held by an upload that waits for its client. A lane asks for
//! a blocking thread when the first buffer arrives and gives it back when it
//! has caught up.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use store::StoreError;
use tokio::sync::Notify;

use super::buffer::Buffer;

/// A part of a blob, shared by the lane that hashes and the lane that writes.
#[derive(Debug)]
pub(super) struct Part {
    /// The bytes are `buffer[..length]`.
    pub(super) buffer: Buffer,
    /// Offset in the blob of the first byte in the buffer; a multiple of a block.
    pub(super) at: u64,
    /// Bytes at the front that earlier parts had already: the start of a block
    /// that was not full.
    pub(super) known: usize,
    /// Bytes in the buffer.
    pub(super) length: usize,
}

impl Part {
    /// Whether the buffer is filled; the next part then begins with a block of its own.
    pub(super) fn is_full(&self) -> bool {
        self.length == self.buffer.bytes().len()
    }

    /// Offset in the blob after the last byte.
    pub(super) fn end(&self) -> u64 {
        self.at + self.length as u64
    }
}

/// What a lane does with each part.
pub(super) trait Work: Send + 'static {
    /// Deals with the next part.
    fn part(&mut self, part: &Part) -> Result<(), StoreError>;
}

/// Parts on their way through `W`.
#[derive(Debug)]
pub(super) struct Lane<W> {
    line: Mutex<Line<W>>,
    /// Told after each part; the upload is the only one that waits.
    moved: Notify,
}

#[derive(Debug)]
struct Line<W> {
    waiting: VecDeque<Arc<Part>>,
    /// Parts that were pushed and are not done.
    open: usize,
    /// With the thread while it runs.
    worker: Option<W>,
    failure: Option<StoreError>,
    broken: bool,
}

impl<W: Work> Lane<W> {
    pub(super) fn new(worker: W) -> Arc<Self> {
        let line = Line {
            waiting: VecDeque::new(),
            open: 0,
            worker: Some(worker),
            failure: None,
            broken: false,
        };
        Arc::new(Self { line: Mutex::new(line), moved: Notify::new() })
    }

    /// Adds a part. The caller keeps the number of open parts bounded.
    pub(super) fn push(self: &Arc<Self>, part: Arc<Part>) {
        let mut line = self.line.lock();
        line.waiting.push_back(part);
        line.open += 1;
        if let Some(worker) = line.worker.take() {
            let run = Run { lane: Arc::clone(self), worker: Some(worker) };
            drop(line);
            tokio::task::spawn_blocking(move || run.all());
        }
    }

    /// Waits until at most `most` parts are open. Fails if a part failed.
    pub(super) async fn until(&self, most: usize) -> Result<(), StoreError> {
        loop {
            {
                let mut line = self.line.lock();
                if line.broken {
                    return Err(line.failure.take().unwrap_or_else(|| {
                        StoreError::Failed("an earlier part of the upload was lost".to_owned())
                    }));
                }
                // With nothing open the worker must be back as well.
                if line.open <= most && (most > 0 || line.worker.is_some()) {
                    return Ok(());
                }
            }
            self.moved.notified().await;
        }
    }

    /// Looks at the worker while the lane rests; `None` while it runs.
    pub(super) fn resting<T>(&self, look: impl FnOnce(&W) -> T) -> Option<T> {
        self.line.lock().worker.as_ref().map(look)
    }

    /// Forgets parts that nobody has begun: the upload was cut off.
    pub(super) fn abandon(&self) {
        let forgotten = {
            let mut line = self.line.lock();
            line.open -= line.waiting.len();
            std::mem::take(&mut line.waiting)
        };
        drop(forgotten);
    }
}

/// One stay on a blocking thread.
struct Run<W: Work> {
    lane: Arc<Lane<W>>,
    worker: Option<W>,
}

impl<W: Work> Run<W> {
    fn all(mut self) {
        while let Some(part) = self.next() {
            let Some(worker) = self.worker.as_mut() else { return };
            let done = worker.part(&part);
            // The buffer is back in the pool before anybody hears of it.
            drop(part);
            let mut line = self.lane.line.lock();
            line.open -= 1;
            if let Err(failure) = done {
                line.failure = Some(failure);
                line.broken = true;
            }
            drop(line);
            self.lane.moved.notify_one();
        }
    }

    /// The next part; gives the worker back if there is none.
    fn next(&mut self) -> Option<Arc<Part>> {
        let mut line = self.lane.line.lock();
        if line.broken {
            line.open -= line.waiting.len();
            line.waiting.clear();
        }
        let part = line.waiting.pop_front();
        if part.is_none() {
            line.worker = self.worker.take();
        }
        drop(line);
        if part.is_none() {
            self.lane.moved.notify_one();
        }
        part
    }
}

impl<W: Work> Drop for Run<W> {
    /// A run that ends with its worker in hand was refused a thread by a
    /// runtime that shuts down, or panicked.
    fn drop(&mut self) {
        if self.worker.take().is_some() {
            self.lane.line.lock().broken = true;
            self.lane.moved.notify_one();
        }
    }
}
