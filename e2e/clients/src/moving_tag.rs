//! A tag with one writer that counts upwards and readers that never see it go back: with values that only
//! grow, that is what linearizable means.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::fixture::{self, Image};
use crate::http::Client;
use crate::load::{Failure, acknowledged};

const REPOSITORY: &str = "load/tags";

/// The tag and what is known of it.
#[derive(Debug)]
pub(crate) struct MovingTag {
    name: String,
    image: Image,
    /// The highest value that a push was begun with.
    attempted: AtomicU64,
    /// The highest value that was acknowledged.
    acknowledged: AtomicU64,
    /// The highest value that a reader saw.
    seen: AtomicU64,
}

impl MovingTag {
    /// Pushes the blobs of all its images, which differ in an annotation alone, and its first value.
    pub(crate) fn new(client: &Client, number: u64) -> Self {
        let image = fixture::image(600 + number, 1, 1_000);
        for blob in &image.blobs {
            assert_eq!(client.push_blob(REPOSITORY, blob).unwrap().status, 201);
        }
        let zero = || AtomicU64::new(0);
        let (attempted, acknowledged, seen) = (zero(), zero(), zero());
        let tag = Self { name: format!("moving-{number}"), image, attempted, acknowledged, seen };
        assert!(matches!(tag.move_on(client), Ok(None)), "the first value of {}", tag.name);
        tag
    }

    /// How often it was moved.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Moves it to the next value: nothing, an excused failure, or what must not happen.
    pub(crate) fn move_on(&self, client: &Client) -> Result<Option<String>, String> {
        let value = self.attempted.fetch_add(1, Ordering::SeqCst) + 1;
        let pushed = client.push_manifest(REPOSITORY, &self.name, &self.manifest(value));
        match acknowledged(pushed, &[]) {
            Ok(()) => {
                self.acknowledged.store(value, Ordering::SeqCst);
                Ok(None)
            }
            Err(Failure::Excused(why)) => Ok(Some(format!("{} to {value}: {why}", self.name))),
            Err(Failure::Wrong(why)) => Err(format!("{} to {value}: {why}", self.name)),
        }
    }

    /// Reads it: nothing, an excused failure, or what must not happen.
    pub(crate) fn look(&self, client: &Client) -> Result<Option<String>, String> {
        let least = self.acknowledged().max(self.seen.load(Ordering::SeqCst));
        let read = client.try_get(&format!("/v2/{REPOSITORY}/manifests/{}", self.name));
        let most = self.attempted.load(Ordering::SeqCst);
        let value = match read {
            Err(error) => return Ok(Some(error.to_string())),
            Ok(answer) if answer.status >= 500 => return Ok(Some(answer.status.to_string())),
            Ok(answer) if answer.status != 200 => {
                return Err(format!("{}: {}", self.name, answer.status));
            }
            Ok(answer) => value_of(&answer.json()),
        };
        self.seen.fetch_max(value, Ordering::SeqCst);
        if (least..=most).contains(&value) {
            return Ok(None);
        }
        Err(format!("{} reads {value}, not within {least} to {most}", self.name))
    }

    fn manifest(&self, value: u64) -> Vec<u8> {
        let mut manifest: Value = serde_json::from_slice(&self.image.manifest).unwrap();
        manifest["annotations"] = json!({ "value": value.to_string() });
        manifest.to_string().into_bytes()
    }
}

fn value_of(manifest: &Value) -> u64 {
    let value = manifest["annotations"]["value"].as_str().unwrap_or_default();
    value.parse().unwrap_or(0)
}
