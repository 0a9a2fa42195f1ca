//! How far parts and hashing have come, each in its own time.

use std::collections::VecDeque;

use oci::Hasher;
use parking_lot::Mutex;

use super::hashing::Later;

/// Parts of one upload on their way.
#[derive(Default)]
pub(super) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    /// What the store called each part and its bytes, in order; `None` while it
    /// is on its way.
    parts: Vec<Option<(String, u64)>>,
    /// Whether somebody who cleans up can find the upload.
    is_marked: bool,
    /// Ends of parts whose hash states may be known.
    ends: VecDeque<End>,
}

/// The end of a part.
struct End {
    parts: usize,
    offset: u64,
    states: States,
}

enum States {
    Later(Later),
    Known(Vec<Hasher>),
}

/// A point that hashing and writing have both passed.
pub(super) struct Passed {
    pub offset: u64,
    pub hashers: Vec<Hasher>,
    pub known: Vec<(String, u64)>,
}

impl Progress {
    pub(super) fn restored(known: Vec<(String, u64)>) -> Self {
        let parts = known.into_iter().map(Some).collect();
        Self(Mutex::new(State { parts, is_marked: true, ends: VecDeque::new() }))
    }

    /// Parts that were sent on their way or have arrived.
    pub(super) fn count(&self) -> usize {
        self.0.lock().parts.len()
    }

    /// A part sets out that ends at `offset`; returns its number.
    pub(super) fn sets_out(&self, offset: u64, states: Later) -> usize {
        let mut state = self.0.lock();
        state.parts.push(None);
        let parts = state.parts.len();
        state.ends.push_back(End { parts, offset, states: States::Later(states) });
        parts - 1
    }

    pub(super) fn arrived(&self, number: usize, id: String, size: u64) {
        if let Some(part) = self.0.lock().parts.get_mut(number) {
            *part = Some((id, size));
        }
    }

    pub(super) fn marked(&self) {
        self.0.lock().is_marked = true;
    }

    /// The parts, if all have arrived.
    pub(super) fn all(&self) -> Option<Vec<(String, u64)>> {
        self.0.lock().parts.iter().cloned().collect()
    }

    /// Points up to here are not wanted any more.
    pub(super) fn forget(&self) {
        self.0.lock().ends.clear();
    }

    /// The newest point after which nothing is missing.
    pub(super) fn passed(&self) -> Option<Passed> {
        let mut state = self.0.lock();
        if !state.is_marked {
            return None;
        }
        let arrived = state.parts.iter().take_while(|part| part.is_some()).count();
        let mut newest = None;
        while let Some(end) = state.ends.front_mut() {
            if end.parts > arrived || !end.states.are_known() {
                break;
            }
            newest = state.ends.pop_front();
        }
        let End { parts, offset, states } = newest?;
        let States::Known(hashers) = states else { return None };
        let known = state.parts.iter().take(parts).flatten().cloned().collect();
        // It stays the newest one until there is another.
        let states = States::Known(hashers.clone());
        state.ends.push_front(End { parts, offset, states });
        Some(Passed { offset, hashers, known })
    }
}

impl States {
    fn are_known(&mut self) -> bool {
        if let Self::Later(later) = self
            && let Ok(hashers) = later.try_recv()
        {
            *self = Self::Known(hashers);
        }
        matches!(self, Self::Known(_))
    }
}
