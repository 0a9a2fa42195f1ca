//! `header.payload.signature`, taken apart.

use base64::Engine as _;
use serde_json::Value;

use super::json::{Object, parse_object};
use super::{Algorithm, BASE64URL, PublicKey, TokenRefusal};

/// A signed token, taken apart and not verified yet: its header is a claim of
/// whoever sent it.
pub struct Compact<'a> {
    header: Object,
    signed: &'a [u8],
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes `token` apart; more than `most` bytes are not looked at.
    pub fn parse(token: &'a str, most: usize) -> Result<Self, TokenRefusal> {
        if token.len() > most {
            return Err(TokenRefusal::TooLarge);
        }
        let (signed, signature) =
            token.rsplit_once('.').ok_or(TokenRefusal::Malformed("not three parts"))?;
        let (header, payload) =
            signed.split_once('.').ok_or(TokenRefusal::Malformed("not three parts"))?;
        let decode = |part: &str| {
            // Three parts: base64url has no dot, so a fourth part is no base64url.
            BASE64URL.decode(part).map_err(|_| TokenRefusal::Malformed("not base64url"))
        };
        let header = parse_object(&decode(header)?)
            .ok_or(TokenRefusal::Malformed("the header is no JSON object"))?;
        if header.contains_key("crit") {
            return Err(TokenRefusal::Header("crit"));
        }
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        Ok(Self { header, signed: signed.as_bytes(), payload, signature })
    }

    /// The header, as its sender wrote it.
    pub fn header(&self) -> &Object {
        &self.header
    }

    /// The header's parameter `name` as text; an error if it is no text.
    pub fn parameter(&self, name: &'static str) -> Result<Option<&str>, TokenRefusal> {
        match self.header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenRefusal::Header(name)),
        }
    }

    /// The algorithm that the header names.
    pub fn algorithm(&self) -> Result<Algorithm, TokenRefusal> {
        self.parameter("alg")?.and_then(Algorithm::named).ok_or(TokenRefusal::Algorithm)
    }

    /// Who the token says has made it. Anybody can write that: it is good for
    /// choosing whose keys to try, and for nothing else.
    pub fn told_issuer(&self) -> Option<String> {
        parse_object(&self.payload)?.get("iss")?.as_str().map(str::to_owned)
    }

    /// The claims, if `key` made the signature with `algorithm`.
    pub fn verified(&self, key: &PublicKey, algorithm: Algorithm) -> Result<Object, TokenRefusal> {
        if !key.permits(algorithm) {
            return Err(TokenRefusal::Algorithm);
        }
        if !key.verify(algorithm, self.signed, &self.signature) {
            return Err(TokenRefusal::Signature);
        }
        parse_object(&self.payload).ok_or(TokenRefusal::Malformed("the claims are no JSON object"))
    }
}
