//! `/v2/<name>/blobs/<digest>`.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE, WARNING,
};
use http::{HeaderValue, StatusCode};
use oci::{ByteRange, ByteRanges, Digest, DigestError, ErrorCode, RangeOutcome};
use registry::access::{Delete, Pull};
use registry::{Blob, BlobSize, Granted, Registry};
use store::{AddressRequest, ByteStream};

use super::manifests::{STALE, broken_digest};
use crate::answer::{Answer, EntityTag};
use crate::call::Call;
use crate::failure::Failure;
use crate::http::condition::{Condition, range_applies, weigh};
use crate::http::multipart::{self, BOUNDARY, Multipart};

/// A blob or parts of it. HEAD answers as GET would, without a byte.
pub(crate) async fn get(
    registry: &Registry,
    granted: &Granted<Pull>,
    call: &Call<'_>,
    digest: &Result<Digest, DigestError>,
) -> Result<Answer, Failure> {
    let digest = digest.as_ref().map_err(|error| broken_digest(error, ErrorCode::BlobUnknown))?;
    // A HEAD asks for no content, so none is looked at unless it may have to be
    // answered elsewhere.
    let mut found = match call.is_head() && !registry.sends_away() {
        true => {
            let BlobSize { size, stale } = registry.blob_size(granted, digest).await?;
            Found { size, stale, blob: None }
        }
        false => {
            let blob = registry.blob(granted, digest).await?;
            Found { size: blob.size, stale: blob.stale, blob: Some(blob) }
        }
    };
    let tag = EntityTag::of(digest);
    let condition = weigh(call.headers, tag.digest());
    if condition == Condition::Proceed
        && let Some(url) = address(registry, call, &found).await?
    {
        return Ok(found.warn(redirect(&url).digest(digest)));
    }
    if call.is_head() {
        found.blob = None;
    }
    let answer = match condition {
        Condition::Failed => return Err(Failure::precondition()),
        Condition::NotModified => Answer::status(StatusCode::NOT_MODIFIED),
        Condition::Proceed => match wanted(call, found.size, tag.digest())? {
            Wanted::Whole => whole(registry, &found).await?,
            Wanted::Part(range) => part(registry, &found, range).await?,
            Wanted::Parts(ranges) => parts(registry, &found, &ranges).await?,
        },
    };
    Ok(found
        .warn(answer)
        .entity(tag)
        .set(ACCEPT_RANGES, HeaderValue::from_static("bytes"))
        .set(CACHE_CONTROL, HeaderValue::from_static("max-age=31536000")))
}

/// Takes a blob out of the repository.
pub(crate) async fn delete(
    registry: &Registry,
    granted: &Granted<Delete>,
    digest: &Result<Digest, DigestError>,
) -> Result<Answer, Failure> {
    let digest = digest.as_ref().map_err(|error| broken_digest(error, ErrorCode::BlobUnknown))?;
    registry.delete_blob(granted, digest).await?;
    Ok(Answer::status(StatusCode::ACCEPTED))
}

/// A blob that is there.
struct Found {
    /// Bytes.
    size: u64,
    /// Whether that was said by memory.
    stale: bool,
    /// `None` if only its size was asked for.
    blob: Option<Blob>,
}

impl Found {
    fn warn(&self, answer: Answer) -> Answer {
        if self.stale { answer.set(WARNING, STALE) } else { answer }
    }
}

enum Wanted {
    Whole,
    Part(ByteRange),
    Parts(Vec<ByteRange>),
}

fn wanted(call: &Call<'_>, size: u64, etag: &str) -> Result<Wanted, Failure> {
    let Some(header) = call.header(&RANGE).filter(|_| range_applies(call.headers, etag)) else {
        return Ok(Wanted::Whole);
    };
    match ByteRanges::parse(header, size) {
        RangeOutcome::Whole => Ok(Wanted::Whole),
        RangeOutcome::Unsatisfiable => Err(Failure::unsatisfiable(size)),
        RangeOutcome::Satisfiable(ranges) => match ranges.as_slice() {
            [one] => Ok(Wanted::Part(*one)),
            _ => Ok(Wanted::Parts(ranges)),
        },
    }
}

const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");

async fn whole(registry: &Registry, found: &Found) -> Result<Answer, Failure> {
    let answer = Answer::ok().set(CONTENT_TYPE, OCTET_STREAM);
    let Some(blob) = &found.blob else { return Ok(answer.length_only(found.size)) };
    Ok(answer.stream(registry.read_blob(blob, None).await?, Some(blob.size)))
}

async fn part(registry: &Registry, found: &Found, range: ByteRange) -> Result<Answer, Failure> {
    let ByteRange { start, end_inclusive } = range;
    let answer = Answer::status(StatusCode::PARTIAL_CONTENT)
        .set(CONTENT_TYPE, OCTET_STREAM)
        .text(CONTENT_RANGE, format!("bytes {start}-{end_inclusive}/{}", found.size));
    let Some(blob) = &found.blob else { return Ok(answer.length_only(range.length())) };
    let stream = registry.read_blob(blob, Some(range)).await?;
    Ok(answer.stream(stream, Some(range.length())))
}

async fn parts(
    registry: &Registry,
    found: &Found,
    ranges: &[ByteRange],
) -> Result<Answer, Failure> {
    let length = multipart::length(ranges, found.size);
    let answer = Answer::status(StatusCode::PARTIAL_CONTENT)
        .text(CONTENT_TYPE, format!("multipart/byteranges; boundary={BOUNDARY}"));
    let Some(blob) = &found.blob else { return Ok(answer.length_only(length)) };
    let mut streams: Vec<(ByteRange, ByteStream)> = Vec::with_capacity(ranges.len());
    for range in ranges {
        streams.push((*range, registry.read_blob(blob, Some(*range)).await?));
    }
    Ok(answer.stream(Box::pin(Multipart::new(streams, found.size)), Some(length)))
}

/// Where the client is to fetch the blob, if not here. A range goes with it:
/// the client asks for it again there. The address is good for moments only, so
/// nothing may keep the answer.
async fn address(
    registry: &Registry,
    call: &Call<'_>,
    found: &Found,
) -> Result<Option<String>, Failure> {
    let Some(blob) = found.blob.as_ref().filter(|_| registry.sends_away()) else {
        return Ok(None);
    };
    let request = AddressRequest { head: call.is_head(), client: call.client() };
    Ok(registry.blob_address(blob, request).await?)
}

fn redirect(url: &str) -> Answer {
    Answer::status(StatusCode::TEMPORARY_REDIRECT)
        .text(LOCATION, url)
        .set(CACHE_CONTROL, HeaderValue::from_static("no-store"))
}
