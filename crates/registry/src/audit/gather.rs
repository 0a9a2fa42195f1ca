//! Refusals and logins, gathered for a minute: neither costs who causes them
//! anything, so no number of them may fill the log or push other notes out of
//! the queue.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use store::{AuditNote, Timestamp};

/// Lines about known subjects that are gathered at once.
const MAX_SUBJECTS: usize = 500;
/// Lines about failed logins that are gathered at once. Few: anybody can have
/// them written, and a log that is full loses its oldest lines.
const MAX_ADDRESSES: usize = 100;
/// Lines about successful logins that are gathered at once.
const MAX_SIGNED_IN: usize = 500;
/// Networks of one subject whose logins have lines of their own. What one
/// customer of a provider has are thousands of them.
const MAX_PLACES: usize = 8;
/// Names that a line about several of them tells.
const MAX_NAMES: usize = 5;
/// The actor of a line about several.
const MANY: &str = "many";
/// Notes are gathered for so long.
const GATHER_MILLIS: i64 = 60_000;

/// The lines of minutes that are not over, or for which there was no room yet.
#[derive(Default)]
pub(super) struct Gathered {
    lines: HashMap<Key, Line>,
    /// Lines that were begun: those of one moment are written in their order.
    begun: u64,
    subjects: usize,
    addresses: usize,
    signed_in: usize,
}

/// What becomes one line.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    /// Refusals of a known subject.
    Subject { actor: String, action: String, minute: i64 },
    /// Failed logins from one place, under whatever names.
    Login { from: String, via: String, minute: i64 },
    /// Successful logins of a subject from one place, `None` from all further ones.
    SignedIn { actor: String, via: String, from: Option<String>, minute: i64 },
    /// All that is beyond the bounds. There are as many as there are actions
    /// and outcomes.
    Beyond { action: String, outcome: String },
}

struct Line {
    number: u64,
    note: AuditNote,
    minute: i64,
    names: Vec<String>,
}

impl Gathered {
    /// A known subject was refused something.
    pub(super) fn refused(&mut self, note: AuditNote) {
        let (actor, action) = (note.actor.clone(), note.action.clone());
        let key = Key::Subject { actor, action, minute: minute_of(note.at) };
        self.add(key, note);
    }

    /// Somebody could not sign in.
    pub(super) fn failed_login(&mut self, note: AuditNote) {
        let from = note.address.as_deref().map(network).unwrap_or_default();
        let key = Key::Login { from, via: note.via.clone(), minute: minute_of(note.at) };
        self.add(key, note);
    }

    /// A subject signed in.
    pub(super) fn signed_in(&mut self, mut note: AuditNote) {
        let from = Some(note.address.as_deref().map(network).unwrap_or_default());
        let (actor, via) = (note.actor.clone(), note.via.clone());
        let mut key = Key::SignedIn { actor, via, from, minute: minute_of(note.at) };
        if !self.lines.contains_key(&key) && self.has_many_places(&note) {
            if let Key::SignedIn { from, .. } = &mut key {
                *from = None;
            }
            (note.address, note.request) = (None, None);
        }
        self.add(key, note);
    }

    /// Whether the subject of that login came from so many places this minute
    /// that further ones share a line.
    fn has_many_places(&self, note: &AuditNote) -> bool {
        let now = minute_of(note.at);
        let is_its = |key: &&Key| matches!(key, Key::SignedIn { actor, minute, .. } if *actor == note.actor && *minute == now);
        self.lines.keys().filter(is_its).count() >= MAX_PLACES
    }

    fn add(&mut self, key: Key, note: AuditNote) {
        if let Some(line) = self.lines.get_mut(&key) {
            line.add(note);
        } else if self.count(&key) {
            let line = self.begin(note);
            self.lines.insert(key, line);
        } else {
            let (action, outcome) = (note.action.clone(), note.outcome.clone());
            let key = Key::Beyond { action, outcome };
            if let Some(line) = self.lines.get_mut(&key) {
                line.add(note);
            } else {
                let line = self.begin(note).beyond();
                self.lines.insert(key, line);
            }
        }
    }

    fn begin(&mut self, note: AuditNote) -> Line {
        self.begun = self.begun.wrapping_add(1);
        let (minute, names) = (minute_of(note.at), vec![note.actor.clone()]);
        Line { number: self.begun, minute, names, note }
    }

    /// Whether there is room for a line; counts it if so.
    fn count(&mut self, key: &Key) -> bool {
        let (count, most) = match key {
            Key::Subject { .. } => (&mut self.subjects, MAX_SUBJECTS),
            Key::Login { .. } => (&mut self.addresses, MAX_ADDRESSES),
            Key::SignedIn { .. } => (&mut self.signed_in, MAX_SIGNED_IN),
            Key::Beyond { .. } => return true,
        };
        let has_room = *count < most;
        *count += usize::from(has_room);
        has_room
    }

    /// Takes at most `room` lines out, the oldest first: those of minutes that
    /// are over `now`, or any.
    pub(super) fn take(&mut self, now: Option<Timestamp>, room: usize) -> Vec<AuditNote> {
        let now = now.map(minute_of);
        let is_over = |line: &Line| now.is_none_or(|now| line.minute < now);
        let over = self.lines.iter().filter(|(_, line)| is_over(line));
        let mut over: Vec<_> =
            over.map(|(key, line)| (line.note.at, line.number, key.clone())).collect();
        over.sort_by_key(|(at, number, _)| (*at, *number));
        over.truncate(room);
        over.into_iter().filter_map(|(.., key)| self.remove(&key)).collect()
    }

    fn remove(&mut self, key: &Key) -> Option<AuditNote> {
        let line = self.lines.remove(key)?;
        match key {
            Key::Subject { .. } => self.subjects -= 1,
            Key::Login { .. } => self.addresses -= 1,
            Key::SignedIn { .. } => self.signed_in -= 1,
            Key::Beyond { .. } => {}
        }
        Some(line.into_note())
    }
}

impl Line {
    /// For notes that have nothing in common but their action and outcome.
    fn beyond(mut self) -> Self {
        self.note.actor = MANY.to_owned();
        self.note.target.clear();
        (self.note.address, self.note.request) = (None, None);
        self
    }

    fn add(&mut self, note: AuditNote) {
        self.note.count = self.note.count.saturating_add(note.count);
        if self.names.contains(&note.actor) {
            return;
        }
        MANY.clone_into(&mut self.note.actor);
        if self.names.len() < MAX_NAMES {
            self.names.push(note.actor);
        }
    }

    fn into_note(self) -> AuditNote {
        let mut note = self.note;
        if note.actor == MANY {
            note.detail = Some(serde_json::json!({ "who": self.names }).to_string());
        }
        note
    }
}

fn minute_of(at: Timestamp) -> i64 {
    at.millis().div_euclid(GATHER_MILLIS)
}

/// Of IPv6 the half that is given out at once: one client has all of it.
fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(whole)) => {
            Ipv6Addr::from_bits(whole.to_bits() & (u128::MAX << 64)).to_string()
        }
        _ => address.to_owned(),
    }
}
