//! Pull: the bytes that were pushed, with the headers that clients read.

use super::table;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::{Failure, Outcome, ensure};
use crate::manifest::{
    DOCKER_CONFIG, DOCKER_LAYER, DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA_1, Manifest,
    OCI_INDEX, OCI_MANIFEST,
};
use serde_json::json;

table! {
    p1_manifest_by_tag_and_digest_is_the_pushed_bytes: "P1" Must,
    p1_head_of_a_manifest_is_200_without_a_body: "P1" Must,
    p1_content_type_is_the_pushed_type: "P1" Should,
    p1_media_type_parameters_are_ignored: "P1" Must,
    p2_manifest_get_and_head_carry_digest_and_length: "P2" "#28" Must,
    p2_blob_get_and_head_carry_digest_and_length: "P2" "#28" Must,
    p3_missing_blob_is_404_on_get_and_head: "P3" Must,
    p3_missing_manifest_is_404_on_get_and_head: "P3" Must,
    p3_missing_repository_is_404: "P3" Must,
    p3_blob_of_another_repository_is_404: "P3" Berth,
    p3_manifest_of_another_repository_is_404: "P3" Must,
    accept_header_is_ignored: "P1" "#26" Berth,
    nothing_is_converted_for_old_clients: "P1" "#27" Berth,
    bodies_are_never_content_encoded: "wire" Berth,
    blob_is_octet_stream_with_long_caching: "wire" Berth,
    blob_has_its_digest_as_etag: "wire" Berth,
    blob_accepts_ranges: "wire" Berth,
    manifest_by_tag_is_not_cached_for_long: "wire" Berth,
    head_and_get_of_a_blob_agree: "G8" "#29" Must,
    head_and_get_of_a_manifest_agree: "G8" "#29" Must,
    manifest_is_not_served_as_blob_with_another_answer_for_head: "G8" "#29" Must,
    blob_is_not_served_as_manifest: "P3" "#29" Must,
}

fn p1_manifest_by_tag_and_digest_is_the_pushed_bytes(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    repository.pull("latest")?.body_is(&image.bytes)?;
    repository.pull(&image.digest())?.body_is(&image.bytes)?;
    Ok(())
}

fn p1_head_of_a_manifest_is_200_without_a_body(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    ctx.head(&repository.manifest("latest")).send()?.expect(200)?;
    ctx.head(&repository.manifest(&image.digest())).send()?.expect(200)?;
    Ok(())
}

fn p1_content_type_is_the_pushed_type(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let index =
        Manifest::new(OCI_INDEX, &crate::manifest::index_document(vec![image.descriptor()]));
    repository.push("index", &index)?;
    for (tag, media_type) in [("latest", OCI_MANIFEST), ("index", OCI_INDEX)] {
        repository.pull(tag)?.has("Content-Type", media_type)?;
        ctx.head(&repository.manifest(tag)).send()?.has("Content-Type", media_type)?;
    }
    Ok(())
}

fn p1_media_type_parameters_are_ignored(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut image = repository.image()?;
    image.media_type = format!("{OCI_MANIFEST}; charset=utf-8");
    repository.push("latest", &image)?;
    repository.pull("latest")?.has("Content-Type", OCI_MANIFEST)?.body_is(&image.bytes)?;
    Ok(())
}

fn p2_manifest_get_and_head_carry_digest_and_length(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let (digest, length) = (image.digest(), image.bytes.len().to_string());
    for reference in ["latest", &digest] {
        for method in ["GET", "HEAD"] {
            let answer = ctx.client.request(method, &repository.manifest(reference)).send()?;
            answer
                .expect(200)?
                .has("Docker-Content-Digest", &digest)?
                .has("Content-Length", &length)?;
        }
    }
    Ok(())
}

