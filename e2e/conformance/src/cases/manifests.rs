//! Pushing manifests: byte for byte, of any type, never stricter than the specification.

use super::table;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::{Outcome, ensure};
use crate::manifest::{
    DOCKER_CONFIG, DOCKER_LAYER, DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA_1, Manifest,
    OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, index_document,
};
use serde_json::json;

table! {
    m1_manifest_is_kept_byte_for_byte: "M1" Must,
    m1_location_of_the_manifest_is_pullable: "M1" Must,
    m1_manifest_in_chunked_coding_is_taken: "M1" Must,
    m1_manifest_of_nearly_four_mebibytes_is_taken: "M1" Should,
    m1_manifest_over_four_mebibytes_is_413: "M1" Berth,
    m1_manifest_over_the_limit_in_chunked_coding_is_413: "M1" Berth,
    m1_manifest_is_pushed_again: "M1" Must,
    m1_push_by_tag_moves_the_tag: "M1" Must,
    m5_push_carries_the_digest_that_was_used: "M5" Must,
    m5_push_by_digest_of_other_bytes_is_400: "M5" Must,
    m5_push_by_digest_leaves_tags_alone: "M5" Must,
    m8_unknown_fields_are_kept: "M8" Must,
    m8_unknown_layer_types_are_taken: "M8" Must,
    m8_unknown_config_types_are_taken: "M8" Must,
    m8_artifact_with_the_empty_config_is_taken: "M8" Must,
    m8_manifest_without_layers_is_taken: "M8" Must,
    m8_manifest_with_an_empty_layer_list_is_taken: "M8" Must,
    m8_data_fields_are_kept: "M8" Must,
    m8_unknown_manifest_types_are_taken: "M8" Berth,
    m8_manifest_without_media_type_field_is_taken: "M8" Must,
    m8_layer_listed_twice_is_taken: "M8" Must,
    docker_schema_2_image_and_list_are_taken: "M8" Must,
    docker_schema_1_is_stored_raw: "M8" Berth,
    invalid_json_is_400: "G4" Must,
    malformed_digest_in_a_descriptor_is_400: "G4" Must,
    push_without_content_type_is_no_server_error: "G4" Must,
}

fn m1_manifest_is_kept_byte_for_byte(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let plain = repository.image()?;
    let text = String::from_utf8_lossy(&plain.bytes).into_owned();
    let odd =
        text.replacen('{', "{\r\n\t \"\\u0061nnotations\": {\"z\":\"\\u00e9\\/\",\"a\":\"é\"},", 1)
            + "\n\n \t";
    let reversed = text.replacen("\"schemaVersion\":2,", "", 1);
    let reversed = reversed.trim_end_matches('}').to_owned() + "}] , \"schemaVersion\" : 2 }";
    let reversed = reversed.replacen("}]}] ,", "}] ,", 1);
    for bytes in [text, odd, reversed] {
        let manifest = Manifest::raw(OCI_MANIFEST, bytes);
        repository.push("latest", &manifest)?;
        repository.pull("latest")?.body_is(&manifest.bytes)?;
        repository.pull(&manifest.digest())?.body_is(&manifest.bytes)?;
    }
    Ok(())
}

fn m1_location_of_the_manifest_is_pullable(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    for reference in ["latest", &image.digest()] {
        let answer = repository.push(reference, &image)?;
        ctx.get(answer.need("Location")?).send()?.expect(200)?.body_is(&image.bytes)?;
    }
    Ok(())
}

fn m1_manifest_in_chunked_coding_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let request = repository.put("latest", &image).chunked(image.bytes.clone(), 100);
    request.send()?.expect(201)?;
    repository.pull("latest")?.body_is(&image.bytes)?;
    Ok(())
}

const LIMIT: usize = 4 * 1024 * 1024;

fn padded(
    repository: &crate::repository::Repository<'_>,
    length: usize,
) -> Result<Manifest, crate::Failure> {
    let mut document = repository.image_document()?;
    document["annotations"] = json!({"org.example.padding": ""});
    let bare = document.to_string().len();
    document["annotations"] = json!({"org.example.padding": "p".repeat(length - bare)});
    Ok(Manifest::new(OCI_MANIFEST, &document))
}

fn m1_manifest_of_nearly_four_mebibytes_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for length in [3_900_000, LIMIT] {
        let image = padded(&repository, length)?;
        let request = repository.put("large", &image).chunked(image.bytes.clone(), 32 * 1024);
        request.send()?.expect(201)?;
        repository.pull("large")?.body_is(&image.bytes)?;
    }
    Ok(())
}

