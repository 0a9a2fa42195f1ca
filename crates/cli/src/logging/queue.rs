//! Lines on their way out. Whoever logs never waits for the reader of the log:
//! a full queue drops lines and says how many.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Lines that wait at most.
const MAX_LINES: usize = 8192;
/// Bytes that wait at most.
const MAX_BYTES: usize = 8 << 20;
/// With this many bytes waiting, the writer lingers no longer.
const ENOUGH: usize = 64 << 10;
/// Room that an empty buffer keeps.
const KEPT: usize = 256 << 10;
/// How long a stream that takes nothing is left alone.
const RETRY: Duration = Duration::from_millis(10);
/// The writer's stack in bytes; it only copies.
const STACK: usize = 128 << 10;

/// Writes the line about `n` lines that were dropped.
pub(super) type Notice = Box<dyn Fn(&mut String, u64) + Send>;

/// A bounded buffer of lines with a thread that writes them in batches.
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    ended: Condvar,
    linger: Duration,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    count: usize,
    dropped: u64,
    stopping: bool,
    ended: bool,
}

impl Queue {
    /// Starts the thread that writes to `out`. After the first line of a batch
    /// it waits `linger` for more, to wake once for many lines.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start(
        name: &str,
        out: impl Write + Send + 'static,
        linger: Duration,
        notice: Notice,
    ) -> io::Result<Arc<Self>> {
        let (filled, ended) = (Condvar::new(), Condvar::new());
        let queue = Arc::new(Self { state: Mutex::default(), filled, ended, linger });
        let writer = queue.clone();
        std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(STACK)
            .spawn(move || writer.run(out, &notice))?;
        Ok(queue)
    }

    /// Takes a line, which ends with a newline, or counts it as dropped.
    pub(super) fn push(&self, line: &str) {
        let mut state = self.state.lock();
        let before = state.lines.len();
        if state.count >= MAX_LINES || before.saturating_add(line.len()) > MAX_BYTES {
            state.dropped = state.dropped.saturating_add(1);
            return;
        }
        state.lines.extend_from_slice(line.as_bytes());
        state.count += 1;
        let wake = before == 0 || (before < ENOUGH && state.lines.len() >= ENOUGH);
        drop(state);
        if wake {
            self.filled.notify_one();
        }
    }

    /// Asks the writer to write what waits and to end.
    pub(super) fn stop(&self) {
        self.state.lock().stopping = true;
        self.filled.notify_one();
    }

    /// Waits until the writer has ended, for `patience` at most.
    pub(super) fn wait(&self, patience: Duration) {
        let mut state = self.state.lock();
        self.ended.wait_while_for(&mut state, |state| !state.ended, patience);
    }

    fn run(&self, mut out: impl Write, notice: &Notice) {
        let (mut batch, mut last) = (Vec::new(), String::new());
        loop {
            let (dropped, stopping) = self.take(&mut batch);
            if dropped > 0 {
                last.clear();
                notice(&mut last, dropped);
                batch.extend_from_slice(last.as_bytes());
            }
            // A stream that is broken stays broken; there is nobody to tell.
            let _ = write_patiently(&mut out, &batch);
            if stopping {
                break;
            }
            batch.clear();
            batch.shrink_to(KEPT);
        }
        self.state.lock().ended = true;
        self.ended.notify_all();
    }

    /// Waits for lines and swaps them into `batch`, which is empty. Gives how
    /// many were dropped behind them, and whether these are the last.
    fn take(&self, batch: &mut Vec<u8>) -> (u64, bool) {
        let mut state = self.state.lock();
        self.filled.wait_while(&mut state, |state| {
            state.lines.is_empty() && state.dropped == 0 && !state.stopping
        });
        let more = |state: &mut State| state.lines.len() < ENOUGH && !state.stopping;
        if !self.linger.is_zero() {
            self.filled.wait_while_for(&mut state, more, self.linger);
        }
        std::mem::swap(&mut state.lines, batch);
        state.count = 0;
        (std::mem::take(&mut state.dropped), state.stopping)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("linger", &self.linger).finish_non_exhaustive()
    }
}

