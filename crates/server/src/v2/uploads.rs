//! `/v2/<name>/blobs/uploads/…`.

use http::StatusCode;
use http::header::{CONTENT_RANGE, LOCATION, RANGE};
use oci::{Algorithm, ContentRange, Digest, DigestError, ErrorCode, RepositoryName};
use registry::access::{Access, Push};
use registry::{Granted, Registry, UploadHint};
use store::UploadId;

use crate::answer::{Answer, DOCKER_UPLOAD_UUID};
use crate::call::Call;
use crate::failure::{Failure, upload_range};
use crate::http::request_body::RequestBody;
use crate::under_way::Coming;

/// Opens an upload, mounts a blob, or takes a whole one.
pub(crate) async fn post(
    registry: &Registry,
    access: &Access,
    granted: &Granted<Push>,
    call: &Call<'_>,
    coming: Coming<'_>,
) -> Result<Answer, Failure> {
    if let Some(digest) = call.query.first("mount") {
        if let Some(answer) = mount(registry, access, granted, call, digest).await? {
            return Ok(answer);
        }
    } else if let Some(digest) = call.query.first("digest") {
        let digest = parse_digest(digest)?;
        // A digest without a body announces what a PUT will bring.
        if coming.body.declared_length() != Some(0) || digest_of_nothing(&digest) {
            let mut body = coming.guarded(granted);
            let result = registry.push_blob(granted, &mut body, digest).await;
            result.map_err(|error| body.failure(|| error.into()))?;
            return Ok(created(granted, call, &digest));
        }
    }
    let id = registry.start_upload(granted, hint(call)?);
    Ok(progress(StatusCode::ACCEPTED, granted, call, &id, 0))
}

/// Where the upload stands.
pub(crate) async fn get(
    registry: &Registry,
    granted: &Granted<Push>,
    call: &Call<'_>,
    id: &UploadId,
) -> Result<Answer, Failure> {
    let offset = registry.upload_offset(granted, id).await?;
    Ok(progress(StatusCode::NO_CONTENT, granted, call, id, offset))
}

/// Appends a chunk or a stream.
pub(crate) async fn patch(
    registry: &Registry,
    granted: &Granted<Push>,
    call: &Call<'_>,
    id: &UploadId,
    body: &mut RequestBody,
) -> Result<Answer, Failure> {
    let range = content_range(call, body)?;
    let result = registry.append(granted, id, range, body).await;
    let offset = result.map_err(|error| located(error, granted, call, id))?;
    Ok(progress(StatusCode::ACCEPTED, granted, call, id, offset))
}

/// Appends a last part, if there is one, and closes the upload.
pub(crate) async fn put(
    registry: &Registry,
    granted: &Granted<Push>,
    call: &Call<'_>,
    id: &UploadId,
    coming: Coming<'_>,
) -> Result<Answer, Failure> {
    let text = call.query.first("digest").ok_or_else(|| {
        Failure::bad_request(ErrorCode::DigestInvalid, "the closing PUT needs a digest parameter")
    })?;
    let digest = parse_digest(text)?;
    let range = content_range(call, coming.body)?;
    let mut body = coming.guarded(granted);
    let result = registry.finish_upload(granted, id, range, &mut body, digest).await;
    result.map_err(|error| body.failure(|| located(error, granted, call, id)))?;
    Ok(created(granted, call, &digest))
}

/// Cancels the upload.
pub(crate) async fn delete(
    registry: &Registry,
    granted: &Granted<Push>,
    id: &UploadId,
) -> Result<Answer, Failure> {
    registry.cancel_upload(granted, id).await?;
    Ok(Answer::status(StatusCode::NO_CONTENT).text(DOCKER_UPLOAD_UUID, id.as_str()))
}

/// A mount that cannot be is an upload instead: `None`. Only a broken digest
/// is a mistake.
async fn mount(
    registry: &Registry,
    access: &Access,
    granted: &Granted<Push>,
    call: &Call<'_>,
    digest: &str,
) -> Result<Option<Answer>, Failure> {
    let digest = match digest.parse::<Digest>() {
        Ok(digest) => digest,
        Err(DigestError::UnsupportedAlgorithm { .. }) => return Ok(None),
        Err(error) => {
            return Err(Failure::bad_request(ErrorCode::DigestInvalid, error.to_string()));
        }
    };
    let from = match call.query.first("from") {
        None | Some("") => None,
        Some(from) => match RepositoryName::parse(from) {
            Ok(from) => Some(from),
            Err(_) => return Ok(None),
        },
    };
    let mounted = registry.mount_blob(granted, access, digest, from).await?;
    Ok(mounted.then(|| created(granted, call, &digest)))
}

fn created(granted: &Granted<Push>, call: &Call<'_>, digest: &Digest) -> Answer {
    let location = call.url(&format!("/v2/{}/blobs/{digest}", granted.repository()));
    Answer::status(StatusCode::CREATED).text(LOCATION, location).digest(digest)
}

fn progress(
    status: StatusCode,
    granted: &Granted<Push>,
    call: &Call<'_>,
    id: &UploadId,
    offset: u64,
) -> Answer {
    Answer::status(status)
        .text(LOCATION, call.upload_url(granted.repository(), id))
        .text(RANGE, upload_range(offset))
        .text(DOCKER_UPLOAD_UUID, id.as_str())
}

/// A chunk out of order learns where to go on.
fn located(
    error: registry::Error,
    granted: &Granted<Push>,
    call: &Call<'_>,
    id: &UploadId,
) -> Failure {
    let failure = Failure::from(error);
    if failure.headers.contains_key(LOCATION) {
        failure
            .with(LOCATION, call.upload_url(granted.repository(), id))
            .with(DOCKER_UPLOAD_UUID, id.as_str())
    } else {
        failure
    }
}

fn parse_digest(text: &str) -> Result<Digest, Failure> {
    text.parse()
        .map_err(|e: DigestError| Failure::bad_request(ErrorCode::DigestInvalid, e.to_string()))
}

fn digest_of_nothing(digest: &Digest) -> bool {
    *digest == Digest::of(digest.algorithm(), b"")
}

/// `digest-algorithm`, or the algorithm of a digest announced by the POST.
fn hint(call: &Call<'_>) -> Result<UploadHint, Failure> {
    match call.query.first("digest-algorithm") {
        Some(text) => text.parse().map(UploadHint).map_err(|_| {
            let message =
                format!("digest-algorithm is {}, but must be sha256 or sha512", oci::quoted(text));
            Failure::bad_request(ErrorCode::DigestInvalid, message)
        }),
        None => {
            let announced = call.query.first("digest").and_then(|d| d.parse::<Digest>().ok());
            Ok(UploadHint(announced.map_or(Algorithm::Sha256, |digest| digest.algorithm())))
        }
    }
}

/// Where a chunk says it stands; its length must agree with the body's.
fn content_range(call: &Call<'_>, body: &RequestBody) -> Result<Option<ContentRange>, Failure> {
    let Some(value) = call.headers.get(CONTENT_RANGE) else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    let range = ContentRange::parse(&text)
        .map_err(|e| Failure::bad_request(ErrorCode::BlobUploadInvalid, e.to_string()))?;
    match body.declared_length() {
        Some(length) if length != range.length() => {
            let message = format!(
                "Content-Range {text} has {} bytes, but Content-Length is {length}",
                range.length()
            );
            Err(Failure::bad_request(ErrorCode::SizeInvalid, message))
        }
        _ => Ok(Some(range)),
    }
}
