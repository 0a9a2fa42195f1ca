//! Tables of documents, good, odd and hostile.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn digest(seed: &str) -> String {
    Digest::sha256(seed.as_bytes()).to_string()
}

fn descriptor(seed: &str, media_type: &str) -> Value {
    json!({"mediaType": media_type, "digest": digest(seed), "size": seed.len()})
}

fn image() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": descriptor("config", MediaType::OCI_CONFIG),
        "layers": [descriptor("a", MediaType::OCI_LAYER_GZIP), descriptor("b", MediaType::OCI_LAYER)],
    })
}

fn index() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": [descriptor("m", MediaType::OCI_MANIFEST)],
    })
}

fn with(mut document: Value, key: &str, value: Value) -> Value {
    document[key] = value;
    document
}

fn without(mut document: Value, key: &str) -> Value {
    document.as_object_mut().unwrap().remove(key);
    document
}

fn declared(text: &str) -> Option<MediaType> {
    Some(MediaType::parse(text).unwrap())
}

fn parse(document: &Value) -> Result<Manifest, ManifestError> {
    Manifest::parse(serde_json::to_vec(document).unwrap().into(), None)
}

fn raw(body: &'static [u8], media_type: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(Bytes::from_static(body), declared(media_type))
}

fn roles(manifest: &Manifest) -> Vec<(Role, Digest)> {
    manifest.references().iter().map(|link| (link.role, link.descriptor.digest)).collect()
}

#[test]
fn an_image_yields_its_config_and_layers_and_keeps_its_bytes() {
    let bytes = Bytes::from(serde_json::to_vec_pretty(&image()).unwrap());
    let manifest = Manifest::parse(bytes.clone(), declared(MediaType::OCI_MANIFEST)).unwrap();
    assert_eq!(manifest.bytes(), &bytes);
    assert_eq!(manifest.size(), bytes.len() as u64);
    assert_eq!(manifest.digest(Algorithm::Sha512), Digest::of(Algorithm::Sha512, &bytes));
    assert_eq!(manifest.kind(), ManifestKind::Image);
    assert_eq!(manifest.config_media_type(), Some(MediaType::OCI_CONFIG));
    let of = |seed: &str| Digest::sha256(seed.as_bytes());
    let expected = [(Role::Config, of("config")), (Role::Layer, of("a")), (Role::Layer, of("b"))];
    assert_eq!(roles(&manifest), expected);
    assert_eq!(manifest.references()[0].descriptor.size, Some(6));
}

#[test]
fn a_digest_is_listed_once_per_role() {
    let twice =
        json!([descriptor("a", MediaType::OCI_LAYER), descriptor("a", MediaType::OCI_LAYER)]);
    let document = with(image(), "layers", twice);
    let document = with(document, "config", descriptor("a", MediaType::OCI_EMPTY));
    let a = Digest::sha256(b"a");
    assert_eq!(roles(&parse(&document).unwrap()), [(Role::Config, a), (Role::Layer, a)]);
}

#[test]
fn children_subject_annotations_and_platform_are_read() {
    let child = with(
        descriptor("m", MediaType::OCI_MANIFEST),
        "platform",
        json!({"architecture": "arm64", "os": "linux", "variant": "v8", "os.version": 7}),
    );
    let document = with(index(), "manifests", json!([child]));
    let document = with(document, "subject", descriptor("s", MediaType::OCI_MANIFEST));
    let document = with(document, "annotations", json!({"k": "v"}));
    let manifest = parse(&document).unwrap();
    assert_eq!(manifest.kind(), ManifestKind::Index);
    assert_eq!(manifest.subject().unwrap().digest, Digest::sha256(b"s"));
    assert_eq!(manifest.annotations()["k"], "v");
    let platform = manifest.references()[0].descriptor.platform.as_ref().unwrap();
    assert_eq!((platform.architecture.as_str(), platform.os.as_str()), ("arm64", "linux"));
    assert_eq!(platform.variant.as_deref(), Some("v8"));
}

