//! What our tokens say.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Map, Value, json};
use store::{Random, Timestamp};

use super::{Access, BACKDATE};
use crate::jose::{BASE64URL, Claim, Object, Times, TokenRefusal};

/// The claims of a token of ours. Moments are whole seconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `iss`: who made it.
    pub issuer: String,
    /// `sub`: the name of whoever it is for; empty for anonymous callers.
    pub subject: String,
    /// `aud`: whom it is meant for: the service that the challenge names.
    pub audience: Vec<String>,
    /// `use`: what it is good for, such as [`super::USE_REGISTRY`]. One use's
    /// tokens mean nothing to another.
    pub purpose: String,
    /// `exp`: from then on it is void.
    pub expires: i64,
    /// `nbf`: before then it is void.
    pub not_before: i64,
    /// `iat`: when it was made.
    pub issued: i64,
    /// `jti`: its name in logs; no two tokens have the same.
    pub id: String,
    /// `access`: what its holder may do, in order.
    pub access: Vec<Access>,
    /// `acc`: the number of the account.
    pub account: Option<i64>,
    /// `epo`: the account's epoch when it was made; it is void when that has risen.
    pub epoch: Option<u64>,
    /// `cre`: the number of the credential that it was got with.
    pub credential: Option<i64>,
}

impl Claims {
    /// Claims of a token made at `now` that lives for `life`, for nobody and
    /// nothing yet; its id comes from `random`.
    pub fn new(
        issuer: &str,
        audience: &str,
        purpose: &str,
        now: Timestamp,
        life: Duration,
        random: &dyn Random,
    ) -> Self {
        let mut id = [0; 16];
        random.fill(&mut id);
        let issued = now.seconds();
        Self {
            issuer: issuer.to_owned(),
            subject: String::new(),
            audience: vec![audience.to_owned()],
            purpose: purpose.to_owned(),
            expires: issued.saturating_add_unsigned(life.as_secs()),
            not_before: issued.saturating_sub_unsigned(BACKDATE.as_secs()),
            issued,
            id: BASE64URL.encode(id),
            access: Vec::new(),
            account: None,
            epoch: None,
            credential: None,
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let audience = match self.audience.as_slice() {
            [one] => Value::from(one.as_str()),
            many => Value::from(many),
        };
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("iss", json!(self.issuer));
        put("sub", json!(self.subject));
        put("aud", audience);
        put("exp", json!(self.expires));
        put("nbf", json!(self.not_before));
        put("iat", json!(self.issued));
        put("jti", json!(self.id));
        put("use", json!(self.purpose));
        put("access", self.access.iter().map(Access::to_json).collect());
        let ours = [
            ("acc", self.account.map(Value::from)),
            ("epo", self.epoch.map(Value::from)),
            ("cre", self.credential.map(Value::from)),
        ];
        for (name, value) in ours {
            if let Some(value) = value {
                put(name, value);
            }
        }
        Value::Object(object).to_string().into_bytes()
    }

    /// Reads verified claims; all but `acc`, `epo` and `cre` must be there.
    pub(super) fn from_json(object: &Object) -> Result<Self, TokenRefusal> {
        let claim = Claim(object);
        let times = Times::of(claim)?;
        let text = |name| claim.needed(name).map(str::to_owned);
        let number = |name| match claim.number(name)? {
            None => Ok(None),
            Some(number) => i64::try_from(number).map(Some).map_err(|_| TokenRefusal::Claim(name)),
        };
        Ok(Self {
            issuer: text("iss")?,
            subject: text("sub")?,
            audience: claim.audience()?.into_iter().map(str::to_owned).collect(),
            purpose: text("use")?,
            expires: times.expires,
            not_before: times.not_before.ok_or(TokenRefusal::Missing("nbf"))?,
            issued: times.issued.ok_or(TokenRefusal::Missing("iat"))?,
            id: text("jti")?,
            access: Access::list(object)?,
            account: number("acc")?,
            epoch: claim.number("epo")?,
            credential: number("cre")?,
        })
    }
}
