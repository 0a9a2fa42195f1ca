//! Randomness as a parameter, so that a failing run can be repeated.

use rand::TryRngCore;

/// Where unpredictable bytes come from.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes` with bytes that nobody can predict.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Default, Clone, Copy)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // getrandom(2) on Linux cannot fail once the pool is seeded; a failure
        // here would mean predictable upload ids and secrets, so the process ends.
        if rand::rngs::OsRng.try_fill_bytes(bytes).is_err() {
            std::process::abort();
        }
    }
}
