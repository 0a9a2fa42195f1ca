//! What a manifest says, as the store keeps it beside its bytes.

use oci::{Digest, Manifest, ManifestError, MediaType, Role};
use store::{ManifestWalk, NewManifest};

/// A media type that no rule knows, under which a document is read as it is.
const UNKNOWN: &str = "application/octet-stream";

/// The record of a manifest that the source has, under the other name `sha512` if given.
///
/// # Errors
/// If the bytes are nothing that any registry would have taken.
pub(super) fn record(
    walked: &ManifestWalk,
    sha512: Option<Digest>,
) -> Result<NewManifest, ManifestError> {
    let parse = |kind| Manifest::parse(walked.bytes.clone(), kind);
    // What was imported may not be sound by today's rules for its own type.
    let manifest = parse(Some(walked.media_type.clone()))
        .or_else(|refused| parse(MediaType::parse(UNKNOWN).ok()).map_err(|_| refused))?;
    let subject = manifest.subject().map(|subject| subject.digest);
    let references = manifest.references().iter().filter(|link| link.role != Role::Subject);
    let annotations = Some(manifest.annotations()).filter(|some| !some.is_empty());
    Ok(NewManifest {
        sha256: walked.sha256,
        sha512,
        media_type: walked.media_type.clone(),
        bytes: walked.bytes.clone(),
        references: references.map(|link| (link.role, link.descriptor.digest)).collect(),
        subject,
        artifact_type: subject.and_then(|_| manifest.artifact_type()),
        annotations: subject
            .and(annotations)
            .and_then(|annotations| serde_json::to_string(annotations).ok()),
    })
}
