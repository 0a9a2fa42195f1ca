//! Who may read what nobody was granted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How visible a repository is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everybody may pull.
    Public,
    /// Users who proved who they are may pull.
    Internal,
    /// Only those with a grant.
    #[default]
    Private,
}

impl Visibility {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Private => "private",
        }
    }
}

impl FromStr for Visibility {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Public, Self::Internal, Self::Private]
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| {
                format!("{} is no visibility; write public, internal or private", oci::quoted(text))
            })
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
