//! What somebody tried to sign in with, without the secret.

use registry::access::Credentials;

/// A login that failed, for the audit log.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TriedLogin<'a> {
    /// With this name and a password.
    Password(&'a str),
    /// With a token of some kind.
    Token,
    /// At this provider, with a browser.
    Browser {
        /// What the configuration calls it.
        provider: &'a str,
        /// The name that it told, if it came to that.
        name: Option<&'a str>,
    },
}

impl<'a> TriedLogin<'a> {
    /// What `credentials` tried; `None` if they could not be read, or there were none.
    pub(crate) fn of(credentials: &'a Credentials) -> Option<Self> {
        match credentials {
            Credentials::Basic { user, .. } => Some(Self::Password(user)),
            Credentials::Bearer(_) => Some(Self::Token),
            Credentials::None | Credentials::Unusable => None,
        }
    }

    /// The name that was claimed, quoted: nobody vouches for it.
    pub(crate) fn actor(&self) -> String {
        match self {
            Self::Password(user) | Self::Browser { name: Some(user), .. } => {
                format!("claimed:{}", oci::quoted(user))
            }
            Self::Token | Self::Browser { name: None, .. } => "anonymous".to_owned(),
        }
    }

    /// On what, where it is known.
    pub(crate) fn target(&self) -> String {
        match self {
            Self::Browser { provider, .. } => format!("source:{provider}"),
            Self::Password(_) | Self::Token => String::new(),
        }
    }

    /// Through what.
    pub(crate) fn via(&self) -> &'static str {
        match self {
            Self::Password(_) => "password",
            Self::Token => "token",
            Self::Browser { .. } => "browser",
        }
    }
}
