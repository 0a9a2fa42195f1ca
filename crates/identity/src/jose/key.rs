//! Public keys, from JWKs and from certificates, and their names.

use aws_lc_rs::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Algorithm, BASE64URL, Object, der};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// RSA moduli in bytes: 2048 to 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// A key that verifies signatures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey(Material);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Material {
    /// x and y, each as long as the curve's field.
    Ec {
        curve: Curve,
        x: Vec<u8>,
        y: Vec<u8>,
    },
    Ed25519([u8; 32]),
    /// Without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    fn oid(self) -> &'static [u8] {
        match self {
            Self::P256 => P256,
            Self::P384 => P384,
            Self::P521 => P521,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl PublicKey {
    /// The key in a JWK, whose private parts are not looked at. `None` for
    /// kinds and sizes that are not accepted; shared secrets (`oct`) are none.
    pub fn from_jwk(jwk: &Object) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| BASE64URL.decode(text(name)?).ok();
        match text("kty")? {
            "EC" => {
                let curve = Curve::ALL.into_iter().find(|c| Some(c.name()) == text("crv"))?;
                Self::ec(curve, bytes("x")?, bytes("y")?)
            }
            "OKP" if text("crv") == Some("Ed25519") => {
                Some(Self(Material::Ed25519(bytes("x")?.try_into().ok()?)))
            }
            "RSA" => Self::rsa(&bytes("n")?, &bytes("e")?),
            _ => None,
        }
    }

    /// The key in a DER `SubjectPublicKeyInfo`, as certificates carry it.
    pub fn from_spki(spki: &[u8]) -> Option<Self> {
        Self::from_spki_content(der::only(der::SEQUENCE, spki)?)
    }

    /// The same without the tag and length around it, as trust anchors keep it.
    pub(crate) fn from_spki_content(content: &[u8]) -> Option<Self> {
        let (algorithm, rest) = der::take(der::SEQUENCE, content)?;
        let (&unused_bits, key) = der::only(der::BIT_STRING, rest)?.split_first()?;
        if unused_bits != 0 {
            return None;
        }
        let (kind, parameters) = der::take(der::OID, algorithm)?;
        match kind {
            EC => {
                let oid = der::only(der::OID, parameters)?;
                let curve = Curve::ALL.into_iter().find(|curve| curve.oid() == oid)?;
                let point = key.strip_prefix(&[4])?;
                let (x, y) = point.split_at_checked(curve.bytes())?;
                Self::ec(curve, x.to_vec(), y.to_vec())
            }
            ED25519 => Some(Self(Material::Ed25519(key.try_into().ok()?))),
            RSA => {
                let (n, rest) = der::take(der::INTEGER, der::only(der::SEQUENCE, key)?)?;
                Self::rsa(n, der::only(der::INTEGER, rest)?)
            }
            _ => None,
        }
    }

    /// The key whose uncompressed point on P-256 is `point` (65 bytes).
    pub(crate) fn from_p256_point(point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[4])?.split_at_checked(32)?;
        Self::ec(Curve::P256, x.to_vec(), y.to_vec())
    }

    fn ec(curve: Curve, x: Vec<u8>, y: Vec<u8>) -> Option<Self> {
        let fits = x.len() == curve.bytes() && y.len() == curve.bytes();
        fits.then_some(Self(Material::Ec { curve, x, y }))
    }

    fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let trim = |number: &[u8]| {
            let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
            number.get(start..).unwrap_or_default().to_vec()
        };
        let (n, e) = (trim(n), trim(e));
        let fits = RSA_BYTES.contains(&n.len()) && (1..=4).contains(&e.len());
        fits.then_some(Self(Material::Rsa { n, e }))
    }

    /// Whether signatures with `algorithm` can be this key's.
    pub fn permits(&self, algorithm: Algorithm) -> bool {
        use Algorithm as A;
        match &self.0 {
            Material::Ec { curve: Curve::P256, .. } => algorithm == A::Es256,
            Material::Ec { curve: Curve::P384, .. } => algorithm == A::Es384,
            Material::Ec { curve: Curve::P521, .. } => algorithm == A::Es512,
            Material::Ed25519(_) => algorithm == A::EdDsa,
            Material::Rsa { .. } => rsa_parameters(algorithm).is_some(),
        }
    }

    /// Whether `signature` is this key's for `message`, made with `algorithm`.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.permits(algorithm) {
            return false;
        }
        let verified = match &self.0 {
            Material::Ec { curve, x, y } => {
                let algorithm = match curve {
                    Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
                    Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
                    Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED,
                };
                let point = [&[4], x.as_slice(), y].concat();
                UnparsedPublicKey::new(algorithm, point).verify(message, signature)
            }
            Material::Ed25519(key) => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature)
            }
            Material::Rsa { n, e } => match rsa_parameters(algorithm) {
                Some(parameters) => {
                    RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
                }
                None => return false,
            },
        };
        verified.is_ok()
    }

    /// The members of its JWK that make it up, in the order of RFC 7638.
    fn members(&self) -> Vec<(&'static str, String)> {
        let encode = |bytes: &[u8]| BASE64URL.encode(bytes);
        match &self.0 {
            Material::Ec { curve, x, y } => vec![
                ("crv", curve.name().to_owned()),
                ("kty", "EC".to_owned()),
                ("x", encode(x)),
                ("y", encode(y)),
            ],
            Material::Ed25519(x) => {
                vec![("crv", "Ed25519".to_owned()), ("kty", "OKP".to_owned()), ("x", encode(x))]
            }
            Material::Rsa { n, e } => {
                vec![("e", encode(e)), ("kty", "RSA".to_owned()), ("n", encode(n))]
            }
        }
    }

    /// Its JWK: the public members alone.
    pub fn to_jwk(&self) -> Object {
        let members = self.members().into_iter();
        members.map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
    }

    /// Its RFC 7638 thumbprint: SHA-256 in base64url. What registry 3 and we call a key.
    pub fn thumbprint(&self) -> String {
        let members = self.members();
        // None of these values has anything to escape.
        let members: Vec<_> = members.iter().map(|(n, v)| format!("\"{n}\":\"{v}\"")).collect();
        BASE64URL.encode(Sha256::digest(format!("{{{}}}", members.join(","))))
    }

    /// Its libtrust fingerprint, what registry 2 calls a key: twelve groups
    /// of four letters, from the SHA-256 of its DER form.
    pub fn libtrust_id(&self) -> String {
        let hash = Sha256::digest(self.to_spki());
        let groups: Vec<_> = base32(hash.get(..30).unwrap_or_default())
            .chunks(4)
            .map(|group| String::from_utf8_lossy(group).into_owned())
            .collect();
        groups.join(":")
    }

    /// Its DER `SubjectPublicKeyInfo`.
    pub fn to_spki(&self) -> Vec<u8> {
        let (algorithm, key) = match &self.0 {
            Material::Ec { curve, x, y } => {
                let oids = [der::put(der::OID, &[EC]), der::put(der::OID, &[curve.oid()])];
                (oids.concat(), [&[4], x.as_slice(), y].concat())
            }
            Material::Ed25519(key) => (der::put(der::OID, &[ED25519]), key.to_vec()),
            Material::Rsa { n, e } => {
                let null: &[u8] = &[5, 0];
                let numbers = [der::put_unsigned(n), der::put_unsigned(e)].concat();
                let algorithm = [der::put(der::OID, &[RSA]), null.to_vec()].concat();
                (algorithm, der::put(der::SEQUENCE, &[&numbers]))
            }
        };
        let algorithm = der::put(der::SEQUENCE, &[&algorithm]);
        let key = der::put(der::BIT_STRING, &[&[0], &key]);
        der::put(der::SEQUENCE, &[&algorithm, &key])
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// Base32 of `bytes`, whose number is a multiple of five.
fn base32(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut letters = Vec::new();
    for five in bytes.chunks_exact(5) {
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for shift in (0..8).rev() {
            let letter = usize::try_from(bits >> (shift * 5) & 31).unwrap_or_default();
            letters.extend(LETTERS.get(letter));
        }
    }
    letters
}

#[cfg(test)]
mod tests;
