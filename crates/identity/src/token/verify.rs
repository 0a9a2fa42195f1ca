//! Checking a token that somebody sent.

use std::time::Duration;

use store::Timestamp;

use super::{Claims, KeyRing, LONGEST_LIFE, MAX_TOKEN};
use crate::jose::{Algorithm, Claim, Compact, Times, TokenRefusal};

/// All that the header of a token of ours has.
const HEADER: [&str; 3] = ["alg", "typ", "kid"];
/// Parameters that point to a key, so that the refusal can name them.
const KEY_POINTERS: [&str; 6] = ["jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256"];

/// What a token must say to be accepted here.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// `iss` is this.
    pub issuer: &'a str,
    /// `aud` is this or holds it.
    pub audience: &'a str,
    /// `use` is this.
    pub purpose: &'a str,
}

/// The claims of `token`, if a key of `ring` signed it, `now` is within its
/// time (clocks may differ by `leeway`), and it is for us and for this use.
pub fn verify(
    ring: &KeyRing,
    token: &str,
    expected: &Expected<'_>,
    now: Timestamp,
    leeway: Duration,
) -> Result<Claims, TokenRefusal> {
    let token = Compact::parse(token, MAX_TOKEN)?;
    check_header(&token)?;
    let id = token.parameter("kid")?.ok_or(TokenRefusal::UnknownKey)?;
    let key = ring.find(id).ok_or(TokenRefusal::UnknownKey)?;
    let object = token.verified(key, Algorithm::Es256)?;
    let claims = Claims::from_json(&object)?;
    Times::of(Claim(&object))?.check(now, leeway)?;
    let life = claims.expires.saturating_sub(claims.issued);
    if !u64::try_from(life).is_ok_and(|life| life <= LONGEST_LIFE.as_secs()) {
        return Err(TokenRefusal::TooLong);
    }
    if claims.issuer != expected.issuer {
        return Err(TokenRefusal::Issuer);
    }
    if !claims.audience.iter().any(|audience| audience == expected.audience) {
        return Err(TokenRefusal::Audience);
    }
    if claims.purpose != expected.purpose {
        return Err(TokenRefusal::Use);
    }
    Ok(claims)
}

/// Exactly our header: nothing in it may choose how it is verified.
fn check_header(token: &Compact<'_>) -> Result<(), TokenRefusal> {
    for pointer in KEY_POINTERS {
        if token.header().contains_key(pointer) {
            return Err(TokenRefusal::Header(pointer));
        }
    }
    if token.header().keys().any(|name| !HEADER.contains(&name.as_str())) {
        return Err(TokenRefusal::Malformed("an unknown header parameter"));
    }
    if token.algorithm()? != Algorithm::Es256 {
        return Err(TokenRefusal::Algorithm);
    }
    match token.parameter("typ")? {
        Some("JWT") => Ok(()),
        _ => Err(TokenRefusal::Malformed("`typ` is not \"JWT\"")),
    }
}
