//! How many passwords are computed at once.
//!
//! A hash costs tens of milliseconds and megabytes on purpose. Without a bound
//! a few hundred logins a second would take every core from those who pull.

use std::sync::Arc;

use store::Random;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::password::{self, Cost, HashError, Verdict};
use crate::secret::Secret;

/// Hashes computed at once; more wait.
const AT_ONCE: usize = 2;
/// Computations that run or wait before clients are told to come back.
const MAX_WAITING: usize = 256;

/// Too many computations wait already; worth another try in a second.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("too many passwords are being verified at once")]
pub struct Busy;

/// Why [`Hashers::hash`] made no hash.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum HashersError {
    /// See [`Busy`].
    #[error(transparent)]
    Busy(#[from] Busy),
    /// See [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// The few threads that compute password hashes. One for the whole process.
#[derive(Debug, Clone)]
pub struct Hashers {
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    cost: Cost,
}

impl Default for Hashers {
    fn default() -> Self {
        Self::new(AT_ONCE, MAX_WAITING)
    }
}

impl Hashers {
    /// `at_once` computations at a time, `waiting` of them running or in line.
    pub fn new(at_once: usize, waiting: usize) -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(at_once)),
            waiting: Arc::new(Semaphore::new(waiting)),
            cost: Cost::default(),
        }
    }

    /// The same with another cost of new hashes.
    #[must_use]
    pub fn costing(self, cost: Cost) -> Self {
        Self { cost, ..self }
    }

    /// What is computed for somebody of whom no hash is stored: as much as a
    /// new hash costs, and no password is right for it.
    pub fn dummy(&self) -> String {
        password::nothing(self.cost)
    }

    /// [`password::verify`] on a thread that may take its time.
    pub async fn verify(&self, hash: String, password: Secret) -> Result<Verdict, Busy> {
        self.run(move || password::verify(&hash, password.reveal().as_bytes())).await
    }

    /// [`password::hash`] on a thread that may take its time.
    pub async fn hash(
        &self,
        password: Secret,
        random: Arc<dyn Random>,
    ) -> Result<String, HashersError> {
        let cost = self.cost;
        let made = self.run(move || password::hash(password.reveal().as_bytes(), cost, &*random));
        Ok(made.await??)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let places = self.places().await?;
        // The places go with the work: it runs on when the client hangs up.
        let done = tokio::task::spawn_blocking(move || {
            let _places = places;
            work()
        });
        done.await.map_err(|_| Busy)
    }

    async fn places(&self) -> Result<[OwnedSemaphorePermit; 2], Busy> {
        let waiting = self.waiting.clone().try_acquire_owned().map_err(|_| Busy)?;
        let at_once = self.at_once.clone().acquire_owned().await.map_err(|_| Busy)?;
        Ok([waiting, at_once])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash() -> String {
        bcrypt::hash("secret", 4).unwrap()
    }

    #[tokio::test]
    async fn the_right_password_is_right() {
        let hashers = Hashers::default();
        assert!(hashers.verify(hash(), Secret::new("secret")).await.unwrap().is_right());
        assert!(!hashers.verify(hash(), Secret::new("Secret")).await.unwrap().is_right());
    }

    #[tokio::test]
    async fn whoever_finds_the_line_full_is_told_so_at_once() {
        let hashers = Hashers::new(1, 2);
        let running = hashers.places().await.unwrap();
        let mut waiting = Box::pin(hashers.verify(hash(), Secret::new("secret")));
        let first_poll = std::future::poll_fn(|context| {
            std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending())
        });
        assert!(first_poll.await, "the second waits");
        assert_eq!(hashers.verify(hash(), Secret::new("secret")).await, Err(Busy));
        drop(running);
        assert!(waiting.await.unwrap().is_right());
        assert!(hashers.verify(hash(), Secret::new("secret")).await.is_ok(), "places come back");
    }
}
