//! Reading claims: each has one shape, and a wrong one is an error, not an absence.

use std::time::Duration;

use serde_json::Value;
use store::Timestamp;

use super::{Object, TokenRefusal};

/// Whole numbers that every JSON reader agrees on.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// Typed look into a token's claims.
#[derive(Clone, Copy)]
pub struct Claim<'a>(pub &'a Object);

impl<'a> Claim<'a> {
    /// The claim as text.
    pub fn text(self, name: &'static str) -> Result<Option<&'a str>, TokenRefusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenRefusal::Claim(name)),
        }
    }

    /// The claim as text that must be there.
    pub fn needed(self, name: &'static str) -> Result<&'a str, TokenRefusal> {
        self.text(name)?.ok_or(TokenRefusal::Missing(name))
    }

    /// The claim as a moment: seconds since the epoch, fractions dropped.
    pub fn moment(self, name: &'static str) -> Result<Option<i64>, TokenRefusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => numeric_date(value).map(Some).ok_or(TokenRefusal::Claim(name)),
        }
    }

    /// `aud`: one text or a list of texts.
    pub fn audience(self) -> Result<Vec<&'a str>, TokenRefusal> {
        const WRONG: TokenRefusal = TokenRefusal::Claim("aud");
        match self.0.get("aud") {
            None => Err(TokenRefusal::Missing("aud")),
            Some(Value::String(one)) => Ok(vec![one]),
            Some(Value::Array(many)) if many.len() <= 100 => {
                many.iter().map(|one| one.as_str().ok_or(WRONG)).collect()
            }
            Some(_) => Err(WRONG),
        }
    }

    /// The claim as a whole number that is not negative.
    pub fn number(self, name: &'static str) -> Result<Option<u64>, TokenRefusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or(TokenRefusal::Claim(name)),
        }
    }
}

/// Seconds since the epoch, as tokens write them: a number, perhaps with a
/// fraction, which is dropped. `None` if it is none or beyond what JSON
/// readers agree on.
pub fn numeric_date(value: &Value) -> Option<i64> {
    let seconds = value.as_f64().filter(|seconds| seconds.abs() <= MAX_EXACT)?;
    #[expect(clippy::cast_possible_truncation, reason = "within the bounds, checked above")]
    Some(value.as_i64().unwrap_or(seconds as i64))
}

/// When a token says that it is valid, in seconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) expires: i64,
    pub(crate) not_before: Option<i64>,
    pub(crate) issued: Option<i64>,
}

impl Times {
    /// Reads `exp`, which must be there, `nbf` and `iat`.
    pub(crate) fn of(claim: Claim<'_>) -> Result<Self, TokenRefusal> {
        Ok(Self {
            expires: claim.moment("exp")?.ok_or(TokenRefusal::Missing("exp"))?,
            not_before: claim.moment("nbf")?,
            issued: claim.moment("iat")?,
        })
    }

    /// Whether `now` is within them, with clocks that differ by `leeway`.
    pub(crate) fn check(self, now: Timestamp, leeway: Duration) -> Result<(), TokenRefusal> {
        if now.before(leeway).seconds() >= self.expires {
            return Err(TokenRefusal::Expired);
        }
        let latest = now.after(leeway).seconds();
        if self.not_before.is_some_and(|at| at > latest)
            || self.issued.is_some_and(|at| at > latest)
        {
            return Err(TokenRefusal::NotYet);
        }
        Ok(())
    }
}
