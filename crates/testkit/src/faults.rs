//! Which call of a store fails, and how.

use std::sync::Arc;

use parking_lot::Mutex;
use store::StoreError;

/// A kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No space left.
    Full,
    /// Too much is waiting.
    Busy,
    /// What is stored cannot be what was written.
    Damaged,
    /// Anything else.
    Failed,
}

impl Fault {
    fn error(self, call: &str) -> StoreError {
        let text = format!("a test made {call} fail");
        match self {
            Self::Full => StoreError::Full(text),
            Self::Busy => StoreError::Busy(text),
            Self::Damaged => StoreError::Damaged(text),
            Self::Failed => StoreError::Failed(text),
        }
    }
}

/// Whether a failing call has had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing was done.
    Before,
    /// All was done, but the answer was lost.
    After,
}

#[derive(Debug, Clone, Default)]
enum Mode {
    #[default]
    Never,
    /// The call with this number, counted from 0.
    Nth(usize, Fault, When),
    /// Every call of these names.
    Named(Vec<&'static str>, Fault),
}

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    calls: Vec<&'static str>,
}

/// Counts the calls of the stores that it is given to and makes some fail.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

impl Faults {
    /// Nothing fails; counting begins anew.
    pub fn clear(&self) {
        *self.0.lock() = State::default();
    }

    /// The `n`-th call from now on fails, counted from 0.
    pub fn fail_nth(&self, n: usize, fault: Fault, when: When) {
        *self.0.lock() = State { mode: Mode::Nth(n, fault, when), calls: Vec::new() };
    }

    /// Every call of one of `names` fails, before it does anything.
    pub fn fail_named(&self, names: &[&'static str], fault: Fault) {
        *self.0.lock() = State { mode: Mode::Named(names.to_vec(), fault), calls: Vec::new() };
    }

    /// Names of the calls since the last change, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        self.0.lock().calls.clone()
    }

    /// Runs `work` as the call `name`, or fails it.
    pub(crate) async fn around<T, E: From<StoreError>>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        match self.count(name) {
            Some((fault, When::Before)) => Err(fault.error(name).into()),
            Some((fault, When::After)) => {
                work.await?;
                Err(fault.error(name).into())
            }
            None => work.await,
        }
    }

    fn count(&self, name: &'static str) -> Option<(Fault, When)> {
        let mut state = self.0.lock();
        let number = state.calls.len();
        state.calls.push(name);
        match &state.mode {
            Mode::Nth(n, fault, when) if *n == number => Some((*fault, *when)),
            Mode::Named(names, fault) if names.contains(&name) => Some((*fault, When::Before)),
            _ => None,
        }
    }
}
