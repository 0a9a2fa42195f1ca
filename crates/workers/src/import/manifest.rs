//! Reading one manifest of the tree into the record that the store keeps.

use bytes::Bytes;
use oci::{Algorithm, Digest, Manifest, MediaType, Role};
use serde_json::Value;
use store::NewManifest;

use crate::Problem;
use crate::tree::RevisionLink;

/// A media type that no rule knows, under which a document is taken as it is.
const UNKNOWN: &str = "application/octet-stream";

/// A manifest, and what it needs.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) manifest: NewManifest,
    /// What has to be in the repository for the manifest to be of use.
    pub(crate) needs: Vec<Digest>,
}

/// Hashes and parses the bytes behind a link.
pub(super) fn read(link: &RevisionLink, bytes: Bytes) -> Result<Read, Problem> {
    let sha256 = Digest::sha256(&bytes);
    if sha256 != link.sha256 {
        return Err(Problem::HashMismatch(sha256));
    }
    let sha512 = (link.named.algorithm() == Algorithm::Sha512)
        .then(|| Digest::of(Algorithm::Sha512, &bytes));
    if let Some(sha512) = sha512.filter(|sha512| *sha512 != link.named) {
        return Err(Problem::HashMismatch(sha512));
    }
    let (manifest, media_type) = parse(bytes)?;
    Ok(record(&manifest, media_type, sha256, sha512))
}

/// Parses a manifest whose media type nobody kept. A document that the original took and that is
/// not sound by today's rules is taken as it came, under the type it would have been served with.
fn parse(bytes: Bytes) -> Result<(Manifest, MediaType), Problem> {
    let refused = match Manifest::parse(bytes.clone(), None) {
        Ok(manifest) => {
            let media_type = manifest.media_type().clone();
            return Ok((manifest, media_type));
        }
        Err(refused) => refused,
    };
    let problem = || Problem::NotAManifest(refused.to_string());
    let media_type = infer(&bytes).ok_or_else(problem)?;
    let unknown = MediaType::parse(UNKNOWN).ok();
    let manifest = Manifest::parse(bytes, unknown).map_err(|_| problem())?;
    Ok((manifest, media_type))
}

/// The media type under which the original serves a document: its own word, else an index when
/// there are `manifests`, else an image manifest. `None` unless it is a JSON object.
pub(crate) fn infer(bytes: &[u8]) -> Option<MediaType> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let document = document.as_object()?;
    let said = document.get("mediaType").and_then(Value::as_str).filter(|said| !said.is_empty());
    let schema1 = document.get("schemaVersion").and_then(Value::as_u64) == Some(1);
    let inferred = match said {
        Some(said) => said,
        None if schema1 && document.contains_key("signatures") => MediaType::DOCKER_SCHEMA1_SIGNED,
        None if schema1 => MediaType::DOCKER_SCHEMA1,
        None if document.contains_key("manifests") => MediaType::OCI_INDEX,
        None => MediaType::OCI_MANIFEST,
    };
    MediaType::parse(inferred).ok()
}

fn record(
    manifest: &Manifest,
    media_type: MediaType,
    sha256: Digest,
    sha512: Option<Digest>,
) -> Read {
    let subject = manifest.subject().map(|subject| subject.digest);
    let others = || manifest.references().iter().filter(|link| link.role != Role::Subject);
    let annotations = || match manifest.annotations() {
        none if none.is_empty() => None,
        some => serde_json::to_string(some).ok(),
    };
    let needs = others().filter(|link| !link.descriptor.is_foreign());
    let needs = needs.map(|link| link.descriptor.digest).collect();
    let manifest = NewManifest {
        sha256,
        sha512,
        media_type,
        bytes: manifest.bytes().clone(),
        references: others().map(|link| (link.role, link.descriptor.digest)).collect(),
        subject,
        artifact_type: subject.and_then(|_| manifest.artifact_type()),
        annotations: subject.and_then(|_| annotations()),
    };
    Read { manifest, needs }
}
