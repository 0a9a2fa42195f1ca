//! Where the bytes of an open upload lie: what a checkpoint keeps.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::objects::layout;

/// Everything another process needs to go on. Written as JSON; fields may be
/// added, none may change its meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The parts, once there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Parts>,
    /// Objects with the bytes after the parts, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<Piece>,
    /// Checkpoints of this upload up to this one, whoever made them.
    #[serde(default)]
    pub generation: u64,
    /// Objects below `berth/uploads/` that are of no use any more, and since
    /// which generation. Removed after some more, so there are never many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<(u64, String)>,
}

/// An upload in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parts {
    /// The object that they will be.
    pub key: String,
    /// The store's name of the upload.
    pub upload: String,
    /// The object that tells of it while it is open.
    pub marker: String,
    /// What names each part, and its bytes.
    pub known: Vec<(String, u64)>,
    /// Whether the last one may be smaller than the store demands, so that
    /// nothing can follow it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// An object that holds some of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub key: String,
    pub size: u64,
}

impl Place {
    /// `None` for what is no place.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(super) fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// Bytes that it tells the way to.
    pub(super) fn length(&self) -> u64 {
        let parts = self.parts.iter().flat_map(|parts| parts.known.iter().map(|(_, size)| *size));
        parts.chain(self.tail.iter().map(|piece| piece.size)).sum()
    }

    /// The object that holds all the bytes under the name of a blob.
    pub(super) fn whole(&self) -> Option<&Piece> {
        match (&self.parts, self.tail.as_slice()) {
            (None, [one]) if one.key.starts_with(layout::STAGED) => Some(one),
            _ => None,
        }
    }
}
