//! Where the bytes of an upload come from.

use async_trait::async_trait;
use bytes::Bytes;

/// Why a body ended early.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// The client fell silent; says for how long.
    #[error("{0}")]
    Stalled(String),
    /// The client went away, or sent what is no body.
    #[error("{0}")]
    Broken(String),
}

/// A request body, chunk by chunk.
#[async_trait]
pub trait Source: Send {
    /// The next chunk; `None` at the proper end.
    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError>;
}