fn p2_blob_get_and_head_carry_digest_and_length(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for length in [1, 1000, 300_000] {
        let (digest, bytes) = repository.fresh_blob(length)?;
        let length = length.to_string();
        for method in ["GET", "HEAD"] {
            let answer = ctx.client.request(method, &repository.blob(&digest)).send()?;
            answer
                .expect(200)?
                .has("Docker-Content-Digest", &digest)?
                .has("Content-Length", &length)?;
        }
        ctx.get(&repository.blob(&digest)).send()?.body_is(&bytes)?;
    }
    Ok(())
}

fn both_404(ctx: &Context, path: &str) -> Result<(), Failure> {
    ctx.get(path).send()?.expect(404)?;
    ctx.head(path).send()?.expect(404)?;
    Ok(())
}

fn p3_missing_blob_is_404_on_get_and_head(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.fresh_blob(3)?;
    both_404(ctx, &repository.blob(&sha256(&ctx.bytes(7))))
}

fn p3_missing_manifest_is_404_on_get_and_head(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    both_404(ctx, &repository.manifest("absent"))?;
    both_404(ctx, &repository.manifest(&sha256(&ctx.bytes(7))))
}

fn p3_missing_repository_is_404(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    both_404(ctx, &repository.manifest("latest"))?;
    both_404(ctx, &repository.blob(&sha256(&ctx.bytes(7))))
}

fn p3_blob_of_another_repository_is_404(ctx: &Context) -> Outcome {
    let (digest, _) = ctx.repository().fresh_blob(50)?;
    let other = ctx.repository();
    both_404(ctx, &other.blob(&digest))?;
    other.fresh_blob(50)?;
    both_404(ctx, &other.blob(&digest))
}

fn p3_manifest_of_another_repository_is_404(ctx: &Context) -> Outcome {
    let image = ctx.repository().push_image("latest")?;
    let other = ctx.repository();
    other.push_image("other")?;
    both_404(ctx, &other.manifest("latest"))?;
    both_404(ctx, &other.manifest(&image.digest()))
}

fn accept_header_is_ignored(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    for accept in [DOCKER_MANIFEST, "text/plain", "*/*", "application/json;q=0", ";;;", ""] {
        let request = ctx.get(&repository.manifest("latest")).header("Accept", accept);
        request.send()?.expect(200)?.has("Content-Type", OCI_MANIFEST)?.body_is(&image.bytes)?;
    }
    ctx.get(&repository.blob(&image_layer(&image)?))
        .header("Accept", "text/plain")
        .send()?
        .expect(200)?;
    Ok(())
}

fn image_layer(image: &Manifest) -> Result<String, Failure> {
    let document: serde_json::Value = serde_json::from_slice(&image.bytes)
        .map_err(|error| crate::failure::failed(error.to_string()))?;
    Ok(document["layers"][0]["digest"].as_str().unwrap_or_default().to_owned())
}

fn nothing_is_converted_for_old_clients(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (config, config_bytes) = repository.fresh_blob(40)?;
    let (layer, layer_bytes) = repository.fresh_blob(60)?;
    let image = Manifest::new(
        DOCKER_MANIFEST,
        &json!({
            "schemaVersion": 2, "mediaType": DOCKER_MANIFEST,
            "config": {"mediaType": DOCKER_CONFIG, "digest": config, "size": config_bytes.len()},
            "layers": [{"mediaType": DOCKER_LAYER, "digest": layer, "size": layer_bytes.len()}]
        }),
    );
    repository.push("image", &image)?;
    let mut child = image.descriptor();
    child["platform"] = json!({"architecture": "amd64", "os": "linux"});
    let list = Manifest::new(
        DOCKER_LIST,
        &json!({
            "schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [child]
        }),
    );
    repository.push("list", &list)?;
    let old = ctx.get(&repository.manifest("image")).header("Accept", DOCKER_SCHEMA_1).send()?;
    old.expect(200)?.has("Content-Type", DOCKER_MANIFEST)?.body_is(&image.bytes)?;
    let old = ctx.get(&repository.manifest("list")).header("Accept", DOCKER_MANIFEST).send()?;
    old.expect(200)?.has("Content-Type", DOCKER_LIST)?.body_is(&list.bytes)?;
    // Many clients send no Accept at all.
    let bare = ctx.get(&repository.manifest("list")).accepting_nothing().send()?;
    bare.expect(200)?.has("Content-Type", DOCKER_LIST)?.body_is(&list.bytes)?;
    Ok(())
}

