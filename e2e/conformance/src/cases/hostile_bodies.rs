//! Hostile manifests: refused with a reason or stored raw, never a server error.

use super::table;
use crate::context::Context;
use crate::failure::{Outcome, ensure};
use crate::manifest::{Manifest, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};
use serde_json::{Value, json};

table! {
    deeply_nested_json_is_refused: "input" Berth,
    deeply_nested_unknown_field_is_no_server_error: "input" Berth,
    bad_utf8_in_a_manifest_is_400: "input" Berth,
    byte_order_mark_is_no_server_error: "input" Berth,
    odd_sizes_in_descriptors_are_no_server_error: "input" Berth,
    negative_size_is_400: "input" Berth,
    odd_types_of_fields_are_400: "input" Berth,
    odd_types_of_fields_are_no_server_error: "input" Berth,
    duplicated_json_keys_are_no_server_error: "input" Berth,
    odd_schema_versions_are_no_server_error: "input" Berth,
    odd_subjects_are_no_server_error: "input" Berth,
    malformed_subject_digest_is_400: "M2" Berth,
    very_many_descriptors_are_taken_or_refused: "input" Berth,
    very_many_annotations_are_taken_or_refused: "input" Berth,
    odd_content_types_are_no_server_error: "input" Berth,
    content_type_against_media_type_is_no_server_error: "input" Berth,
    binary_body_is_refused: "input" Berth,
    refused_manifests_are_answered_in_oci_json: "G4" Must,
    content_encoding_of_an_upload_is_not_undone: "G8" Berth,
}

fn push_raw(
    ctx: &Context,
    media_type: &str,
    bytes: impl Into<Vec<u8>>,
) -> Result<u16, crate::Failure> {
    let repository = ctx.repository();
    let manifest = Manifest::raw(media_type, bytes);
    let answer =
        repository.put("latest", &manifest).send()?.one_of(&[201, 400, 404, 413, 415, 422])?;
    let answer = answer.oci_error_if_any()?;
    if answer.status == 201 {
        repository.pull("latest")?.body_is(&manifest.bytes)?;
    }
    Ok(answer.status)
}

fn deeply_nested_json_is_refused(ctx: &Context) -> Outcome {
    for depth in [1_000, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = if open == "[" { "" } else { "1" };
            let text = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            let status = push_raw(ctx, OCI_MANIFEST, text)?;
            ensure!(status != 201, "JSON nested {depth} deep was taken for a manifest");
        }
    }
    ctx.get("/v2/").send()?.expect(200)?;
    Ok(())
}

fn deeply_nested_unknown_field_is_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let text = repository.image_document()?.to_string();
    for depth in [100, 20_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let text = text.replacen('{', &format!("{{\"org.example.deep\":{nested},"), 1);
        let manifest = Manifest::raw(OCI_MANIFEST, text);
        repository.put("deep", &manifest).send()?.one_of(&[201, 400])?.oci_error_if_any()?;
    }
    ctx.get("/v2/").send()?.expect(200)?;
    Ok(())
}

fn bad_utf8_in_a_manifest_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut document = repository.image_document()?;
    document["annotations"] = json!({"org.example.text": "MARK"});
    let text = document.to_string().into_bytes();
    let at = text.windows(4).position(|w| w == b"MARK").unwrap_or_default();
    for bad in [[0xff, 0xfe, 0xfd, 0xfc], [0xc3, 0x28, 0xa0, 0xa1], [0xed, 0xa0, 0x80, 0x41]] {
        let mut bytes = text.clone();
        bytes[at..at + 4].copy_from_slice(&bad);
        let manifest = Manifest::raw(OCI_MANIFEST, bytes);
        repository.put("latest", &manifest).send()?.expect(400)?.code(&["MANIFEST_INVALID"])?;
    }
    Ok(())
}

fn byte_order_mark_is_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let text = repository.image_document()?.to_string();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [format!("\u{feff}{text}").into_bytes(), utf16] {
        let answer = repository.put("latest", &Manifest::raw(OCI_MANIFEST, bytes)).send()?;
        answer.one_of(&[201, 400])?.oci_error_if_any()?;
    }
    Ok(())
}

