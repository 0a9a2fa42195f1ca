//! Proofs of who somebody is: passwords, signed tokens, directories, providers.
//!
//! Everything that a stranger can send as a proof is read here, and the
//! libraries that read it stand behind this one wall. What somebody *may do*
//! is decided elsewhere: this crate only says who it is, or that it cannot say.
//!
//! - [`password`]: stored hashes of every common kind; [`Hashers`] bounds how
//!   many are computed at once, [`Remembered`] spares the second computation.
//! - [`token`]: our own signed tokens and the keys that sign them.
//! - [`external`]: tokens of a token server that somebody else runs.
//! - [`openid`]: sign-in at a provider, and keyless sign-in of CI jobs.
//! - [`directory`] and [`HtpasswdFile`]: name and password, asked elsewhere.

pub mod directory;
pub mod external;
mod hashers;
mod htpasswd;
pub mod jose;
pub mod openid;
pub mod outbound;
pub mod password;
mod remembered;
mod secret;
mod source;
#[cfg(test)]
mod testing;
pub mod token;

pub use hashers::{Busy, Hashers, HashersError};
pub use htpasswd::HtpasswdFile;
pub use remembered::{Remembered, RememberedKey};
pub use secret::Secret;
pub use source::{Identity, IdentitySource, Known, SourceError};
