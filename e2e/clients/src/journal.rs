//! What a registry acknowledged. After a crash each entry is asked for again: an answer of 201 is a
//! promise, and this is the list of promises.

use std::sync::Mutex;

use crate::http::{Client, digest};

/// One acknowledged object: where it is read, and the digest of its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Promise {
    path: String,
    digest: String,
}

/// What became of a promise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is there, exactly.
    Kept,
    /// No answer, half an answer or a 5xx: nothing can be said.
    Unknown(String),
    /// The registry denies it or serves other bytes.
    Broken(String),
}

/// Every promise so far, in the order in which the answers came.
#[derive(Debug, Default)]
pub struct Journal {
    promises: Mutex<Vec<Promise>>,
}

impl Journal {
    /// Notes a blob of `repository` that was answered with 201.
    pub fn blob(&self, repository: &str, digest: &str) {
        self.note(format!("/v2/{repository}/blobs/{digest}"), digest);
    }

    /// Notes a manifest of `repository` that was answered with 201, under its tag and its digest.
    pub fn manifest(&self, repository: &str, tag: &str, digest: &str) {
        self.note(format!("/v2/{repository}/manifests/{tag}"), digest);
        self.note(format!("/v2/{repository}/manifests/{digest}"), digest);
    }

    /// How many promises there are.
    pub fn len(&self) -> usize {
        self.promises.lock().unwrap().len()
    }

    /// Whether nothing was promised yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads every promise from number `first` on and describes those that are not kept for certain.
    pub fn broken(&self, client: &Client, first: usize) -> Vec<String> {
        let promises = self.promises.lock().unwrap()[first..].to_vec();
        let described = promises.iter().filter_map(|promise| match promise.read(client) {
            Verdict::Kept => None,
            Verdict::Unknown(why) | Verdict::Broken(why) => Some(why),
        });
        described.collect()
    }

    /// Reads the promise of this number.
    pub fn read(&self, number: usize, client: &Client) -> Verdict {
        let promise = self.promises.lock().unwrap()[number].clone();
        promise.read(client)
    }

    fn note(&self, path: String, digest: &str) {
        self.promises.lock().unwrap().push(Promise { path, digest: digest.to_owned() });
    }
}

impl Promise {
    fn read(&self, client: &Client) -> Verdict {
        let path = &self.path;
        match client.try_get(path) {
            Err(error) => Verdict::Unknown(format!("{path}: {error}")),
            Ok(answer) if answer.status >= 500 => {
                Verdict::Unknown(format!("{path}: {}", answer.status))
            }
            Ok(answer) if answer.status != 200 => {
                Verdict::Broken(format!("{path}: {}", answer.status))
            }
            Ok(answer) if digest(&answer.body) != self.digest => {
                Verdict::Broken(format!("{path}: {} wrong bytes", answer.body.len()))
            }
            Ok(_) => Verdict::Kept,
        }
    }
}