#[test]
fn foreign_layers_are_flagged() {
    let urls =
        with(descriptor("a", MediaType::OCI_LAYER), "urls", json!(["https://example.com/a"]));
    let foreign = descriptor("b", MediaType::DOCKER_FOREIGN_LAYER);
    let own = descriptor("c", MediaType::OCI_LAYER);
    let manifest = parse(&with(image(), "layers", json!([urls, foreign, own]))).unwrap();
    let flags: Vec<_> =
        manifest.references().iter().map(|link| link.descriptor.is_foreign()).collect();
    assert_eq!(flags, [false, true, true, false]);
}

#[test]
fn the_artifact_type_is_the_own_one_then_the_configs_then_none() {
    let kind = |document: &Value| parse(document).unwrap().artifact_type();
    assert_eq!(kind(&image()).as_deref(), Some(MediaType::OCI_CONFIG));
    assert_eq!(kind(&with(image(), "artifactType", json!("x/y"))).as_deref(), Some("x/y"));
    assert_eq!(
        kind(&with(image(), "artifactType", json!(""))).as_deref(),
        Some(MediaType::OCI_CONFIG)
    );
    assert_eq!(kind(&index()), None);
    assert_eq!(kind(&with(index(), "config", descriptor("c", "x/c"))), None);
    assert_eq!(kind(&with(index(), "artifactType", json!("x/y"))).as_deref(), Some("x/y"));
}

#[test]
fn a_missing_type_is_inferred() {
    for (document, expected) in [
        (image(), MediaType::OCI_MANIFEST),
        (without(image(), "mediaType"), MediaType::OCI_MANIFEST),
        (without(index(), "mediaType"), MediaType::OCI_INDEX),
        (with(image(), "mediaType", json!(MediaType::DOCKER_MANIFEST)), MediaType::DOCKER_MANIFEST),
        (with(index(), "mediaType", json!("application/x+json")), "application/x+json"),
        (json!({"schemaVersion": 1, "fsLayers": []}), MediaType::DOCKER_SCHEMA1),
        (json!({"schemaVersion": 1, "signatures": []}), MediaType::DOCKER_SCHEMA1_SIGNED),
    ] {
        assert_eq!(*parse(&document).unwrap().media_type(), expected, "{document}");
    }
}

#[test]
fn odd_but_lawful_documents_are_accepted() {
    for document in [
        without(image(), "layers"),
        with(image(), "layers", json!(null)),
        with(image(), "x-unknown", json!({"deep": [1, {"er": null}], "Er": 1})),
        with(image(), "config", with(descriptor("c", MediaType::OCI_EMPTY), "data", json!("e30="))),
        with(image(), "layers", json!([descriptor("a", "no media type")])),
        with(image(), "layers", json!([{"digest": digest("a")}])),
        with(image(), "subject", json!(null)),
        with(image(), "mediaType", json!("")),
        with(index(), "manifests", json!([])),
        with(index(), "layers", json!(null)),
    ] {
        assert!(parse(&document).is_ok(), "{document}: {:?}", parse(&document).err());
    }
}

