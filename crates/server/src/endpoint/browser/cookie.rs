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
/// The same where there is TLS. By its beginning browsers take it from this very
/// host alone: a neighbour under the same domain cannot have set it, to sign
/// somebody in as someone else.
const HOST_NAME: &str = "__Host-berth-sign-in";
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

/// The sign-in at `provider` that the browser brings back to us, who are at
/// `base`. Two of them are none: one is not ours.
pub(super) fn find(
    key: &Secret,
    provider: &str,
    headers: &HeaderMap,
    base: &str,
) -> Option<Pending> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).map(str::trim);
    let name = name(base, provider);
    let mut value_of_ours = || pairs.find_map(|pair| pair.strip_prefix(&*name)?.strip_prefix('='));
    let (value, None) = (value_of_ours()?, value_of_ours()) else { return None };
    let (text, seal) = value.split_once('.').filter(|_| value.len() <= MAX_LENGTH)?;
    let seal = URL_SAFE_NO_PAD.decode(seal).ok()?;
    mac(key, provider, text).verify_slice(&seal).ok()?;
    let kept = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    Pending::from_secret(&Secret::new(kept))
}

/// Sets it. Not `Strict`: the way back comes from the provider's page.
pub(super) fn set(base: &str, provider: &str, value: &str) -> String {
    format!("{}={value}; Max-Age={SECONDS}; {}", name(base, provider), attributes(base))
}

/// Takes it away: a sign-in is good for one return.
pub(super) fn clear(base: &str, provider: &str) -> String {
    format!("{}=; Max-Age=0; {}", name(base, provider), attributes(base))
}

/// One for each provider: sign-ins at two of them in two windows are two.
fn name(base: &str, provider: &str) -> String {
    format!("{}-{provider}", if is_secure(base) { HOST_NAME } else { NAME })
}

fn attributes(base: &str) -> String {
    let secure = if is_secure(base) { "; Secure" } else { "" };
    format!("Path=/; HttpOnly; SameSite=Lax{secure}")
}

fn is_secure(base: &str) -> bool {
    base.starts_with("https://")
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

#[cfg(test)]
mod tests {
    use super::*;

    const TLS: &str = "https://reg.example.com";
    const CLEAR: &str = "http://localhost:5000";

    fn pending() -> Pending {
        let kept =
            r#"{"version":1,"state":"a","nonce":"b","verifier":"c","redirect":"d","began":1}"#;
        Pending::from_secret(&Secret::new(kept)).unwrap()
    }

    fn found(base: &str, cookies: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, cookies.parse().unwrap());
        find(&Secret::new("key"), "corp", &headers, base).is_some()
    }

    #[test]
    fn the_cookie_comes_from_this_host_and_is_the_only_one() {
        let sealed = seal(&Secret::new("key"), "corp", &pending());
        for base in [TLS, CLEAR] {
            let pair = set(base, "corp", &sealed);
            let pair = pair.split(';').next().unwrap();
            assert!(found(base, pair) && found(base, &format!("a=b; {pair}; c=d")), "{base}");
            assert!(!found(base, &format!("{pair}; {pair}")), "{base}");
        }
        assert!(!found(TLS, &format!("{NAME}-corp={sealed}")), "a neighbour may set that name");
        let set = set(TLS, "corp", "x");
        assert_eq!(
            set,
            "__Host-berth-sign-in-corp=x; Max-Age=600; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
    }
}
