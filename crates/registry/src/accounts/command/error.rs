//! Why a command did nothing, in words that name the way out.

use serde::{Deserialize, Serialize};

/// Why a command did nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "kebab-case")]
pub enum CommandError {
    /// A value cannot be so.
    #[error("{field}: {value} {way_out}")]
    Invalid {
        /// Which field of the command.
        field: String,
        /// What was given, quoted and bounded; of secrets `***`.
        value: String,
        /// What is wrong with it and what to do, continuing the sentence:
        /// `is no role; write one of …`.
        way_out: String,
    },
    /// It is there already.
    #[error("{what} is there already")]
    Exists {
        /// As an operator writes it: `user alice`.
        what: String,
    },
    /// It is not there.
    #[error("there is no {what}")]
    Unknown {
        /// As an operator writes it: `user alice`.
        what: String,
    },
    /// Something uses it.
    #[error("{what} is in use")]
    InUse {
        /// As an operator writes it: `role tester`.
        what: String,
    },
    /// The caller may not do this. Says nothing about whether it is there.
    #[error("{why}")]
    Forbidden {
        /// Who may not do what: `alice may not add users`.
        why: String,
    },
    /// Nobody could administer afterwards.
    #[error("this is the last enabled administrator; make another one first")]
    LastAdmin,
    /// Too many wrong passwords.
    #[error("too many failed attempts, try again in {retry_after_seconds} s")]
    Throttled {
        /// When to come back.
        retry_after_seconds: u32,
    },
    /// Too much is waiting, or accounts take no changes while a move ends; worth another try.
    #[error("too much is waiting, or the registry is being moved; try again")]
    Busy,
    /// The store failed; nothing was changed, or it is not known. For the log
    /// and for operators, not for strangers.
    #[error("accounts cannot be read or changed: {message}")]
    Store {
        /// What happened.
        message: String,
    },
}
