//! Many keys, found by any of their names.

use serde_json::Value;

use super::{Algorithm, Compact, Object, PublicKey, TokenRefusal, parse_object};

/// Most keys of one set.
const MAX_KEYS: usize = 100;

/// A key and the names that it is known under.
#[derive(Debug, Clone)]
pub struct KnownKey {
    key: PublicKey,
    names: Vec<String>,
    /// The one algorithm that its owner uses it with, if told.
    algorithm: Option<Algorithm>,
}

impl KnownKey {
    /// `key` under its thumbprint and its libtrust fingerprint.
    pub fn new(key: PublicKey) -> Self {
        let names = vec![key.thumbprint(), key.libtrust_id()];
        Self { key, names, algorithm: None }
    }

    /// The key of a JWK, also under its `kid`. `None` if it is not one to
    /// verify signatures with, or of a kind that is not accepted.
    fn from_jwk(jwk: &Object) -> Option<Self> {
        let told = |name: &str| jwk.get(name);
        if told("use").is_some_and(|told| told != "sig") {
            return None;
        }
        let verifies = |operations: &Value| {
            operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"))
        };
        if !told("key_ops").is_none_or(verifies) {
            return None;
        }
        let mut known = Self::new(PublicKey::from_jwk(jwk)?);
        if let Some(name) = told("alg") {
            let algorithm = name.as_str().and_then(Algorithm::named)?;
            known.algorithm = known.key.permits(algorithm).then_some(algorithm);
            known.algorithm?;
        }
        known.names.extend(told("kid").and_then(Value::as_str).map(str::to_owned));
        Some(known)
    }

    /// The key itself.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    fn permits(&self, algorithm: Algorithm) -> bool {
        self.key.permits(algorithm) && self.algorithm.is_none_or(|only| only == algorithm)
    }
}

/// Keys that somebody vouches for.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<KnownKey>);

impl KeySet {
    /// These keys.
    pub fn new(keys: Vec<KnownKey>) -> Self {
        Self(keys)
    }

    /// Reads a JWK set. Keys that cannot verify signatures are left out; the
    /// error says why there is no set, or no key in it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let set = parse_object(bytes).ok_or("it is no JSON object")?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or("it has no list `keys`")?;
        if keys.len() > MAX_KEYS {
            return Err(format!("it has more than {MAX_KEYS} keys"));
        }
        let jwks = keys.iter().filter_map(Value::as_object);
        let known: Vec<_> = jwks.filter_map(KnownKey::from_jwk).collect();
        if known.is_empty() {
            return Err("none of its keys can verify signatures (EC, RSA of 2048 to 8192 bits, \
                        Ed25519)"
                .to_owned());
        }
        Ok(Self(known))
    }

    /// Adds the keys of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key of this set that is `key`.
    pub fn find(&self, key: &PublicKey) -> Option<&KnownKey> {
        self.0.iter().find(|known| known.key == *key)
    }

    /// The claims of `token`, if a key that goes by `name` made its signature
    /// with `algorithm`. Without a name, the one key that `algorithm` is for.
    pub fn verify(
        &self,
        token: &Compact<'_>,
        name: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Object, TokenRefusal> {
        let named = |known: &&KnownKey| match name {
            Some(name) => known.names.iter().any(|own| own == name),
            None => known.permits(algorithm),
        };
        let named: Vec<_> = self.0.iter().filter(named).collect();
        if named.is_empty() || (name.is_none() && named.len() > 1) {
            return Err(TokenRefusal::UnknownKey);
        }
        // Names are not unique by standard: two keys may share one while they rotate.
        let mut refusal = TokenRefusal::Algorithm;
        for known in named.into_iter().filter(|known| known.permits(algorithm)).take(4) {
            match token.verified(&known.key, algorithm) {
                Err(TokenRefusal::Signature) => refusal = TokenRefusal::Signature,
                done => return done,
            }
        }
        Err(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#;

    #[test]
    fn keys_that_do_not_sign_are_left_out() {
        let with = |more: &str| KeySet::parse(format!("{{\"keys\":[{JWK}{more}}}]}}").as_bytes());
        for more in ["", r#","use":"sig""#, r#","alg":"ES256""#, r#","key_ops":["verify"]"#] {
            assert_eq!(with(more).unwrap().len(), 1, "{more}");
        }
        for more in
            [r#","use":"enc""#, r#","alg":"ES384""#, r#","alg":"HS256""#, r#","key_ops":[]"#]
        {
            assert!(with(more).unwrap_err().contains("verify"), "{more}");
        }
        let secret = KeySet::parse(br#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#);
        assert!(secret.is_err(), "a shared secret is no public key");
    }

    #[test]
    fn a_set_that_is_none_says_why() {
        for (text, why) in
            [("", "no JSON"), ("[]", "no JSON"), ("{}", "`keys`"), ("{\"keys\":[]}", "none")]
        {
            assert!(KeySet::parse(text.as_bytes()).unwrap_err().contains(why), "{text}");
        }
        let many = format!("{{\"keys\":[{}]}}", vec![format!("{JWK}}}"); 101].join(","));
        assert!(KeySet::parse(many.as_bytes()).unwrap_err().contains("more than 100"));
    }
}
