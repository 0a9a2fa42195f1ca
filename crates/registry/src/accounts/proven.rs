//! Somebody who just proved who they are, with what they proved it by.

use std::ops::Deref;

use store::{CredentialId, Timestamp};

use crate::access::{Caller, Via};

/// A caller together with the credential that proved them. Tokens are issued
/// to it and not to the bare caller: a token must end with what it came from.
#[derive(Debug, Clone)]
pub struct Proven {
    caller: Caller,
    pub(super) credential: Option<CredentialId>,
    /// The account's epoch, if the proof ends when it rises.
    pub(super) epoch: Option<u64>,
    /// What is issued does not live longer.
    pub(super) ends: Option<Timestamp>,
    /// Whether a client may keep a refresh token in the place of the proof.
    pub(super) may_be_kept: bool,
    /// Whether tokens may be issued for it at all.
    pub(super) is_a_proof: bool,
}

impl Proven {
    /// Somebody who sent no credentials.
    pub fn anonymous() -> Self {
        Self::by(Caller::anonymous())
    }

    pub(super) fn by(caller: Caller) -> Self {
        Self {
            caller,
            credential: None,
            epoch: None,
            ends: None,
            may_be_kept: false,
            is_a_proof: true,
        }
    }

    /// Who it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Who it is, without the proof, but with its end.
    pub fn into_caller(self) -> Caller {
        match self.ends {
            None => self.caller,
            ends => self.caller.until(ends),
        }
    }
}

impl Deref for Proven {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl From<Proven> for Caller {
    fn from(proven: Proven) -> Self {
        proven.into_caller()
    }
}

/// For callers without a credential that Berth keeps: by certificate, or
/// nobody. Whoever came with a token gets none for it: one that leaked must not
/// live on by itself.
impl From<Caller> for Proven {
    fn from(caller: Caller) -> Self {
        let is_a_proof = caller.identity().via != Via::Bearer;
        Self { is_a_proof, ..Self::by(caller) }
    }
}