/// The image with this text in place of the size of its layer.
fn with_size<'a>(
    ctx: &'a Context,
    size: &str,
) -> Result<(crate::repository::Repository<'a>, Manifest), crate::Failure> {
    let repository = ctx.repository();
    let mut document = repository.image_document()?;
    document["layers"][0]["size"] = json!("SIZE");
    let text = document.to_string().replace("\"SIZE\"", size);
    Ok((repository, Manifest::raw(OCI_MANIFEST, text)))
}

fn odd_sizes_in_descriptors_are_no_server_error(ctx: &Context) -> Outcome {
    for size in [
        "1e400",
        "-1",
        "1.5",
        "99999999999999999999999999",
        "\"300\"",
        "null",
        "true",
        "[]",
        "9223372036854775808",
        "0",
    ] {
        let (repository, manifest) = with_size(ctx, size)?;
        let answer = repository.put("latest", &manifest).send()?;
        answer.one_of(&[201, 400])?.oci_error_if_any()?;
    }
    Ok(())
}

fn negative_size_is_400(ctx: &Context) -> Outcome {
    let (repository, manifest) = with_size(ctx, "-1")?;
    repository.put("latest", &manifest).send()?.expect(400)?.code(&["MANIFEST_INVALID"])?;
    Ok(())
}

fn odd_documents() -> Vec<Value> {
    let odd =
        [json!(7), json!("text"), json!([]), json!([7]), json!({}), json!([null]), json!(true)];
    let mut documents = Vec::new();
    for value in odd {
        for key in ["config", "layers", "subject", "annotations", "mediaType", "artifactType"] {
            let mut document = json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST,
                "config": {"mediaType": OCI_CONFIG, "digest": crate::digest::EMPTY_SHA256, "size": 0},
                "layers": []
            });
            document[key] = value.clone();
            documents.push(document);
        }
    }
    documents
}

fn odd_types_of_fields_are_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for (key, value) in [
        ("config", json!(7)),
        ("layers", json!("text")),
        ("layers", json!([7])),
        ("config", json!([])),
    ] {
        let mut document = repository.image_document()?;
        document[key] = value;
        let manifest = Manifest::new(OCI_MANIFEST, &document);
        repository.put("latest", &manifest).send()?.expect(400)?.code(&["MANIFEST_INVALID"])?;
    }
    Ok(())
}

fn odd_types_of_fields_are_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_blob(b"")?;
    for document in odd_documents() {
        let answer = repository.put("latest", &Manifest::new(OCI_MANIFEST, &document)).send()?;
        answer.one_of(&[201, 400, 404])?.oci_error_if_any()?;
    }
    for value in [json!(7), json!("text"), json!({}), json!([7]), json!([null]), json!([[]])] {
        let document = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": value});
        let answer = repository.put("latest", &Manifest::new(OCI_INDEX, &document)).send()?;
        answer.one_of(&[201, 400, 404])?.oci_error_if_any()?;
    }
    Ok(())
}

fn duplicated_json_keys_are_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let text = repository.image_document()?.to_string();
    for extra in [
        "\"schemaVersion\":1,",
        "\"layers\":[],",
        "\"mediaType\":\"text/plain\",",
        "\"config\":null,",
    ] {
        let manifest = Manifest::raw(OCI_MANIFEST, text.replacen('{', &format!("{{{extra}"), 1));
        let answer = repository.put("latest", &manifest).send()?;
        let answer = answer.one_of(&[201, 400])?.oci_error_if_any()?;
        if answer.status == 201 {
            repository.pull("latest")?.body_is(&manifest.bytes)?;
        }
    }
    Ok(())
}

fn odd_schema_versions_are_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for version in
        [json!(0), json!(1), json!(3), json!(-2), json!("2"), json!(null), json!(2.0), json!(1e99)]
    {
        let mut document = repository.image_document()?;
        document["schemaVersion"] = version;
        let answer = repository.put("latest", &Manifest::new(OCI_MANIFEST, &document)).send()?;
        answer.one_of(&[201, 400])?.oci_error_if_any()?;
    }
    Ok(())
}