#[test]
fn refusals_name_the_field_the_value_and_the_rule() {
    let layer = |key: &str, value: Value| {
        let good = || descriptor("a", MediaType::OCI_LAYER);
        with(image(), "layers", json!([good(), good(), good(), with(good(), key, value)]))
    };
    let blake3 = format!("blake3:{}", "a".repeat(64));
    let long = "x".repeat(256);
    for (document, expected) in [
        (
            layer("digest", json!(blake3)),
            "manifest field layers[3].digest: unsupported digest algorithm \"blake3\"",
        ),
        (layer("digest", json!("x")), "manifest field layers[3].digest: invalid digest \"x\""),
        (layer("digest", json!(1)), "manifest field layers[3].digest is 1: "),
        (
            layer("size", json!(-1)),
            "manifest field layers[3].size is -1: it must be a whole number",
        ),
        (layer("size", json!(1.5)), "manifest field layers[3].size is 1.5: "),
        (
            layer("size", json!(1_u64 << 63)),
            "manifest field layers[3].size is 9223372036854775808: ",
        ),
        (layer("urls", json!([1])), "manifest field layers[3].urls is 1: "),
        (
            layer("annotations", json!({"a": 1})),
            "manifest field layers[3].annotations[\"a\"] is 1: ",
        ),
        (layer("mediaType", json!(long)), "manifest field layers[3].mediaType is \"xxx"),
        (layer("Digest", json!("x")), "manifest field \"layers[3].Digest\" must be written digest"),
        (with(image(), "config", json!({})), "manifest field config.digest is missing: "),
        (with(image(), "layers", json!({})), "manifest field layers is an object: "),
        (with(image(), "layers", json!(["x"])), "manifest field layers[0] is \"x\": "),
        (with(image(), "subject", json!(7)), "manifest field subject is 7: "),
        (with(image(), "annotations", json!([])), "manifest field annotations is an array: "),
        (with(image(), "artifactType", json!(5)), "manifest field artifactType is 5: "),
        (with(image(), "mediaType", json!(5)), "manifest field mediaType is 5: "),
        (
            with(image(), "mediaType", json!("x")),
            "manifest field mediaType is \"x\": it must be <type>/<subtype>",
        ),
        (
            with(image(), "schemaVersion", json!(1)),
            "manifest field schemaVersion is 1: it must be 2",
        ),
        (with(image(), "schemaVersion", json!("2")), "manifest field schemaVersion is \"2\": "),
        (without(index(), "schemaVersion"), "manifest field schemaVersion is missing: "),
        (with(image(), "Layers", json!([])), "manifest field \"Layers\" must be written layers"),
        (
            with(image(), "layer\u{17f}", json!([])),
            "manifest field \"layerſ\" must be written layers",
        ),
        (with(index(), "layers", json!([])), "manifest field layers does not belong into"),
        (with(index(), "fsLayers", json!([])), "manifest field fsLayers does not belong into"),
        (with(image(), "manifests", json!([])), "manifest field manifests does not belong into"),
    ] {
        let text = parse(&document).unwrap_err().to_string();
        assert!(text.starts_with(expected), "{text}\nexpected {expected}");
        assert!(text.chars().count() < 400, "{text}");
    }
}

#[test]
fn hostile_bytes_are_refused_for_known_types() {
    for body in [
        &b"{\"schemaVersion\":2,\"schemaVersion\":2}"[..],
        b"{\"schemaVersion\":2} {}",
        b"\xEF\xBB\xBF{\"schemaVersion\":2}",
        b"{\"schemaVersion\":2,\"x\":\"\xC0\x80\"}",
        b"[]",
        b"",
        b"{\"schemaVersion\":2",
    ] {
        for media_type in [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX, MediaType::DOCKER_LIST] {
            assert!(raw(body, media_type).is_err(), "{body:?}");
        }
    }
}

