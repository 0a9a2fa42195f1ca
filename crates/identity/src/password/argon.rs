//! Argon2 in PHC form: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use store::Random;
use subtle::ConstantTimeEq as _;

use super::{Cost, HashError, Verdict};

/// Most memory, in KiB: 1 GiB.
const MAX_MEMORY: u32 = 1 << 20;
/// Most passes.
const MAX_PASSES: u32 = 20;
/// Most lanes; we compute them one after the other.
const MAX_LANES: u32 = 16;
/// Passes times KiB: twenty passes over a gigabyte would take half a minute.
const MAX_WORK: u64 = 4 << 20;
/// Lanes of our own hashes.
const LANES: u32 = Params::DEFAULT_P_COST;
/// Longest salt and longest hash, in bytes.
const MAX_BYTES: usize = 128;

/// A stored hash, taken apart and within bounds.
pub(super) struct Parsed {
    pub(super) algorithm: Algorithm,
    version: Version,
    pub(super) memory: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

pub(super) fn hash(password: &[u8], cost: Cost, random: &dyn Random) -> Result<String, HashError> {
    let mut salt = [0; 16];
    random.fill(&mut salt);
    let mut hash = [0; 32];
    let Cost { memory, passes } = cost;
    let params = Params::new(memory, passes, LANES, None).map_err(|_| HashError::OutOfMemory)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, &salt, &mut hash)
        .map_err(|_| HashError::OutOfMemory)?;
    Ok(write(Algorithm::Argon2id, (memory, passes, LANES), &salt, &hash))
}

/// What [`hash`] makes at this cost, of no password.
pub(super) fn nothing(cost: Cost) -> String {
    write(Algorithm::Argon2id, (cost.memory, cost.passes, LANES), &[0; 16], &[0; 32])
}

/// A PHC text of version 19.
pub(super) fn write(
    algorithm: Algorithm,
    (memory, passes, lanes): (u32, u32, u32),
    salt: &[u8],
    hash: &[u8],
) -> String {
    let (salt, hash) = (BASE64.encode(salt), BASE64.encode(hash));
    format!("${algorithm}$v=19$m={memory},t={passes},p={lanes}${salt}${hash}")
}

pub(super) fn verify(hash: &str, password: &[u8]) -> Verdict {
    match parse(hash).and_then(|parsed| compute(&parsed, password).map(|made| (parsed, made))) {
        Ok((parsed, made)) => Verdict::of(made.ct_eq(&parsed.hash).into()),
        Err(problem) => Verdict::Unusable(problem),
    }
}

fn compute(parsed: &Parsed, password: &[u8]) -> Result<Vec<u8>, String> {
    let params = Params::new(parsed.memory, parsed.passes, parsed.lanes, None)
        .map_err(|error| format!("Argon2: {error}"))?;
    let mut made = vec![0; parsed.hash.len()];
    Argon2::new(parsed.algorithm, parsed.version, params)
        .hash_password_into(password, &parsed.salt, &mut made)
        .map_err(|error| format!("Argon2: {error}"))?;
    Ok(made)
}

/// Takes `text` apart; the error says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    let damaged = || "Argon2: the hash is damaged".to_owned();
    let mut fields = text.split('$').skip(1);
    let algorithm = match fields.next() {
        Some("argon2id") => Algorithm::Argon2id,
        Some("argon2i") => Algorithm::Argon2i,
        Some("argon2d") => Algorithm::Argon2d,
        _ => return Err(damaged()),
    };
    let mut costs = fields.next().ok_or_else(damaged)?;
    // Without a version it is the first one: so libraries wrote it until 2016.
    let mut version = Version::V0x10;
    if let Some(told) = costs.strip_prefix("v=") {
        version = match told {
            "16" => Version::V0x10,
            "19" => Version::V0x13,
            _ => return Err(format!("Argon2: version {told} is unknown")),
        };
        costs = fields.next().ok_or_else(damaged)?;
    }
    let (memory, passes, lanes) = parse_costs(costs).ok_or_else(damaged)?;
    check_costs(memory, passes, lanes)?;
    let mut bytes = || {
        let field = fields.next().filter(|field| field.len() <= 2 * MAX_BYTES)?;
        BASE64.decode(field).ok().filter(|bytes| (4..=MAX_BYTES).contains(&bytes.len()))
    };
    let (salt, hash) = (bytes().ok_or_else(damaged)?, bytes().ok_or_else(damaged)?);
    if salt.len() < argon2::MIN_SALT_LEN || fields.next().is_some() {
        return Err(damaged());
    }
    Ok(Parsed { algorithm, version, memory, passes, lanes, salt, hash })
}

fn parse_costs(text: &str) -> Option<(u32, u32, u32)> {
    let mut costs = text.split(',');
    let mut cost = |name: &str| costs.next()?.strip_prefix(name)?.parse().ok();
    let told = (cost("m=")?, cost("t=")?, cost("p=")?);
    // Key ids and associated data (`keyid=`, `data=`) are things we never have.
    costs.next().is_none().then_some(told)
}

fn check_costs(memory: u32, passes: u32, lanes: u32) -> Result<(), String> {
    if memory > MAX_MEMORY || passes > MAX_PASSES || lanes > MAX_LANES {
        return Err(format!(
            "Argon2: m={memory},t={passes},p={lanes} is above m={MAX_MEMORY},t={MAX_PASSES},p={MAX_LANES}"
        ));
    }
    if u64::from(memory) * u64::from(passes) > MAX_WORK {
        return Err(format!("Argon2: m={memory} with t={passes} would take too long"));
    }
    Params::new(memory, passes, lanes, None).map_err(|error| format!("Argon2: {error}"))?;
    Ok(())
}
