//! Points from which an upload can go on, noticed while its bytes flow.
//!
//! Hashing and writing run side by side and neither waits for the other. What
//! one has done is worth nothing before the other has done it as well: the hash
//! state is kept at the end of each full buffer until the write has come there.

use std::collections::VecDeque;

use bytes::Bytes;
use oci::Hasher;
use parking_lot::Mutex;
use store::Checkpoint;

/// The points of one upload. Holds no more of them than parts are open, and one.
#[derive(Debug, Default)]
pub(super) struct Points(Mutex<Line>);

#[derive(Debug, Default)]
struct Line {
    /// In the order of their offsets.
    hashed: VecDeque<Checkpoint>,
    /// Bytes in the file.
    written: u64,
}

impl Points {
    /// Everything before `offset` is hashed; `hashers` are the states there.
    pub(super) fn hashed(&self, offset: u64, hashers: &[Hasher]) {
        let mut line = self.0.lock();
        line.hashed.push_back(Checkpoint {
            offset,
            hashers: hashers.to_vec(),
            place: Bytes::new(),
        });
        line.forget_older();
    }

    /// Everything before `offset` is in the file.
    pub(super) fn written(&self, offset: u64) {
        let mut line = self.0.lock();
        line.written = offset;
        line.forget_older();
    }

    /// The newest point that both have passed.
    pub(super) fn newest(&self) -> Option<Checkpoint> {
        let line = self.0.lock();
        line.hashed.front().filter(|point| point.offset <= line.written).cloned()
    }

    /// Forgets all: somebody knows a newer point.
    pub(super) fn clear(&self) {
        self.0.lock().hashed.clear();
    }
}

impl Line {
    fn forget_older(&mut self) {
        while self.hashed.get(1).is_some_and(|next| next.offset <= self.written) {
            self.hashed.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(points: &Points) -> Option<u64> {
        points.newest().map(|point| point.offset)
    }

    #[test]
    fn a_point_counts_once_it_is_hashed_and_written() {
        let points = Points::default();
        points.hashed(10, &[]);
        points.hashed(20, &[]);
        assert_eq!(newest(&points), None, "hashed only");
        points.written(10);
        assert_eq!(newest(&points), Some(10));
        points.written(30);
        assert_eq!(newest(&points), Some(20), "written further than hashed");
        points.hashed(30, &[]);
        assert_eq!(newest(&points), Some(30));
        assert_eq!(points.0.lock().hashed.len(), 1, "older points are forgotten");
        points.clear();
        assert_eq!(newest(&points), None);
    }
}
