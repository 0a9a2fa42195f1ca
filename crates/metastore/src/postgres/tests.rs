//! What the server must do beyond the contract: races, restarts, time limits.
//!
//! Nearly all of these start a server of their own, so they run only when asked:
//! `cargo test -p metastore postgres -- --ignored`.

use std::sync::Arc;

use bytes::Bytes;
use oci::{Digest, MediaType, Reference, RepositoryName, Role, Tag};
use store::{NewManifest, PutManifest, Timestamp};

use super::{Postgres, PostgresOptions};

// By its path: the test kit knows this crate, and its server needs neither.
#[allow(unreachable_pub, dead_code, reason = "it is the public part of another crate")]
#[path = "../../../testkit/src/postgres.rs"]
mod server;

mod contract;
mod crowds;
mod freeze;
mod full;
mod opening;
mod outage;
mod plans;
mod pooler;
mod races;
mod strength;
mod tls;
mod urls;
mod waking;

use server::PostgresServer;

async fn open(url: &str) -> Arc<Postgres> {
    Postgres::open(PostgresOptions::from_url(url).unwrap()).await.unwrap()
}

fn repository(name: &str) -> RepositoryName {
    RepositoryName::parse(name).unwrap()
}

fn tag(name: &str) -> Tag {
    Tag::parse(name).unwrap()
}

fn by_tag(name: &str) -> Reference {
    Reference::Tag(tag(name))
}

fn sha256(content: &str) -> Digest {
    Digest::sha256(content.as_bytes())
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A push of a manifest with these bytes.
fn push(
    repository: &str,
    content: &str,
    references: &[(Role, Digest)],
    tags: &[&str],
) -> PutManifest {
    let manifest = NewManifest {
        sha256: sha256(content),
        sha512: None,
        media_type: MediaType::parse(MediaType::OCI_MANIFEST).unwrap(),
        bytes: Bytes::copy_from_slice(content.as_bytes()),
        references: references.to_vec(),
        subject: None,
        artifact_type: None,
        annotations: None,
    };
    PutManifest {
        repository: self::repository(repository),
        tag_digest: manifest.sha256,
        asks_taken: false,
        manifest,
        tags: tags.iter().map(|name| tag(name)).collect(),
        actor: Some("ann".into()),
        at: at(1000),
    }
}
