//! What a browser keeps for us while it is at the provider, under our seal.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::COOKIE;
use identity::Secret;
use identity::openid::Pending;
use sha2::Sha256;

const NAME: &str = "berth-sign-in";
/// Longest cookie that is looked at, in bytes.
const MAX_LENGTH: usize = 4096;
/// As long as a sign-in may take.
const SECONDS: u32 = 600;

/// The sign-in that has begun at `provider`, so that nobody else can have made it.
pub(super) fn seal(key: &Secret, provider: &str, pending: &Pending) -> String {
    let text = URL_SAFE_NO_PAD.encode(pending.to_secret().reveal());
    let seal = URL_SAFE_NO_PAD.encode(mac(key, provider, &text).finalize().into_bytes());
    format!("{text}.{seal}")
}

/// The sign-in at `provider` that the browser brings back.
pub(super) fn find(key: &Secret, provider: &str, headers: &HeaderMap) -> Option<Pending> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).map(str::trim);
    let value = pairs.find_map(|pair| pair.strip_prefix(NAME)?.strip_prefix('='))?;
    let (text, seal) = value.split_once('.').filter(|_| value.len() <= MAX_LENGTH)?;
    let seal = URL_SAFE_NO_PAD.decode(seal).ok()?;
    mac(key, provider, text).verify_slice(&seal).ok()?;
    let kept = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    Pending::from_secret(&Secret::new(kept))
}

/// Sets it for the requests to `callback` alone. Not `Strict`: the way back
/// comes from the provider's page.
pub(super) fn set(callback: &str, value: &str) -> String {
    format!("{NAME}={value}; Max-Age={SECONDS}; {}", attributes(callback))
}

/// Takes it away: a sign-in is good for one return.
pub(super) fn clear(callback: &str) -> String {
    format!("{NAME}=; Max-Age=0; {}", attributes(callback))
}

fn attributes(callback: &str) -> String {
    let rest = callback.split_once("://").map_or(callback, |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    let secure = if callback.starts_with("https://") { "; Secure" } else { "" };
    format!("Path={path}; HttpOnly; SameSite=Lax{secure}")
}

fn mac(key: &Secret, provider: &str, text: &str) -> Hmac<Sha256> {
    use sha2::Digest as _;
    let mut block = [0; 64];
    let (start, _) = block.split_at_mut(32);
    start.copy_from_slice(&Sha256::digest(key.reveal()));
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in [provider, text] {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part.as_bytes());
    }
    mac
}
