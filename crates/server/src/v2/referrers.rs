//! `/v2/<name>/referrers/<digest>`.

use http::HeaderValue;
use http::header::{CONTENT_TYPE, LINK};
use oci::{Digest, DigestError, ErrorCode, MediaType};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use registry::access::Pull;
use registry::{Granted, Referrers, Registry};
use serde::Serialize;
use serde_json::Value;
use store::ReferrerRecord;

use crate::answer::{Answer, OCI_FILTERS_APPLIED};
use crate::call::Call;
use crate::failure::Failure;

/// Most `artifactType` parameters of one request.
const MAX_TYPES: usize = 32;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Value>,
}

/// What is attached to a digest: always an index, known digest or not.
pub(crate) async fn get(
    registry: &Registry,
    granted: &Granted<Pull>,
    call: &Call<'_>,
    digest: &Result<Digest, DigestError>,
) -> Result<Answer, Failure> {
    let types: Vec<String> =
        call.query.all("artifactType").take(MAX_TYPES).map(str::to_owned).collect();
    let after = call.after().and_then(|last| last.parse().ok());
    let page = match digest {
        Ok(digest) => registry.referrers(granted, digest, &types, after).await?,
        Err(DigestError::UnsupportedAlgorithm { .. }) => Referrers::default(),
        Err(error) => {
            return Err(Failure::bad_request(ErrorCode::DigestInvalid, error.to_string()));
        }
    };
    let next = page.next;
    let index = Index {
        schema_version: 2,
        media_type: MediaType::OCI_INDEX,
        manifests: page.referrers.into_iter().map(Entry::from).collect(),
    };
    let mut answer =
        Answer::ok().json(&index).set(CONTENT_TYPE, HeaderValue::from_static(MediaType::OCI_INDEX));
    if !types.is_empty() {
        answer = answer.set(OCI_FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    if let (Some(next), Ok(digest)) = (next, digest) {
        answer = answer.text(LINK, next_link(granted, call, digest, &next, &types));
    }
    Ok(answer)
}

/// The next page, with the same filters.
fn next_link(
    granted: &Granted<Pull>,
    call: &Call<'_>,
    digest: &Digest,
    next: &Digest,
    types: &[String],
) -> String {
    let path = call.url(&format!("/v2/{}/referrers/{digest}", granted.repository()));
    let filters: String = types
        .iter()
        .map(|one| format!("&artifactType={}", utf8_percent_encode(one, NON_ALPHANUMERIC)))
        .collect();
    format!("<{path}?last={next}{filters}>; rel=\"next\"")
}

impl From<ReferrerRecord> for Entry {
    fn from(record: ReferrerRecord) -> Self {
        Self {
            media_type: record.media_type.as_str().to_owned(),
            digest: record.digest.to_string(),
            size: record.size,
            artifact_type: record.artifact_type,
            annotations: record.annotations.and_then(|json| serde_json::from_str(&json).ok()),
        }
    }
}
