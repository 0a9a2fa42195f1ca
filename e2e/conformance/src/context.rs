//! What a test works with: the client, fresh repository names and fresh bytes.

use crate::failure::Failure;
use crate::http::{Client, Request};
use crate::repository::Repository;
use crate::target::Target;
use std::sync::atomic::{AtomicU64, Ordering};

/// Handed to every test.
#[derive(Debug)]
pub struct Context {
    pub(crate) client: Client,
    run_id: String,
    counter: AtomicU64,
}

impl Context {
    pub(crate) fn new(target: &Target) -> Result<Self, Failure> {
        let client = Client::new(target)?;
        Ok(Self { client, run_id: target.run_id.clone(), counter: AtomicU64::new(0) })
    }

    fn next(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// A repository that nobody has used before.
    pub(crate) fn repository(&self) -> Repository<'_> {
        let name = format!("conformance/{}/r{}", self.run_id, self.next());
        Repository { ctx: self, name }
    }

    /// A repository below a fresh prefix, with this ending.
    pub(crate) fn repository_ending(&self, ending: &str) -> Repository<'_> {
        let name = format!("conformance/{}/r{}/{ending}", self.run_id, self.next());
        Repository { ctx: self, name }
    }

    /// Bytes that no other test has pushed, the same for the same run and place.
    pub(crate) fn bytes(&self, length: usize) -> Vec<u8> {
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.run_id.bytes().chain(self.next().to_le_bytes()) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// A word that no other test uses, for annotations and artifact types.
    pub(crate) fn word(&self) -> String {
        format!("w{}-{}", self.next(), self.run_id)
    }

    pub(crate) fn get(&self, path: &str) -> Request<'_> {
        self.client.request("GET", path)
    }

    pub(crate) fn head(&self, path: &str) -> Request<'_> {
        self.client.request("HEAD", path)
    }

    pub(crate) fn post(&self, path: &str) -> Request<'_> {
        self.client.request("POST", path)
    }

    pub(crate) fn patch(&self, path: &str) -> Request<'_> {
        self.client.request("PATCH", path).header("Content-Type", "application/octet-stream")
    }

    pub(crate) fn put(&self, path: &str) -> Request<'_> {
        self.client.request("PUT", path)
    }

    pub(crate) fn delete(&self, path: &str) -> Request<'_> {
        self.client.request("DELETE", path)
    }
}