fn bodies_are_never_content_encoded(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let text = b"compressible ".repeat(4000);
    let digest = repository.push_blob(&text)?;
    let image = repository.push_image("latest")?;
    for (path, bytes) in
        [(repository.blob(&digest), &text), (repository.manifest("latest"), &image.bytes)]
    {
        let request = ctx.get(&path).header("Accept-Encoding", "zstd, gzip, br, deflate");
        request.send()?.expect(200)?.lacks("Content-Encoding")?.body_is(bytes)?;
    }
    Ok(())
}

fn blob_is_octet_stream_with_long_caching(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, _) = repository.fresh_blob(100)?;
    for method in ["GET", "HEAD"] {
        let answer = ctx.client.request(method, &repository.blob(&digest)).send()?.expect(200)?;
        let answer = answer.has("Content-Type", "application/octet-stream")?;
        let caching = answer.need("Cache-Control")?;
        ensure!(caching.contains("max-age=31536000"), "{answer}: Cache-Control {caching:?}");
    }
    Ok(())
}

fn blob_has_its_digest_as_etag(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, _) = repository.fresh_blob(100)?;
    for method in ["GET", "HEAD"] {
        let answer = ctx.client.request(method, &repository.blob(&digest)).send()?;
        answer.expect(200)?.has("ETag", &format!("\"{digest}\""))?;
    }
    Ok(())
}

fn blob_accepts_ranges(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, _) = repository.fresh_blob(100)?;
    for method in ["GET", "HEAD"] {
        let answer = ctx.client.request(method, &repository.blob(&digest)).send()?;
        answer.expect(200)?.has("Accept-Ranges", "bytes")?;
    }
    Ok(())
}

fn manifest_by_tag_is_not_cached_for_long(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    let answer = repository.pull("latest")?;
    let caching = answer.header("Cache-Control").unwrap_or_default();
    let long = caching.contains("immutable") || caching.contains("max-age=31536000");
    ensure!(!long, "{answer}: Cache-Control {caching:?} for a tag, which may move");
    Ok(())
}

/// The headers of both answers, without those that speak of the moment or the connection.
fn same_answer(ctx: &Context, path: &str) -> Outcome {
    let get = ctx.get(path).send()?;
    let head = ctx.head(path).send()?;
    ensure!(get.status == head.status, "{get}, but {head}");
    for name in ["content-type", "content-length", "docker-content-digest", "etag", "accept-ranges"]
    {
        let (by_get, by_head) = (get.header(name), head.header(name));
        ensure!(by_get == by_head, "{get}: {name} is {by_get:?}, but {by_head:?} by HEAD");
    }
    Ok(())
}

fn head_and_get_of_a_blob_agree(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, _) = repository.fresh_blob(100)?;
    same_answer(ctx, &repository.blob(&digest))
}

fn head_and_get_of_a_manifest_agree(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    same_answer(ctx, &repository.manifest("latest"))?;
    same_answer(ctx, &repository.manifest(&image.digest()))
}

fn manifest_is_not_served_as_blob_with_another_answer_for_head(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let path = repository.blob(&image.digest());
    let (get, head) = (ctx.get(&path).send()?, ctx.head(&path).send()?);
    ensure!(get.status == head.status, "{get}, but {head}");
    Ok(())
}

fn blob_is_not_served_as_manifest(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, _) = repository.fresh_blob(100)?;
    both_404(ctx, &repository.manifest(&digest))
}
