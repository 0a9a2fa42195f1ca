//! What waits for the writer: two bounded lanes of tasks.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use store::StoreError;

use super::failure::Failure;

/// Tasks that may wait in the main lane.
const MAIN: usize = 4096;
/// Tasks that may wait in the bulk lane.
const BULK: usize = 256;
/// Tasks of one transaction.
const GROUP: usize = 256;
/// Groups of the main lane after which a waiting bulk task gets its turn.
const PATIENCE: u32 = 8;

/// Callers of the last group that are waited for: those that were just answered
/// often write again at once, and a sync costs far more than this wait.
const COMPANY: usize = 64;
/// How long to wait for the next of them.
const LINGER: Duration = Duration::from_micros(100);
/// How long nothing must come until the writer has time for other things.
const IDLE: Duration = Duration::from_secs(1);

/// How long a write must last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strength {
    /// Synced before the answer.
    Hard,
    /// A power cut may undo it.
    Soft,
}

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Somebody waits for the answer; grouped.
    Main,
    /// Behind the others; one task is one transaction.
    Bulk,
}

/// A write on its way. It keeps its outcome until the group is committed.
pub(crate) trait Task: Send {
    fn strength(&self) -> Strength;

    /// Does the work. May be called again after the transaction was lost.
    fn run(&mut self, connection: &Connection) -> Result<(), Trouble>;

    /// Tells the outcome of the last run.
    fn answer(self: Box<Self>);

    /// Tells that nothing was written.
    fn fail(self: Box<Self>, failure: &Failure);
}

/// What the group must know about the failure of a member.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Only the member failed.
    Own,
    /// The connection is not to be trusted.
    Broken(Failure),
}

/// What the writer is to do next.
pub(crate) enum Next {
    /// Write these in one transaction.
    Group(Vec<Box<dyn Task>>),
    /// Nothing came for a while after the last group; told once.
    Idle,
    /// Closed and empty.
    Closed,
}

/// The two lanes and the wake-up of the writer.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    main: VecDeque<Box<dyn Task>>,
    bulk: VecDeque<Box<dyn Task>>,
    /// Main groups since the last bulk task.
    groups: u32,
    /// Tasks that the next group had better have; the size of the last one.
    company: usize,
    /// Whether there was a group since the writer was last told to be idle.
    busy: bool,
    closed: bool,
}

impl Queue {
    /// Lets a task wait; `Busy` if too many do or the store is closing.
    pub(crate) fn push(&self, lane: Lane, task: Box<dyn Task>) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(StoreError::Busy("the metadata store is closed".into()));
        }
        let (tasks, bound) = match lane {
            Lane::Main => (&mut state.main, MAIN),
            Lane::Bulk => (&mut state.bulk, BULK),
        };
        if tasks.len() >= bound {
            return Err(StoreError::Busy(format!("{bound} writes wait already")));
        }
        tasks.push_back(task);
        // Company on its way wakes the writer once, when the last of it is here.
        let first = state.main.len() + state.bulk.len() == 1;
        if first || lane == Lane::Bulk || state.main.len() >= state.company {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// The next group; waits for one.
    pub(crate) fn next(&self) -> Next {
        let mut state = self.state.lock();
        loop {
            let bulk_turn = !state.bulk.is_empty() && state.groups >= PATIENCE;
            if !state.main.is_empty() && !bulk_turn {
                let here = state.main.len();
                if here < state.company && !state.closed {
                    let silence = self.wake.wait_for(&mut state, LINGER).timed_out();
                    if silence && state.main.len() == here {
                        state.company = 0;
                    }
                    continue;
                }
                state.busy = true;
                state.groups = state.groups.saturating_add(1);
                let count = state.main.len().min(GROUP);
                state.company = count.min(COMPANY);
                return Next::Group(state.main.drain(..count).collect());
            }
            if let Some(task) = state.bulk.pop_front() {
                state.groups = 0;
                state.busy = true;
                return Next::Group(vec![task]);
            }
            if state.closed {
                return Next::Closed;
            }
            if !state.busy {
                self.wake.wait(&mut state);
            } else if self.wake.wait_for(&mut state, IDLE).timed_out() {
                state.busy = !(state.main.is_empty() && state.bulk.is_empty());
                if !state.busy {
                    return Next::Idle;
                }
            }
        }
    }

    /// Refuses new tasks; those that wait are still done.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_all();
    }

    /// Refuses new tasks and lets go of those that wait.
    pub(crate) fn abandon(&self) {
        self.close();
        let mut state = self.state.lock();
        let (main, bulk) = (std::mem::take(&mut state.main), std::mem::take(&mut state.bulk));
        drop(state);
        drop((main, bulk));
    }

    /// Tasks that wait in both lanes.
    pub(crate) fn len(&self) -> usize {
        let state = self.state.lock();
        state.main.len() + state.bulk.len()
    }
}
