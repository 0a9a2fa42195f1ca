//! Readers of single members. Each either yields a value, `None` for an absent or null member, or
//! an error that names the member's path; documents of unknown types turn the error into `None`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::ManifestError;
use crate::descriptor::{Descriptor, Platform};
use crate::media_type::MediaType;
use crate::quote::quoted;

pub(super) type Object = Map<String, Value>;

/// Longest media type or artifact type in bytes; both stand in database indexes.
const MAX_TYPE_LENGTH: usize = 255;

/// The members of a descriptor that anyone acts on.
const DESCRIPTOR_MEMBERS: &[&str] =
    &["mediaType", "digest", "size", "artifactType", "annotations", "urls", "platform"];

/// Refuses members that differ from one of `names` in letter case alone. Go reads them as that
/// member, so its clients would follow a pointer that the registry does not see.
pub(super) fn check_spelling(
    object: &Object,
    path: &str,
    names: &[&'static str],
) -> Result<(), ManifestError> {
    // Upper case first: it turns the long s, which Go takes for an s, into a plain one.
    let fold = |key: &str| key.to_uppercase().to_lowercase();
    for key in object.keys().filter(|key| !names.contains(&key.as_str())) {
        let folded = fold(key);
        if let Some(expected) = names.iter().find(|name| fold(name) == folded) {
            return Err(ManifestError::Misspelled { field: quoted(&join(path, key)), expected });
        }
    }
    Ok(())
}

/// The member `key`; null counts as absent, as it does for most clients.
pub(super) fn member<'a>(object: &'a Object, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}

pub(super) fn wrong(field: String, value: Option<&Value>, rule: &'static str) -> ManifestError {
    let value = match value {
        None => "missing".to_owned(),
        Some(Value::String(text)) => quoted(text),
        Some(Value::Array(_)) => "an array".to_owned(),
        Some(Value::Object(_)) => "an object".to_owned(),
        Some(scalar) => scalar.to_string(),
    };
    ManifestError::Field { field, value, rule }
}

/// A media type or artifact type as written; the empty string counts as absent.
pub(super) fn type_name(
    object: &Object,
    path: &str,
    key: &str,
) -> Result<Option<String>, ManifestError> {
    match member(object, key) {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_TYPE_LENGTH => Ok(Some(text.clone())),
        value => Err(wrong(join(path, key), value, "it must be a string of at most 255 bytes")),
    }
}

/// A map of strings.
pub(super) fn annotations(
    object: &Object,
    path: &str,
) -> Result<BTreeMap<String, String>, ManifestError> {
    const RULE: &str = "it must be an object whose values are strings";
    let path = || join(path, "annotations");
    let members = match member(object, "annotations") {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(members)) => members,
        value => return Err(wrong(path(), value, RULE)),
    };
    let pair = |(key, value): (&String, &Value)| match value {
        Value::String(text) => Ok((key.clone(), text.clone())),
        other => Err(wrong(format!("{}[{}]", path(), quoted(key)), Some(other), RULE)),
    };
    members.iter().map(pair).collect()
}

/// The descriptor at `path`, whose digest stands under `digest_key`.
pub(super) fn descriptor(
    value: &Value,
    path: &str,
    digest_key: &str,
) -> Result<Descriptor, ManifestError> {
    let Value::Object(object) = value else {
        return Err(wrong(path.to_owned(), Some(value), "it must be a descriptor object"));
    };
    check_spelling(object, path, DESCRIPTOR_MEMBERS)?;
    let digest = match object.get(digest_key) {
        Some(Value::String(text)) => text
            .parse()
            .map_err(|source| ManifestError::Digest { field: join(path, digest_key), source })?,
        other => return Err(wrong(join(path, digest_key), other, "it must be a digest string")),
    };
    Ok(Descriptor {
        media_type: type_name(object, path, "mediaType")?
            .and_then(|text| MediaType::parse(&text).ok()),
        digest,
        size: size(object, path)?,
        artifact_type: type_name(object, path, "artifactType")?,
        annotations: annotations(object, path)?,
        urls: urls(object, path)?,
        platform: platform(object),
    })
}

fn size(object: &Object, path: &str) -> Result<Option<u64>, ManifestError> {
    let Some(value) = member(object, "size") else { return Ok(None) };
    let size = value.as_u64().filter(|size| i64::try_from(*size).is_ok());
    let rule = "it must be a whole number of bytes from 0 to 9223372036854775807";
    size.map(Some).ok_or_else(|| wrong(join(path, "size"), Some(value), rule))
}

fn urls(object: &Object, path: &str) -> Result<Vec<String>, ManifestError> {
    let rule = "it must be an array of strings";
    let error = |value| wrong(join(path, "urls"), Some(value), rule);
    let Some(value) = member(object, "urls") else { return Ok(Vec::new()) };
    let members = value.as_array().ok_or_else(|| error(value))?;
    members.iter().map(|url| url.as_str().map(str::to_owned).ok_or_else(|| error(url))).collect()
}

/// A platform is advice for clients; whatever cannot be read of it is left out.
fn platform(object: &Object) -> Option<Platform> {
    let platform = member(object, "platform")?.as_object()?;
    let text = |key| platform.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Platform {
        architecture: text("architecture").unwrap_or_default(),
        os: text("os").unwrap_or_default(),
        variant: text("variant").filter(|variant| !variant.is_empty()),
    })
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
