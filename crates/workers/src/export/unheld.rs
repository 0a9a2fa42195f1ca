//! What the original cannot serve, although the tree can hold it.
//!
//! The original keeps no media type: it reads one out of the document each time. So a manifest is
//! lost on it when it does not know the type, or when it would read another one.

use serde_json::Value;
use store::ManifestWalk;

use crate::import::infer;

/// Largest manifest that the original reads back, in bytes.
const MAX_MANIFEST: usize = 4 * 1024 * 1024;

/// Everything about a manifest that the original cannot do, in words; empty for most.
pub(super) fn reasons(manifest: &ManifestWalk) -> Vec<String> {
    [type_of(manifest), size(manifest), version(manifest), sha512(manifest)]
        .into_iter()
        .flatten()
        .collect()
}

fn type_of(manifest: &ManifestWalk) -> Option<String> {
    let kept = &manifest.media_type;
    if kept.is_schema1() {
        return Some("schema 1 manifests are served by registry:2 only".to_owned());
    }
    if !kept.is_index() && !kept.is_manifest() {
        return Some(format!("it does not know the media type {kept}"));
    }
    match infer(&manifest.bytes) {
        Some(read) if read == *kept => None,
        Some(read) => Some(format!("pushed as {kept}, it would be served as {read}")),
        None => Some("it is not JSON".to_owned()),
    }
}

fn size(manifest: &ManifestWalk) -> Option<String> {
    let size = manifest.bytes.len();
    (size > MAX_MANIFEST).then(|| format!("it has {size} bytes, at most {MAX_MANIFEST} are read"))
}

fn version(manifest: &ManifestWalk) -> Option<String> {
    let document: Value = serde_json::from_slice(&manifest.bytes).ok()?;
    let version = document.get("schemaVersion").and_then(Value::as_u64);
    let unversioned = !matches!(version, Some(1 | 2));
    unversioned.then(|| "it has no schemaVersion 2".to_owned())
}

fn sha512(manifest: &ManifestWalk) -> Option<String> {
    let sha512 = manifest.sha512?;
    Some(format!("it was pushed as {sha512}; there it has its sha256 name only"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci::{Algorithm, Digest, MediaType};
    use store::Timestamp;

    fn manifest(media_type: &str, body: &str) -> ManifestWalk {
        ManifestWalk {
            sha256: Digest::sha256(body.as_bytes()),
            sha512: None,
            pulls: 0,
            last_pulled: None,
            media_type: MediaType::parse(media_type).unwrap(),
            bytes: body.to_owned().into(),
            at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn ordinary_manifests_can_be_held() {
        let bare = r#"{"schemaVersion":2,"config":{},"layers":[]}"#;
        assert!(reasons(&manifest(MediaType::OCI_MANIFEST, bare)).is_empty());
        let index = r#"{"schemaVersion":2,"manifests":[]}"#;
        assert!(reasons(&manifest(MediaType::OCI_INDEX, index)).is_empty());
        let docker = format!(r#"{{"schemaVersion":2,"mediaType":"{}"}}"#, MediaType::DOCKER_LIST);
        assert!(reasons(&manifest(MediaType::DOCKER_LIST, &docker)).is_empty());
    }

    #[test]
    fn a_type_that_would_be_read_differently_is_named() {
        let bare = r#"{"schemaVersion":2,"config":{},"layers":[]}"#;
        let reasons = reasons(&manifest(MediaType::DOCKER_MANIFEST, bare));
        assert_eq!(reasons.len(), 1);
        assert!(reasons[0].contains(MediaType::OCI_MANIFEST), "{reasons:?}");
    }

    #[test]
    fn unknown_types_old_schemas_and_missing_versions_are_named() {
        assert_eq!(
            reasons(&manifest("application/vnd.example", r#"{"schemaVersion":2}"#)).len(),
            1
        );
        let old = r#"{"schemaVersion":1}"#;
        assert_eq!(reasons(&manifest(MediaType::DOCKER_SCHEMA1, old)).len(), 1);
        assert_eq!(reasons(&manifest(MediaType::OCI_MANIFEST, "{}")).len(), 1);
    }

    #[test]
    fn a_sha512_name_and_too_many_bytes_are_named() {
        let body = format!(r#"{{"schemaVersion":2,"x":"{}"}}"#, "x".repeat(MAX_MANIFEST));
        let mut large = manifest(MediaType::OCI_MANIFEST, &body);
        large.sha512 = Some(Digest::of(Algorithm::Sha512, body.as_bytes()));
        assert_eq!(reasons(&large).len(), 2);
    }
}