/// Writes all of `bytes`, also to a pipe that somebody made non-blocking.
fn write_patiently(out: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or(&[]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(RETRY),
            Err(error) => return Err(error),
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Hands over what is written; each write waits for a permit.
    struct Gate {
        begun: Sender<()>,
        permits: Receiver<()>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.begun.send(()).unwrap();
            self.permits.recv().map_err(io::Error::other)?;
            self.written.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Reader {
        begun: Receiver<()>,
        permits: Sender<()>,
        written: Receiver<Vec<u8>>,
    }

    impl Reader {
        fn next(&self) -> String {
            self.permits.send(()).unwrap();
            String::from_utf8(self.written.recv().unwrap()).unwrap()
        }
    }

    fn gated() -> (Arc<Queue>, Reader) {
        let (begun, on_begun) = channel();
        let (permit, permits) = channel();
        let (written, on_written) = channel();
        let notice: Notice =
            Box::new(|out, count| out.push_str(&format!("dropped {count} log lines\n")));
        let gate = Gate { begun, permits, written };
        let queue = Queue::start("gate", gate, Duration::ZERO, notice).unwrap();
        (queue, Reader { begun: on_begun, permits: permit, written: on_written })
    }

    #[test]
    fn a_full_queue_drops_lines_without_waiting_and_says_how_many() {
        let (queue, reader) = gated();
        queue.push("first\n");
        reader.begun.recv().unwrap();
        for _ in 0..MAX_LINES + 3 {
            queue.push("x\n");
        }
        assert_eq!(reader.next(), "first\n");
        let second = reader.next();
        assert_eq!(second.matches("x\n").count(), MAX_LINES);
        assert!(second.ends_with("x\ndropped 3 log lines\n"));
        queue.push("later\n");
        assert_eq!(reader.next(), "later\n");
    }

    #[test]
    fn bytes_are_bounded_too() {
        let (queue, reader) = gated();
        queue.push("first\n");
        reader.begun.recv().unwrap();
        let long = "y".repeat(MAX_BYTES / 4);
        (0..5).for_each(|_| queue.push(&long));
        assert_eq!(reader.next(), "first\n");
        let second = reader.next();
        assert!(second.len() < MAX_BYTES + 100 && second.ends_with("ydropped 1 log lines\n"));
    }

    #[test]
    fn stopping_writes_what_waits() {
        let (queue, reader) = gated();
        (0..100).for_each(|n| queue.push(&format!("{n}\n")));
        queue.stop();
        let mut all = String::new();
        while !all.ends_with("99\n") {
            all.push_str(&reader.next());
        }
        queue.wait(Duration::from_secs(60));
        assert!(queue.state.lock().ended);
        assert_eq!(all.lines().count(), 100);
    }

    #[test]
    fn a_stuck_stream_does_not_keep_the_process() {
        let (queue, reader) = gated();
        queue.push("first\n");
        reader.begun.recv().unwrap();
        queue.stop();
        queue.wait(Duration::from_millis(1));
        assert!(!queue.state.lock().ended);
        drop(reader);
    }

    #[test]
    fn a_stream_that_is_not_ready_gets_every_byte_later() {
        struct Moody(Vec<u8>, usize);
        impl Write for Moody {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 += 1;
                match (self.1 % 3, bytes.first()) {
                    (0, _) => Err(ErrorKind::WouldBlock.into()),
                    (1, _) => Err(ErrorKind::Interrupted.into()),
                    (_, first) => Ok(first.map_or(0, |byte| {
                        self.0.push(*byte);
                        1
                    })),
                }
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = Moody(Vec::new(), 0);
        write_patiently(&mut out, b"abc\n").unwrap();
        assert_eq!(out.0, b"abc\n");
    }
}
