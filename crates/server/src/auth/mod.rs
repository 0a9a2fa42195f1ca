//! Finding out who is asking.

mod authorization;
mod berth;
mod challenge;
mod htpasswd;
mod nobody;
mod silly;
mod token;
mod tried;
mod wanted;

pub(crate) use authorization::credentials;
pub(crate) use berth::token_could_help;
pub use berth::{Berth, BerthOptions, CertificateName, missing_realm};
pub use htpasswd::{Htpasswd, MadeHtpasswd, make_missing_htpasswd};
pub use nobody::Nobody;
pub use silly::Silly;
pub use token::{TokenOptions, TokenServer};
pub(crate) use tried::TriedLogin;
pub(crate) use wanted::wanted;
