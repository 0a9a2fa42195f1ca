//! From bytes to the view: which type is it, does the body agree, what does it point at.

use std::collections::HashSet;

use serde_json::Value;

use super::error::ManifestError;
use super::fields::{self, Object, member, wrong};
use super::{Link, MAX_DESCRIPTORS, ManifestKind, Role, View};
use crate::json::{self, JsonError};
use crate::media_type::MediaType;
use crate::quote::quoted;

/// The members that hold lists of descriptors, with the member of each that is the digest.
const LISTS: [(&str, Role, &str); 4] = [
    ("layers", Role::Layer, "digest"),
    ("manifests", Role::Child, "digest"),
    ("blobs", Role::Blob, "digest"),
    ("fsLayers", Role::Layer, "blobSum"),
];

/// The members of a manifest that anyone acts on.
const MEMBERS: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "blobs",
    "fsLayers",
    "subject",
    "annotations",
];

pub(super) fn parse(
    bytes: &[u8],
    declared: Option<MediaType>,
) -> Result<(MediaType, ManifestKind, View), ManifestError> {
    let object = match (json::object(bytes), &declared) {
        (Ok(object), _) => object,
        (Err(JsonError::NotAnObject(_)), Some(media_type)) if kind(media_type).is_other() => {
            return Ok((media_type.clone(), ManifestKind::Other, View::default()));
        }
        (Err(error), _) => return Err(error.into()),
    };
    let media_type = media_type(&object, declared)?;
    let kind = kind(&media_type);
    if !kind.is_other() {
        fields::check_spelling(&object, "", MEMBERS)?;
        check_schema_version(&object)?;
        check_confusion(&object, kind, &media_type)?;
    }
    Ok((media_type, kind, view(&object, Reader { strict: !kind.is_other() })?))
}

fn kind(media_type: &MediaType) -> ManifestKind {
    if media_type.is_manifest() {
        ManifestKind::Image
    } else if media_type.is_index() {
        ManifestKind::Index
    } else {
        ManifestKind::Other
    }
}

impl ManifestKind {
    fn is_other(self) -> bool {
        self == Self::Other
    }
}

/// The declared type, which the body must not contradict, or the inferred one.
fn media_type(object: &Object, declared: Option<MediaType>) -> Result<MediaType, ManifestError> {
    let body = match fields::type_name(object, "", "mediaType") {
        Ok(body) => body,
        // To an unknown type the member may mean anything.
        Err(_) if declared.as_ref().is_some_and(|declared| !is_known(declared)) => None,
        Err(error) => return Err(error),
    };
    let parsed = body.as_deref().map(MediaType::parse);
    match (declared, parsed) {
        (None, None) => Ok(infer(object)),
        (None, Some(Ok(body))) => Ok(body),
        (None, Some(Err(error))) => Err(ManifestError::Field {
            field: "mediaType".to_owned(),
            value: error.value,
            rule: error.rule,
        }),
        (Some(declared), None) => Ok(declared),
        (Some(declared), Some(body)) => {
            let differs = body.as_ref() != Ok(&declared);
            let matters = is_known(&declared) || body.as_ref().is_ok_and(is_known);
            if !(differs && matters) {
                return Ok(declared);
            }
            let body = body.map_or_else(|error| error.value, |body| quoted(body.as_str()));
            Err(ManifestError::MediaTypeMismatch { header: quoted(declared.as_str()), body })
        }
    }
}

/// Types whose bodies this registry or its clients look into.
fn is_known(media_type: &MediaType) -> bool {
    media_type.is_manifest() || media_type.is_index() || media_type.is_schema1()
}

/// The type of a body that does not tell its own.
fn infer(object: &Object) -> MediaType {
    let is_schema1 = member(object, "schemaVersion").and_then(Value::as_u64) == Some(1);
    MediaType::known(if is_schema1 && object.contains_key("signatures") {
        MediaType::DOCKER_SCHEMA1_SIGNED
    } else if is_schema1 {
        MediaType::DOCKER_SCHEMA1
    } else if member(object, "manifests").is_some() {
        MediaType::OCI_INDEX
    } else {
        MediaType::OCI_MANIFEST
    })
}

