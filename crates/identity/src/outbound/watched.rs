//! A file that is read again when it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use store::Clock;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Largest file, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The last good reading of a file.
pub(crate) struct Watched<T> {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    parse: fn(&[u8]) -> Result<T, String>,
    state: Mutex<State<T>>,
}

struct State<T> {
    good: Arc<T>,
    seen: Option<(SystemTime, u64)>,
    looked_at: Duration,
}

impl<T> Watched<T> {
    /// Reads the file at `path` with `parse`; the error names the file.
    pub(crate) fn open(
        path: PathBuf,
        clock: Arc<dyn Clock>,
        parse: fn(&[u8]) -> Result<T, String>,
    ) -> Result<Self, String> {
        let seen = stamp(&path)?;
        let good = Arc::new(read(&path, parse)?);
        let state = Mutex::new(State { good, seen: Some(seen), looked_at: clock.elapsed() });
        Ok(Self { path, clock, parse, state })
    }

    /// What the file says, or said when it could last be read. A file that has
    /// become unreadable is reported once per change.
    pub(crate) fn current(&self) -> Arc<T> {
        let now = self.clock.elapsed();
        let mut state = self.state.lock();
        if now.saturating_sub(state.looked_at) < LOOK_EVERY {
            return state.good.clone();
        }
        state.looked_at = now;
        let seen = stamp(&self.path);
        if seen.as_ref().ok() != state.seen.as_ref() {
            state.seen = seen.as_ref().ok().copied();
            match seen.and_then(|_| read(&self.path, self.parse)) {
                Ok(read) => state.good = Arc::new(read),
                Err(problem) => {
                    tracing::warn!(
                        problem,
                        "the file is not used; what it said before still holds"
                    );
                }
            }
        }
        state.good.clone()
    }
}

fn stamp(path: &Path) -> Result<(SystemTime, u64), String> {
    let problem = |e: std::io::Error| format!("{}: {e}", path.display());
    let metadata = std::fs::metadata(path).map_err(problem)?;
    if metadata.len() > MAX_FILE {
        return Err(format!("{}: larger than {MAX_FILE} bytes", path.display()));
    }
    Ok((metadata.modified().map_err(problem)?, metadata.len()))
}

fn read<T>(path: &Path, parse: fn(&[u8]) -> Result<T, String>) -> Result<T, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string());
    bytes.and_then(|bytes| parse(&bytes)).map_err(|why| format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;

    fn number(bytes: &[u8]) -> Result<u8, String> {
        std::str::from_utf8(bytes).ok().and_then(|t| t.parse().ok()).ok_or("no number".into())
    }

    #[test]
    fn a_changed_file_is_read_and_a_damaged_one_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let (path, clock) = (dir.path().join("f"), TestClock::new());
        let open = || Watched::open(path.clone(), Arc::new(clock.clone()), number);
        assert!(open().err().unwrap().contains("f: "), "a missing file is told at the start");
        std::fs::write(&path, "7").unwrap();
        let watched = open().unwrap();
        for (text, says) in [("12", 12), ("damaged", 12), ("133", 133)] {
            std::fs::write(&path, text).unwrap();
            clock.pass(LOOK_EVERY);
            assert_eq!(*watched.current(), says, "{text}");
        }
        std::fs::remove_file(&path).unwrap();
        clock.pass(LOOK_EVERY);
        assert_eq!(*watched.current(), 133);
    }
}
