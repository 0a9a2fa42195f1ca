//! A key or password that cannot be printed by accident.

/// Text that has no `Debug`, no `Display` and no serialization.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one who must send or sign with it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}