fn check_schema_version(object: &Object) -> Result<(), ManifestError> {
    match object.get("schemaVersion") {
        Some(version) if version.as_u64() == Some(2) => Ok(()),
        other => Err(wrong("schemaVersion".to_owned(), other, "it must be 2 for this media type")),
    }
}

/// Refuses a document that one client would take for an image and another for an index.
fn check_confusion(
    object: &Object,
    kind: ManifestKind,
    media_type: &MediaType,
) -> Result<(), ManifestError> {
    let strangers: &[&'static str] = match kind {
        ManifestKind::Image => &["manifests"],
        ManifestKind::Index => &["layers", "fsLayers"],
        ManifestKind::Other => &[],
    };
    match strangers.iter().find(|field| member(object, field).is_some()) {
        None => Ok(()),
        Some(field) => {
            Err(ManifestError::Confused { field, media_type: quoted(media_type.as_str()) })
        }
    }
}

/// Known types must be right in every member that is read; of others we take what we understand.
#[derive(Clone, Copy)]
struct Reader {
    strict: bool,
}

impl Reader {
    fn take<T: Default>(self, result: Result<T, ManifestError>) -> Result<T, ManifestError> {
        if self.strict { result } else { Ok(result.unwrap_or_default()) }
    }
}

fn view(object: &Object, reader: Reader) -> Result<View, ManifestError> {
    let config = member(object, "config").and_then(Value::as_object);
    let config_media_type = match config {
        Some(config) => reader.take(fields::type_name(config, "config", "mediaType"))?,
        None => None,
    };
    Ok(View {
        artifact_type: reader.take(fields::type_name(object, "", "artifactType"))?,
        config_media_type,
        annotations: reader.take(fields::annotations(object, ""))?,
        references: references(object, reader)?,
    })
}

fn references(object: &Object, reader: Reader) -> Result<Vec<Link>, ManifestError> {
    check_count(object)?;
    let mut links = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |value: &Value, path: &str, role: Role, digest_key: &str| {
        let descriptor = fields::descriptor(value, path, digest_key).map(Some);
        if let Some(descriptor) = reader.take(descriptor)?
            && seen.insert((role, descriptor.digest))
        {
            links.push(Link { role, descriptor });
        }
        Ok::<_, ManifestError>(())
    };
    if let Some(config) = member(object, "config") {
        add(config, "config", Role::Config, "digest")?;
    }
    for (field, role, digest_key) in LISTS {
        let values = reader.take(list(object, field))?;
        for (index, value) in values.iter().enumerate() {
            add(value, &format!("{field}[{index}]"), role, digest_key)?;
        }
    }
    if let Some(subject) = member(object, "subject") {
        add(subject, "subject", Role::Subject, "digest")?;
    }
    Ok(links)
}

fn list<'a>(object: &'a Object, field: &str) -> Result<&'a [Value], ManifestError> {
    match member(object, field) {
        None => Ok(&[]),
        Some(Value::Array(values)) => Ok(values),
        value => Err(wrong(field.to_owned(), value, "it must be an array of descriptors")),
    }
}

fn check_count(object: &Object) -> Result<(), ManifestError> {
    let single = ["config", "subject"].iter().filter(|key| member(object, key).is_some()).count();
    let listed = |(field, _, _): &(&str, Role, &str)| {
        member(object, field).and_then(Value::as_array).map_or(0, Vec::len)
    };
    let count = LISTS.iter().map(listed).sum::<usize>() + single;
    if count > MAX_DESCRIPTORS {
        return Err(ManifestError::TooManyDescriptors { count });
    }
    Ok(())
}

impl From<JsonError> for ManifestError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::NotAnObject(reason) => Self::NotAnObject { reason },
            JsonError::DuplicateKey(key) => Self::DuplicateKey { key },
            JsonError::TooDeep => Self::TooDeep,
        }
    }
}
