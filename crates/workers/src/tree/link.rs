//! What a link holds: the text of a digest, if nothing went wrong.

use oci::{Algorithm, Digest};
use store::Timestamp;

use crate::Problem;

/// A link with sha512 has 135 bytes; more is read only to see that it is too long.
pub(super) const MAX_LINK: u64 = 256;

/// A link as it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) digest: Digest,
    /// When it was written.
    pub(super) at: Timestamp,
}

/// Reads the text of a link. A newline behind it, as editors leave one, does no harm.
pub(super) fn parse(content: &[u8]) -> Result<Digest, Problem> {
    let malformed = |why: &str| Problem::MalformedLink(why.to_owned());
    if content.is_empty() {
        return Err(Problem::EmptyLink);
    }
    if content.len() as u64 > MAX_LINK {
        return Err(too_long());
    }
    let text = std::str::from_utf8(content).map_err(|_| malformed("not text"))?;
    text.trim_ascii_end().parse().map_err(|error: oci::DigestError| malformed(&error.to_string()))
}

/// What is said of a link that is larger than any can be.
pub(super) fn too_long() -> Problem {
    Problem::MalformedLink("longer than any digest".to_owned())
}

/// Whether a link may lie in the folder named by `named`: a sha512 name leads to the sha256 under
/// which the bytes lie, a sha256 only to itself.
pub(super) fn fits(named: &Digest, link: Link) -> Result<Link, Problem> {
    let is_sha256 = link.digest.algorithm() == Algorithm::Sha256;
    match is_sha256 && (named.algorithm() != Algorithm::Sha256 || link.digest == *named) {
        true => Ok(link),
        false => Err(Problem::LinkMismatch(link.digest)),
    }
}