fn m1_manifest_over_four_mebibytes_is_413(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = padded(&repository, LIMIT + 1)?;
    let answer = repository.put("large", &image).send()?.expect(413)?;
    answer.error_code()?;
    ctx.get(&repository.manifest("large")).send()?.expect(404)?;
    Ok(())
}

fn m1_manifest_over_the_limit_in_chunked_coding_is_413(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = padded(&repository, 2 * LIMIT)?;
    let request = repository.put("large", &image).chunked(image.bytes.clone(), 32 * 1024);
    request.send()?.expect(413)?.error_code()?;
    Ok(())
}

fn m1_manifest_is_pushed_again(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    repository.push("latest", &image)?;
    repository.push(&image.digest(), &image)?;
    repository.push("other", &image)?;
    repository.pull("other")?.body_is(&image.bytes)?;
    Ok(())
}

fn m1_push_by_tag_moves_the_tag(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let first = repository.push_image("latest")?;
    let second = repository.push_image("latest")?;
    repository.pull("latest")?.body_is(&second.bytes)?;
    repository.pull(&first.digest())?.body_is(&first.bytes)?;
    repository.push("latest", &first)?;
    repository.pull("latest")?.has("Docker-Content-Digest", &first.digest())?;
    Ok(())
}

fn m5_push_carries_the_digest_that_was_used(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let digest = image.digest();
    for reference in ["latest", &digest] {
        repository.push(reference, &image)?.has("Docker-Content-Digest", &digest)?;
    }
    Ok(())
}

fn m5_push_by_digest_of_other_bytes_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let wrong = sha256(b"something else");
    let answer = repository.put(&wrong, &image).send()?.expect(400)?;
    answer.oci_error_if_any()?;
    ctx.get(&repository.manifest(&wrong)).send()?.expect(404)?;
    ctx.get(&repository.manifest(&image.digest())).send()?.expect(404)?;
    Ok(())
}

fn m5_push_by_digest_leaves_tags_alone(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let tagged = repository.push_image("latest")?;
    let untagged = repository.image()?;
    repository.push(&untagged.digest(), &untagged)?;
    repository.pull("latest")?.body_is(&tagged.bytes)?;
    repository.pull(&untagged.digest())?.body_is(&untagged.bytes)?;
    Ok(())
}

/// The document is taken under its own type and comes back unchanged.
fn taken(
    ctx: &Context,
    repository: &crate::repository::Repository<'_>,
    manifest: &Manifest,
) -> Outcome {
    repository.push("latest", manifest)?;
    for reference in ["latest", &manifest.digest()] {
        let answer = ctx.get(&repository.manifest(reference)).send()?.expect(200)?;
        answer.has("Content-Type", &manifest.media_type)?.body_is(&manifest.bytes)?;
    }
    Ok(())
}

fn m8_unknown_fields_are_kept(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut document = repository.image_document()?;
    document["org.example.custom"] = json!({"deep": [1, 2.5, null, true, {"x": "y"}]});
    document["config"]["org.example.custom"] = json!("hello");
    document["layers"][0]["org.example.custom"] = json!(["world"]);
    let image = Manifest::new(OCI_MANIFEST, &document);
    taken(ctx, &repository, &image)?;
    let mut child = image.descriptor();
    child["org.example.custom"] = json!(7);
    let mut index = index_document(vec![child]);
    index["org.example.custom"] = json!("index");
    taken(ctx, &repository, &Manifest::new(OCI_INDEX, &index))
}

fn m8_unknown_layer_types_are_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut document = repository.image_document()?;
    document["layers"][0]["mediaType"] = json!("application/vnd.example.layer.v9+weird");
    taken(ctx, &repository, &Manifest::new(OCI_MANIFEST, &document))
}

fn m8_unknown_config_types_are_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for media_type in [
        "application/vnd.cncf.helm.config.v1+json",
        "application/vnd.buildkit.cacheconfig.v0",
        "application/vnd.example.config.v9",
    ] {
        let mut document = repository.image_document()?;
        document["config"]["mediaType"] = json!(media_type);
        taken(ctx, &repository, &Manifest::new(OCI_MANIFEST, &document))?;
    }
    Ok(())
}

fn m8_artifact_with_the_empty_config_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let document = repository.artifact_document("application/vnd.example.artifact")?;
    taken(ctx, &repository, &Manifest::new(OCI_MANIFEST, &document))
}

