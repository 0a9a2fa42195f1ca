//! Passwords take turns.
//!
//! A failure is known only after a slow verification. Without turns, all guesses
//! that are sent at once would be verified before the first of them counts. So
//! as many are verified at the same time as may fail before there is a wait,
//! and then one by one. Those in line are not refused: most of them are right.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use super::{Attempt, Key, Throttle};
use crate::access::AuthenticationError;

/// Attempts that stand in line for their turn; more are told to come back.
const MAX_WAITING: usize = 256;
/// Passwords verified at the same time of all who come from nobody knows where:
/// few beside what the hashers take, so that those who were here before, who
/// stand in no line, wait for as few.
const CROWD: u32 = 16;

/// Who has a turn now, and who waits for one.
pub(super) struct Line {
    /// How many have a turn; none is not kept.
    running: Mutex<HashMap<Key, u32>>,
    ended: Notify,
    places: Semaphore,
    /// Of their own for the crowd: no failure ever thins it out.
    crowd: Semaphore,
}

impl Default for Line {
    fn default() -> Self {
        let places = || Semaphore::new(MAX_WAITING);
        let (places, crowd) = (places(), places());
        Self { running: Mutex::default(), ended: Notify::new(), places, crowd }
    }
}

impl Line {
    fn places(&self, keys: &[Key]) -> &Semaphore {
        if keys.contains(&Key::Crowd) { &self.crowd } else { &self.places }
    }
}

/// The right to verify one password; until it is dropped, others may wait for it.
pub(in crate::accounts) struct Turn<'a> {
    line: &'a Line,
    keys: Vec<Key>,
}

impl Throttle {
    /// Waits until the attempt may be verified. If it is wrong, that must be
    /// told before the turn ends.
    ///
    /// # Errors
    /// `Throttled` if failures make it wait, `Busy` if too many are in line.
    pub(in crate::accounts) async fn turn(
        &self,
        attempt: &Attempt,
    ) -> Result<Turn<'_>, AuthenticationError> {
        if let Some(turn) = self.turn_now(attempt)? {
            return Ok(turn);
        }
        let places = self.line.places(&self.slowing(attempt));
        let _place = places.try_acquire().map_err(|_| AuthenticationError::Busy)?;
        loop {
            // Listens from here on, so that no end between look and wait is missed.
            let ended = self.line.ended.notified();
            if let Some(turn) = self.turn_now(attempt)? {
                return Ok(turn);
            }
            ended.await;
        }
    }

    fn turn_now(&self, attempt: &Attempt) -> Result<Option<Turn<'_>>, AuthenticationError> {
        let keys = self.slowing(attempt);
        let mut running = self.line.running.lock();
        if let Some(retry_after_seconds) = keys.iter().filter_map(|key| self.wait_of(key)).max() {
            return Err(AuthenticationError::Throttled { retry_after_seconds });
        }
        let is_full = |key: &Key| {
            let beside = running.get(key).copied().unwrap_or_default();
            let most = if *key == Key::Crowd { CROWD } else { self.settings.free };
            beside > 0 && beside.saturating_add(self.count_of(key)) >= most
        };
        if keys.iter().any(is_full) {
            return Ok(None);
        }
        for key in &keys {
            *running.entry(key.clone()).or_default() += 1;
        }
        drop(running);
        Ok(Some(Turn { line: &self.line, keys }))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut running = self.line.running.lock();
        for key in &self.keys {
            if let Some(beside) = running.get_mut(key).filter(|beside| **beside > 1) {
                *beside -= 1;
            } else {
                running.remove(key);
            }
        }
        drop(running);
        self.line.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::Poll;
    use std::time::Duration;

    use super::super::tests::{from, throttle};
    use super::*;

    #[tokio::test]
    async fn guesses_sent_at_once_are_verified_no_more_often_than_one_by_one() {
        let (throttle, clock) = throttle();
        let ann = from("ann", "192.0.2.1");
        // As all of them wait for the same hash: none has failed yet.
        let mut turns = Vec::new();
        while let Some(turn) = throttle.turn_now(&ann).unwrap() {
            turns.push(turn);
        }
        assert_eq!(turns.len(), 5);
        let mut line = Box::pin(throttle.turn(&ann));
        assert!(poll(line.as_mut()).await.is_none(), "stands in line");
        for turn in turns {
            throttle.failed(&ann);
            drop(turn);
        }
        let error = line.await.err();
        assert!(matches!(error, Some(AuthenticationError::Throttled { retry_after_seconds: 1 })));
        clock.advance(Duration::from_secs(1));
        let turn = throttle.turn_now(&ann).unwrap();
        assert!(turn.is_some() && throttle.turn_now(&ann).unwrap().is_none(), "one at a time");
        drop(turn);
        assert!(throttle.line.running.lock().is_empty(), "nothing is kept of those that ended");
    }

    #[tokio::test]
    async fn logins_that_are_right_wait_for_each_other_and_are_not_refused() {
        let (throttle, _) = throttle();
        let ann = from("ann", "192.0.2.1");
        let mut turns: Vec<_> = (0..5).map(|_| throttle.turn_now(&ann).unwrap()).collect();
        let mut line = Box::pin(throttle.turn(&ann));
        assert!(poll(line.as_mut()).await.is_none());
        assert!(throttle.turn(&from("bob", "192.0.2.2")).await.is_ok(), "who is elsewhere");
        throttle.succeeded(&ann);
        turns.pop();
        assert!(line.await.is_ok());
    }

    #[tokio::test]
    async fn a_crowd_with_made_up_names_does_not_stand_in_the_way_of_those_who_were_here_before() {
        let (throttle, _) = throttle();
        let (ann, bob) = (Attempt::password("ann", None), from("bob", "192.0.2.1"));
        throttle.succeeded(&ann);
        let stranger = |number: usize| Attempt::password(&format!("user{number}"), None);
        let mut turns = Vec::new();
        while let Some(turn) = throttle.turn_now(&stranger(0)).ok().flatten() {
            turns.push(turn);
        }
        assert_eq!(turns.len(), 5, "of one name as anywhere");
        for number in 1..12 {
            turns.push(throttle.turn_now(&stranger(number)).unwrap().unwrap());
        }
        let names: Vec<_> = (100..100 + MAX_WAITING).map(stranger).collect();
        let mut lines: Vec<_> = names.iter().map(|name| Box::pin(throttle.turn(name))).collect();
        for line in &mut lines {
            assert!(poll(line.as_mut()).await.is_none(), "stands in line");
        }
        let late = throttle.turn(&stranger(1000)).await.err();
        assert!(matches!(late, Some(AuthenticationError::Busy)));
        assert!(throttle.turn_now(&ann).unwrap().is_some());
        let others: Vec<_> = (0..5).map(|_| throttle.turn_now(&bob).unwrap()).collect();
        let mut line = Box::pin(throttle.turn(&bob));
        assert!(poll(line.as_mut()).await.is_none(), "there is a place in the line of others");
        drop(others);
        assert!(line.await.is_ok());
        drop(turns);
        assert!(poll(lines[0].as_mut()).await.is_some_and(|turn| turn.is_ok()));
    }

    async fn poll<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
}
