//! `/v2/<name>/manifests/<reference>`.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, WARNING, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use oci::{ErrorCode, MediaType, Reference, ReferenceError, Tag};
use registry::access::{Delete, Pull, Push};
use registry::{Error, Granted, Registry};

use crate::answer::{Answer, EntityTag, OCI_SUBJECT, OCI_TAG};
use crate::call::Call;
use crate::failure::Failure;
use crate::http::condition::{Condition, weigh};
use crate::route::reference_code;
use crate::under_way::Coming;

/// Says that the metadata is out of reach, and that this is what it said lately.
pub(crate) const STALE: HeaderValue = HeaderValue::from_static("110 berth \"Response is Stale\"");

/// Whoever pushes chooses the type. A page among them must not run as one of ours in the browser of
/// somebody who has signed in here.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Most `?tag=` parameters of one push.
const MAX_TAGS: usize = 100;

/// The manifest as it was pushed; what the client accepts does not change it.
pub(crate) async fn get(
    registry: &Registry,
    granted: &Granted<Pull>,
    call: &Call<'_>,
    reference: &Result<Reference, ReferenceError>,
) -> Result<Answer, Failure> {
    let reference = reference.as_ref().map_err(unreadable)?;
    let manifest = registry.manifest(granted, reference).await?;
    let (tag, stale) = (EntityTag::of(&manifest.digest), manifest.stale);
    let answer = match weigh(call.headers, tag.digest()) {
        Condition::Failed => return Err(Failure::precondition()),
        Condition::NotModified => Answer::status(StatusCode::NOT_MODIFIED),
        Condition::Proceed => {
            if !call.is_head() {
                registry.count_pull(granted, reference, &manifest);
            }
            Answer::ok().text(CONTENT_TYPE, manifest.media_type.as_str()).full(manifest.bytes)
        }
    };
    let mut answer = answer.entity(tag);
    if stale {
        answer = answer.set(WARNING, STALE);
    }
    if !manifest.media_type.as_str().ends_with("json") {
        answer = answer
            .set(CONTENT_SECURITY_POLICY, NO_PAGE)
            .set(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    Ok(match reference {
        // A digest means the same bytes for ever; a tag may move at any time.
        Reference::Digest(_) => {
            answer.set(CACHE_CONTROL, HeaderValue::from_static("max-age=31536000"))
        }
        Reference::Tag(_) => answer,
    })
}

/// Stores a manifest and moves tags to it.
pub(crate) async fn put(
    registry: &Registry,
    granted: &Granted<Push>,
    call: &Call<'_>,
    reference: &Result<Reference, ReferenceError>,
    coming: Coming<'_>,
) -> Result<Answer, Failure> {
    let reference =
        reference.as_ref().map_err(|e| Failure::bad_request(reference_code(e), e.to_string()))?;
    let tags = tag_parameters(call, reference)?;
    let media_type = declared_type(call)?;
    let limit = registry.settings().manifest_max_bytes;
    let bytes = coming.body.collect(limit).await.map_err(Error::from)?;
    let bytes = bytes.ok_or(Error::ManifestTooLarge { limit })?;
    let granted = &coming.under_way.push(granted).await?;
    let pushed =
        registry.push_manifest(granted, reference, tags.clone(), media_type, bytes).await?;
    let location = call.url(&format!("/v2/{}/manifests/{}", granted.repository(), pushed.digest));
    let mut answer =
        Answer::status(StatusCode::CREATED).text(LOCATION, location).digest(&pushed.digest);
    if let Some(subject) = pushed.subject {
        answer = answer.text(OCI_SUBJECT, subject.to_string());
    }
    for tag in &tags {
        answer = answer.append(OCI_TAG, tag.as_str());
    }
    Ok(answer)
}

/// Removes a tag, or a manifest with every tag on it.
pub(crate) async fn delete(
    registry: &Registry,
    granted: &Granted<Delete>,
    reference: &Result<Reference, ReferenceError>,
) -> Result<Answer, Failure> {
    let reference =
        reference.as_ref().map_err(|e| Failure::bad_request(reference_code(e), e.to_string()))?;
    registry.delete_manifest(granted, reference).await?;
    Ok(Answer::status(StatusCode::ACCEPTED))
}

/// What cannot be a reference names nothing; only a broken digest is a mistake
/// of its own.
fn unreadable(error: &ReferenceError) -> Failure {
    match error {
        ReferenceError::Tag(_) => Failure::not_found(ErrorCode::ManifestUnknown, error.to_string()),
        ReferenceError::Digest(digest) => broken_digest(digest, ErrorCode::ManifestUnknown),
    }
}

/// 400 for a broken digest; one of an algorithm that is not stored here is
/// well-formed, and simply not there.
pub(crate) fn broken_digest(error: &oci::DigestError, unknown: ErrorCode) -> Failure {
    match error {
        oci::DigestError::Malformed { .. } => {
            Failure::bad_request(ErrorCode::DigestInvalid, error.to_string())
        }
        oci::DigestError::UnsupportedAlgorithm { .. } => {
            Failure::not_found(unknown, error.to_string())
        }
    }
}

/// `?tag=a&tag=b`: only on a push by digest, where the path has no tag.
fn tag_parameters(call: &Call<'_>, reference: &Reference) -> Result<Vec<Tag>, Failure> {
    let mut tags = Vec::new();
    if matches!(reference, Reference::Tag(_)) {
        return Ok(tags);
    }
    for text in call.query.all("tag") {
        if tags.len() == MAX_TAGS {
            let message = format!("more than {MAX_TAGS} tag parameters");
            return Err(Failure::new(StatusCode::URI_TOO_LONG, ErrorCode::TagInvalid, message));
        }
        let tag = Tag::parse(text)
            .map_err(|e| Failure::bad_request(ErrorCode::TagInvalid, e.to_string()))?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// The pushed type. None, or the type that says nothing, is left to the body.
fn declared_type(call: &Call<'_>) -> Result<Option<MediaType>, Failure> {
    let Some(text) = call.header(&CONTENT_TYPE) else { return Ok(None) };
    let parsed = MediaType::parse(text).map_err(|e| {
        Failure::bad_request(ErrorCode::ManifestInvalid, format!("Content-Type: {e}"))
    })?;
    Ok(Some(parsed).filter(|parsed| *parsed != MediaType::OCTET_STREAM))
}
