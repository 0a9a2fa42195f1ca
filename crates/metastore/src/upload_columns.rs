//! The state of an upload as the columns of its row, the same for both engines.

use store::UploadState;

use crate::hash_states;

/// The columns from `state` on.
#[derive(Default)]
pub(crate) struct UploadColumns<'a> {
    pub(crate) state: &'static str,
    /// Bytes.
    pub(crate) offset: Option<u64>,
    pub(crate) hashers: Option<Vec<u8>>,
    pub(crate) place: Option<&'a [u8]>,
    pub(crate) held: Option<&'a [u8]>,
    pub(crate) digest: Option<Vec<u8>>,
}

impl<'a> UploadColumns<'a> {
    /// What a row of this state says.
    ///
    /// # Errors
    /// A hash state that is too long for its column, in words.
    pub(crate) fn of(state: &'a UploadState) -> Result<Self, String> {
        Ok(match state {
            UploadState::Open { offset, hashers, place } => Self {
                state: "open",
                offset: Some(*offset),
                hashers: Some(hash_states::pack(hashers)?),
                place: Some(place),
                ..Self::default()
            },
            UploadState::Held(bytes) => Self {
                state: "open",
                offset: Some(bytes.len() as u64),
                held: Some(bytes),
                ..Self::default()
            },
            UploadState::Finished { digest } => {
                Self { state: "finished", digest: Some(digest.to_column()), ..Self::default() }
            }
            UploadState::Cancelled => Self { state: "cancelled", ..Self::default() },
        })
    }
}
