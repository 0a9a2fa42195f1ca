//! Manifests of every kind, good and odd.

use bytes::Bytes;
use fuzz::{config, hostile};
use oci::{MAX_DESCRIPTORS, Manifest, MediaType, Role};
use proptest::prelude::*;
use testkit::fixture::{self, ManifestFixture};

fn fixtures() -> Vec<ManifestFixture> {
    let layers = vec![fixture::blob(1, 10), fixture::blob(2, 10)];
    let image = fixture::image_manifest(b"{}", &layers);
    vec![
        fixture::artifact(&image, "application/x"),
        fixture::index(&[&image]),
        fixture::docker_list(&[&image]),
        fixture::schema1(&layers),
        image,
    ]
}

fn examples() -> Vec<Vec<u8>> {
    let odd: [&[u8]; 4] = [
        b"{}",
        br#"{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:","size":-1}}"#,
        br#"{"schemaVersion":2,"schemaVersion":1,"manifests":[],"layers":[]}"#,
        br#"{"blobs":[{"mediaType":"a/b","digest":"x","size":1,"urls":["http://a"]}]}"#,
    ];
    let good = fixtures().into_iter().map(|fixture| fixture.bytes);
    good.chain(odd.map(<[u8]>::to_vec)).collect()
}

fn declared() -> impl Strategy<Value = Option<MediaType>> {
    let kinds = [
        MediaType::OCI_MANIFEST,
        MediaType::OCI_INDEX,
        MediaType::OCI_ARTIFACT,
        MediaType::DOCKER_MANIFEST,
        MediaType::DOCKER_LIST,
        MediaType::DOCKER_SCHEMA1,
        MediaType::DOCKER_SCHEMA1_SIGNED,
        "application/unknown+json",
    ];
    let kinds = kinds.map(|kind| MediaType::parse(kind).unwrap());
    proptest::option::of(proptest::sample::select(kinds.to_vec()))
}

proptest! {
    #![proptest_config(config(4000))]

    #[test]
    fn a_manifest_keeps_its_bytes_and_names_a_bounded_number_of_things(
        bytes in hostile(examples()),
        declared in declared(),
    ) {
        match Manifest::parse(Bytes::from(bytes.clone()), declared.clone()) {
            Ok(manifest) => {
                prop_assert_eq!(manifest.bytes(), &bytes);
                prop_assert_eq!(manifest.size(), bytes.len() as u64);
                prop_assert!(manifest.references().len() <= MAX_DESCRIPTORS + 1);
                if let Some(declared) = declared {
                    prop_assert_eq!(manifest.media_type(), &declared);
                }
                prop_assert!(manifest.artifact_type().is_none_or(|kind| kind.len() <= bytes.len()));
                prop_assert!(manifest.annotations().len() <= bytes.len());
                let subject = manifest.references().iter().find(|link| link.role == Role::Subject);
                let subject = subject.map(|link| link.descriptor.digest);
                prop_assert_eq!(manifest.subject().map(|subject| subject.digest), subject);
            }
            Err(error) => prop_assert!(error.to_string().len() < 2000),
        }
    }

    #[test]
    fn deep_json_is_refused_and_not_followed(depth in 1_usize..200_000, open in "[\\[{]") {
        let text = match open.as_str() {
            "[" => "[".repeat(depth),
            _ => "{\"a\":".repeat(depth),
        };
        prop_assert!(Manifest::parse(Bytes::from(text), None).is_err());
    }
}