fn subject(ctx: &Context, subject: &Value) -> Result<crate::answer::Answer, crate::Failure> {
    let repository = ctx.repository();
    let mut document = repository.artifact_document("application/vnd.example.sbom")?;
    document["subject"] = subject.clone();
    repository.put("latest", &Manifest::new(OCI_MANIFEST, &document)).send()
}

fn odd_subjects_are_no_server_error(ctx: &Context) -> Outcome {
    for odd in [
        json!({}),
        json!(null),
        json!("x"),
        json!({"digest": 7}),
        json!({"digest": "sha256:abc"}),
        json!({"digest": "sha256:../../x", "size": -1}),
    ] {
        subject(ctx, &odd)?.one_of(&[201, 400])?.oci_error_if_any()?;
    }
    Ok(())
}

fn malformed_subject_digest_is_400(ctx: &Context) -> Outcome {
    let bad = json!({"mediaType": OCI_MANIFEST, "digest": "sha256:abc", "size": 3});
    subject(ctx, &bad)?.expect(400)?.error_code()?;
    Ok(())
}

fn very_many_descriptors_are_taken_or_refused(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let layer = repository.fresh_layer()?;
    let layers = vec![layer; 15_000];
    let document = crate::manifest::image_document(repository.fresh_config()?, layers);
    let manifest = Manifest::new(OCI_MANIFEST, &document);
    let answer = repository.put("latest", &manifest).send()?.one_of(&[201, 400, 413])?;
    answer.oci_error_if_any()?;
    Ok(())
}

fn very_many_annotations_are_taken_or_refused(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut document = repository.image_document()?;
    let annotations: serde_json::Map<String, Value> =
        (0..30_000).map(|i| (format!("org.example.k{i}"), json!("v"))).collect();
    document["annotations"] = Value::Object(annotations);
    let manifest = Manifest::new(OCI_MANIFEST, &document);
    let answer = repository.put("latest", &manifest).send()?.one_of(&[201, 400, 413])?;
    answer.oci_error_if_any()?;
    Ok(())
}

fn odd_content_types_are_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let long = format!("application/{}", "x".repeat(4000));
    for media_type in [
        "",
        "text",
        "/",
        ";;",
        "application/",
        "é/ü",
        "a/b; c=\"",
        "*/*",
        "application/json",
        &long,
    ] {
        let manifest = Manifest::raw(media_type, image.bytes.clone());
        let answer = repository.put("latest", &manifest).send()?;
        answer.one_of(&[201, 400, 415])?.oci_error_if_any()?;
    }
    Ok(())
}

fn content_type_against_media_type_is_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    for media_type in
        [OCI_INDEX, crate::manifest::DOCKER_MANIFEST, OCI_LAYER, crate::manifest::DOCKER_SCHEMA_1]
    {
        let manifest = Manifest::raw(media_type, image.bytes.clone());
        let answer = repository.put("latest", &manifest).send()?;
        answer.one_of(&[201, 400, 415])?.oci_error_if_any()?;
    }
    Ok(())
}

fn binary_body_is_refused(ctx: &Context) -> Outcome {
    for bytes in [ctx.bytes(1000), vec![0; 1000], vec![0xff; 10], b"\x1f\x8b\x08\0\0\0".to_vec()] {
        let status = push_raw(ctx, OCI_MANIFEST, bytes)?;
        ensure!(status != 201, "a binary body was taken for a manifest");
    }
    Ok(())
}

fn refused_manifests_are_answered_in_oci_json(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for text in ["{", "[]", "x", "{\"schemaVersion\": 2, \"config\": {\"digest\": \"bad\"}}"] {
        let answer = repository.put("latest", &Manifest::raw(OCI_MANIFEST, text)).send()?;
        answer.refused()?.error_code()?;
    }
    Ok(())
}

fn content_encoding_of_an_upload_is_not_undone(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(100);
    let digest = crate::digest::sha256(&bytes);
    let request = repository.close(&repository.open()?, &digest, &bytes);
    let answer = request.header("Content-Encoding", "gzip").send()?.one_of(&[201, 400, 415])?;
    if answer.status == 201 {
        ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    }
    Ok(())
}