fn m8_manifest_without_layers_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let config = repository.fresh_config()?;
    let document = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config});
    taken(ctx, &repository, &Manifest::new(OCI_MANIFEST, &document))
}

fn m8_manifest_with_an_empty_layer_list_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let config = repository.fresh_config()?;
    let document = crate::manifest::image_document(config, vec![]);
    taken(ctx, &repository, &Manifest::new(OCI_MANIFEST, &document))
}

fn m8_data_fields_are_kept(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut document = repository.artifact_document("application/vnd.example.data")?;
    document["config"]["data"] = json!("e30=");
    document["layers"][0]["data"] = json!("e30=");
    taken(ctx, &repository, &Manifest::new(OCI_MANIFEST, &document))
}

fn m8_unknown_manifest_types_are_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let media_type = "application/vnd.example.manifest.v1+json";
    let (digest, bytes) = repository.fresh_blob(30)?;
    let document = json!({
        "schemaVersion": 2, "mediaType": media_type,
        "blobs": [{"mediaType": OCI_LAYER, "digest": digest, "size": bytes.len()}]
    });
    taken(ctx, &repository, &Manifest::new(media_type, &document))
}

fn m8_manifest_without_media_type_field_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let document = json!({
        "schemaVersion": 2, "config": repository.fresh_config()?,
        "layers": [repository.fresh_layer()?]
    });
    let image = Manifest::new(OCI_MANIFEST, &document);
    taken(ctx, &repository, &image)?;
    let document = json!({"schemaVersion": 2, "manifests": [image.descriptor()]});
    taken(ctx, &repository, &Manifest::new(OCI_INDEX, &document))
}

fn m8_layer_listed_twice_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let layer = repository.fresh_layer()?;
    let document =
        crate::manifest::image_document(repository.fresh_config()?, vec![layer.clone(), layer]);
    taken(ctx, &repository, &Manifest::new(OCI_MANIFEST, &document))
}

fn docker_schema_2_image_and_list_are_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut document = repository.image_document()?;
    document["mediaType"] = json!(DOCKER_MANIFEST);
    document["config"]["mediaType"] = json!(DOCKER_CONFIG);
    document["layers"][0]["mediaType"] = json!(DOCKER_LAYER);
    let image = Manifest::new(DOCKER_MANIFEST, &document);
    taken(ctx, &repository, &image)?;
    let mut child = image.descriptor();
    child["platform"] = json!({"architecture": "arm64", "os": "linux", "variant": "v8"});
    let list = json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [child]});
    taken(ctx, &repository, &Manifest::new(DOCKER_LIST, &list))
}

fn docker_schema_1_is_stored_raw(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, _) = repository.fresh_blob(30)?;
    let document = json!({
        "schemaVersion": 1, "name": repository.name, "tag": "latest", "architecture": "amd64",
        "fsLayers": [{"blobSum": digest}], "history": [{"v1Compatibility": "{\"id\":\"x\"}"}],
        "signatures": [{"header": {"alg": "ES256"}, "signature": "x", "protected": "x"}]
    });
    taken(ctx, &repository, &Manifest::new(DOCKER_SCHEMA_1, &document))
}

fn invalid_json_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.fresh_blob(1)?;
    for text in ["", "{", "null", "[]", "\"text\"", "7", "{}x", "not json", "{\"schemaVersion\":}"]
    {
        let manifest = Manifest::raw(OCI_MANIFEST, text);
        let answer = repository.put("latest", &manifest).send()?;
        ensure!(answer.status == 400, "the manifest {text:?}: {answer}, expected 400");
        answer.code(&["MANIFEST_INVALID", "MANIFEST_BLOB_UNKNOWN"])?;
    }
    ctx.get(&repository.manifest("latest")).send()?.expect(404)?;
    Ok(())
}

fn malformed_digest_in_a_descriptor_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for digest in ["", "sha256:abc", "../../etc/passwd", "sha256:../../../../x", "x"] {
        let mut document = repository.image_document()?;
        document["config"] = json!({"mediaType": OCI_CONFIG, "digest": digest, "size": 2});
        let manifest = Manifest::new(OCI_MANIFEST, &document);
        let answer = repository.put("latest", &manifest).send()?.one_of(&[400, 404])?;
        answer.oci_error_if_any()?;
    }
    Ok(())
}

fn push_without_content_type_is_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let request = ctx.put(&repository.manifest("latest")).body(image.bytes);
    request.send()?.one_of(&[201, 400, 415])?.oci_error_if_any()?;
    Ok(())
}