#[test]
fn header_and_body_must_agree_on_the_type() {
    let body = Bytes::from(serde_json::to_vec(&image()).unwrap());
    let parse = |media_type| Manifest::parse(body.clone(), declared(media_type));
    for other in [MediaType::OCI_INDEX, MediaType::DOCKER_MANIFEST, "application/x+json"] {
        let error = parse(other).unwrap_err();
        assert!(matches!(error, ManifestError::MediaTypeMismatch { .. }), "{error}");
    }
    assert!(parse("application/vnd.oci.image.manifest.v1+json; charset=utf-8").is_ok());
    assert!(raw(br#"{"mediaType":"a/b"}"#, "application/x+json").is_ok());
}

#[test]
fn unknown_types_are_stored_raw_with_the_references_that_can_be_read() {
    for body in
        [&b""[..], b"not json", b"\xFF\xFE", b"[[[[", b"{\"a\":", b"{\"config\":7,\"layers\":{}}"]
    {
        let manifest = raw(body, "application/x").unwrap();
        assert_eq!((manifest.kind(), manifest.references().len()), (ManifestKind::Other, 0));
        assert_eq!(&manifest.bytes()[..], body);
    }
    let body = json!({
        "mediaType": 5,
        "blobs": [descriptor("a", "x/y"), {"digest": "blake3:00"}, 3],
        "subject": descriptor("s", "x/y"),
    });
    let bytes = Bytes::from(serde_json::to_vec(&body).unwrap());
    let manifest = Manifest::parse(bytes, declared("application/x+json")).unwrap();
    let expected = [(Role::Blob, Digest::sha256(b"a")), (Role::Subject, Digest::sha256(b"s"))];
    assert_eq!(roles(&manifest), expected);
}

#[test]
fn schema_1_is_stored_with_its_layers() {
    let body = json!({"schemaVersion": 1, "fsLayers": [{"blobSum": digest("a")}, {"blobSum": digest("a")}]});
    let manifest = parse(&body).unwrap();
    assert_eq!(manifest.kind(), ManifestKind::Other);
    assert_eq!(roles(&manifest), [(Role::Layer, Digest::sha256(b"a"))]);
    assert_eq!(manifest.references()[0].descriptor.size, None);
}

#[test]
fn the_number_of_descriptors_is_bounded_for_every_type() {
    let layers = |count| vec![descriptor("a", MediaType::OCI_LAYER); count];
    let document = |count| with(image(), "layers", json!(layers(count)));
    assert!(parse(&document(MAX_DESCRIPTORS - 1)).is_ok());
    let error = parse(&document(MAX_DESCRIPTORS)).unwrap_err();
    assert_eq!(error, ManifestError::TooManyDescriptors { count: MAX_DESCRIPTORS + 1 });
    let unknown = with(document(MAX_DESCRIPTORS), "mediaType", json!("application/x+json"));
    assert!(parse(&unknown).is_err());
}

#[test]
fn a_descriptor_serializes_in_the_words_of_the_specification() {
    let source = with(descriptor("m", MediaType::OCI_MANIFEST), "artifactType", json!("x/y"));
    let source = with(source, "annotations", json!({"k": "v"}));
    let source = with(source, "platform", json!({"architecture": "amd64", "os": "linux"}));
    let manifest = parse(&with(index(), "manifests", json!([source]))).unwrap();
    assert_eq!(serde_json::to_value(&manifest.references()[0].descriptor).unwrap(), source);
}

#[test]
fn roles_read_back_from_their_column_form() {
    for role in [Role::Config, Role::Layer, Role::Child, Role::Blob, Role::Subject] {
        assert_eq!(role.as_str().parse::<Role>(), Ok(role));
    }
    assert!("Layer".parse::<Role>().is_err());
}

proptest! {
    #[test]
    fn any_bytes_under_any_type_never_panic(body: Vec<u8>, known: bool) {
        let media_type = if known { MediaType::OCI_INDEX } else { "application/x" };
        let parsed = Manifest::parse(Bytes::from(body.clone()), declared(media_type));
        prop_assert!(known || parsed.is_ok_and(|manifest| manifest.bytes() == &body));
    }

    #[test]
    fn every_layer_that_was_written_is_read(seeds in prop::collection::btree_set("[a-z]{1,6}", 0..20)) {
        let layers: Vec<_> = seeds.iter().map(|seed| descriptor(seed, MediaType::OCI_LAYER)).collect();
        let manifest = parse(&with(image(), "layers", json!(layers))).unwrap();
        let read: Vec<_> = roles(&manifest).into_iter().skip(1).collect();
        let written: Vec<_> =
            seeds.iter().map(|seed| (Role::Layer, Digest::sha256(seed.as_bytes()))).collect();
        prop_assert_eq!(read, written);
    }
}
