//! Deletion of tags, manifests and blobs. Run against a registry that has deletion switched on.

use super::table;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::{Failure, Outcome, ensure, skipped};
use crate::manifest::{DOCKER_SCHEMA_1, Manifest, OCI_INDEX, OCI_LAYER, index_document};
use crate::repository::Repository;
use serde_json::json;

table! {
    x1_delete_by_digest_removes_manifest_and_all_tags: "X1" Must,
    x1_deleted_tags_leave_the_list: "X1" Must,
    x1_delete_by_digest_leaves_other_manifests: "X1" Must,
    x1_delete_of_a_missing_manifest_is_404: "X1" Must,
    x1_deleted_manifest_can_be_pushed_again: "X1" "#36" Must,
    x1_child_of_an_index_can_be_deleted: "X1" Berth,
    x1_delete_in_one_repository_leaves_the_other: "X1" Must,
    x2_delete_by_tag_removes_only_the_tag: "X2" "#35" Should,
    x2_delete_by_tag_leaves_its_siblings: "X2" "#35" Should,
    x2_refused_delete_by_tag_is_unsupported: "X2" Must,
    x2_delete_of_a_missing_tag_is_404: "X2" Should,
    x2_deleted_tag_can_be_pushed_again: "X2" Should,
    x3_delete_of_a_blob_is_202_or_405: "X3" Must,
    x3_deleted_blob_is_404: "X3" Must,
    x3_delete_of_a_missing_blob_is_404: "X3" Must,
    x3_deleted_blob_can_be_pushed_again: "X3" "#36" Must,
    x3_delete_in_one_repository_leaves_the_blob_in_the_other: "X3" "#36" Must,
    x3_blob_that_a_manifest_needs_is_405: "X3" Berth,
    x3_blob_that_an_unknown_type_needs_is_405: "X3" Berth,
    x3_blob_that_schema_1_needs_is_405: "X3" Berth,
    x3_layer_that_an_index_needs_is_405: "X3" Berth,
    x3_blob_is_free_once_its_last_manifest_went: "X3" Berth,
    x3_config_without_use_can_be_deleted: "X3" Must,
    malformed_digests_are_not_deleted: "X1" Must,
    other_blobs_of_an_image_survive_a_delete: "X1" "#36" Must,
}

/// Deletes a manifest by digest; skips the test where the registry deletes nothing.
fn delete_manifest(repository: &Repository<'_>, digest: &str) -> Result<(), Failure> {
    let answer = repository.ctx.delete(&repository.manifest(digest)).send()?;
    if answer.status == 405 {
        return Err(skipped(format!("{answer}: the registry does not delete manifests")));
    }
    answer.expect(202)?;
    Ok(())
}

/// Deletes a tag; false where the registry does not delete by tag.
fn delete_tag(repository: &Repository<'_>, tag: &str) -> Result<(), Failure> {
    let answer = repository.ctx.delete(&repository.manifest(tag)).send()?;
    answer.expect(202)?;
    Ok(())
}

fn gone(repository: &Repository<'_>, reference: &str) -> Outcome {
    repository.ctx.get(&repository.manifest(reference)).send()?.expect(404)?;
    repository.ctx.head(&repository.manifest(reference)).send()?.expect(404)?;
    Ok(())
}

fn x1_delete_by_digest_removes_manifest_and_all_tags(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("one")?;
    repository.push("two", &image)?;
    delete_manifest(&repository, &image.digest())?;
    for reference in [image.digest().as_str(), "one", "two"] {
        gone(&repository, reference)?;
    }
    Ok(())
}

fn x1_deleted_tags_leave_the_list(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("one")?;
    repository.push("two", &image)?;
    repository.push_image("kept")?;
    delete_manifest(&repository, &image.digest())?;
    let listed = repository.tag_list()?;
    ensure!(listed == ["kept"], "listed as {listed:?}");
    Ok(())
}

fn x1_delete_by_digest_leaves_other_manifests(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let first = repository.push_image("latest")?;
    let second = repository.push_image("latest")?;
    delete_manifest(&repository, &first.digest())?;
    repository.pull("latest")?.body_is(&second.bytes)?;
    gone(&repository, &first.digest())
}

fn x1_delete_of_a_missing_manifest_is_404(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let path = repository.manifest(&sha256(&ctx.bytes(5)));
    ctx.delete(&path).send()?.one_of(&[404, 405])?.oci_error_if_any()?;
    delete_manifest(&repository, &image.digest())?;
    ctx.delete(&repository.manifest(&image.digest())).send()?.expect(404)?;
    Ok(())
}

fn x1_deleted_manifest_can_be_pushed_again(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    delete_manifest(&repository, &image.digest())?;
    repository.push("latest", &image)?;
    repository.pull("latest")?.body_is(&image.bytes)?;
    repository.pull(&image.digest())?.body_is(&image.bytes)?;
    Ok(())
}

fn x1_child_of_an_index_can_be_deleted(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let child = repository.push_image("child")?;
    let index = Manifest::new(OCI_INDEX, &index_document(vec![child.descriptor()]));
    repository.push("index", &index)?;
    delete_manifest(&repository, &child.digest())?;
    gone(&repository, &child.digest())?;
    repository.pull("index")?.body_is(&index.bytes)?;
    Ok(())
}

fn x1_delete_in_one_repository_leaves_the_other(ctx: &Context) -> Outcome {
    let (one, other) = (ctx.repository(), ctx.repository());
    let document = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "annotations": {"org.example.id": ctx.word()}});
    let index = Manifest::new(OCI_INDEX, &document);
    one.push("latest", &index)?;
    other.push("latest", &index)?;
    delete_manifest(&one, &index.digest())?;
    other.pull("latest")?.body_is(&index.bytes)?;
    other.pull(&index.digest())?.body_is(&index.bytes)?;
    Ok(())
}

fn x2_delete_by_tag_removes_only_the_tag(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    delete_tag(&repository, "latest")?;
    gone(&repository, "latest")?;
    repository.pull(&image.digest())?.body_is(&image.bytes)?;
    Ok(())
}

fn x2_delete_by_tag_leaves_its_siblings(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("one")?;
    repository.push("two", &image)?;
    delete_tag(&repository, "one")?;
    gone(&repository, "one")?;
    repository.pull("two")?.body_is(&image.bytes)?;
    let listed = repository.tag_list()?;
    ensure!(listed == ["two"], "listed as {listed:?}");
    Ok(())
}

fn x2_refused_delete_by_tag_is_unsupported(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let answer = ctx.delete(&repository.manifest("latest")).send()?.one_of(&[202, 400, 405])?;
    if answer.status != 202 {
        answer.code(&["UNSUPPORTED"])?;
        repository.pull("latest")?.body_is(&image.bytes)?;
    }
    Ok(())
}

fn x2_delete_of_a_missing_tag_is_404(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    let answer = ctx.delete(&repository.manifest("absent")).send()?.expect(404)?;
    answer.oci_error_if_any()?;
    Ok(())
}

fn x2_deleted_tag_can_be_pushed_again(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let first = repository.push_image("latest")?;
    delete_tag(&repository, "latest")?;
    repository.push("latest", &first)?;
    repository.pull("latest")?.body_is(&first.bytes)?;
    delete_tag(&repository, "latest")?;
    let second = repository.push_image("latest")?;
    repository.pull("latest")?.body_is(&second.bytes)?;
    Ok(())
}

/// Deletes a blob; skips the test where the registry deletes none.
fn delete_blob(repository: &Repository<'_>, digest: &str) -> Result<(), Failure> {
    let answer = repository.ctx.delete(&repository.blob(digest)).send()?;
    if answer.status == 405 {
        return Err(skipped(format!("{answer}: the registry does not delete blobs")));
    }
    answer.expect(202)?;
    Ok(())
}

fn x3_delete_of_a_blob_is_202_or_405(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, _) = repository.fresh_blob(30)?;
    let answer = ctx.delete(&repository.blob(&digest)).send()?.one_of(&[202, 405])?;
    answer.oci_error_if_any()?;
    Ok(())
}

fn x3_deleted_blob_is_404(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, _) = repository.fresh_blob(30)?;
    delete_blob(&repository, &digest)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(404)?;
    ctx.head(&repository.blob(&digest)).send()?.expect(404)?;
    ctx.delete(&repository.blob(&digest)).send()?.expect(404)?;
    Ok(())
}

fn x3_delete_of_a_missing_blob_is_404(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.fresh_blob(3)?;
    let path = repository.blob(&sha256(&ctx.bytes(5)));
    ctx.delete(&path).send()?.one_of(&[404, 405])?.oci_error_if_any()?;
    Ok(())
}

fn x3_deleted_blob_can_be_pushed_again(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, bytes) = repository.fresh_blob(30)?;
    delete_blob(&repository, &digest)?;
    repository.push_blob(&bytes)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn x3_delete_in_one_repository_leaves_the_blob_in_the_other(ctx: &Context) -> Outcome {
    let (one, other) = (ctx.repository(), ctx.repository());
    let (digest, bytes) = one.fresh_blob(30)?;
    other.push_blob(&bytes)?;
    delete_blob(&one, &digest)?;
    ctx.get(&one.blob(&digest)).send()?.expect(404)?;
    ctx.get(&other.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

/// The blob is refused with a body that names the manifest, and stays.
fn needed(repository: &Repository<'_>, blob: &str, manifest: &Manifest) -> Outcome {
    let answer = repository.ctx.delete(&repository.blob(blob)).send()?.expect(405)?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    ensure!(text.contains(&manifest.digest()), "{answer}: the manifest is not named");
    answer.code(&["UNSUPPORTED"])?;
    repository.ctx.get(&repository.blob(blob)).send()?.expect(200)?;
    Ok(())
}

fn x3_blob_that_a_manifest_needs_is_405(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let document = repository.image_document()?;
    let image = Manifest::new(crate::manifest::OCI_MANIFEST, &document);
    repository.push("latest", &image)?;
    for descriptor in [&document["config"], &document["layers"][0]] {
        needed(&repository, descriptor["digest"].as_str().unwrap_or_default(), &image)?;
    }
    Ok(())
}

fn x3_blob_that_an_unknown_type_needs_is_405(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, bytes) = repository.fresh_blob(30)?;
    let media_type = "application/vnd.example.manifest.v1+json";
    let manifest = Manifest::new(
        media_type,
        &json!({
            "schemaVersion": 2, "mediaType": media_type,
            "blobs": [{"mediaType": OCI_LAYER, "digest": digest, "size": bytes.len()}]
        }),
    );
    repository.push("latest", &manifest)?;
    needed(&repository, &digest, &manifest)
}

fn x3_blob_that_schema_1_needs_is_405(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, _) = repository.fresh_blob(30)?;
    let manifest = Manifest::new(
        DOCKER_SCHEMA_1,
        &json!({
            "schemaVersion": 1, "name": repository.name, "tag": "latest", "architecture": "amd64",
            "fsLayers": [{"blobSum": digest}], "history": [{"v1Compatibility": "{\"id\":\"x\"}"}]
        }),
    );
    repository.push("latest", &manifest)?;
    needed(&repository, &digest, &manifest)
}

fn x3_layer_that_an_index_needs_is_405(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let layer = repository.fresh_layer()?;
    let index = Manifest::new(OCI_INDEX, &index_document(vec![layer.clone()]));
    repository.push("cache", &index)?;
    needed(&repository, layer["digest"].as_str().unwrap_or_default(), &index)
}

fn x3_blob_is_free_once_its_last_manifest_went(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut document = repository.image_document()?;
    let layer = document["layers"][0]["digest"].as_str().unwrap_or_default().to_owned();
    let first = Manifest::new(crate::manifest::OCI_MANIFEST, &document);
    document["annotations"] = json!({"org.example.id": "second"});
    let second = Manifest::new(crate::manifest::OCI_MANIFEST, &document);
    repository.push("first", &first)?;
    repository.push("second", &second)?;
    delete_manifest(&repository, &first.digest())?;
    needed(&repository, &layer, &second)?;
    delete_manifest(&repository, &second.digest())?;
    ctx.delete(&repository.blob(&layer)).send()?.expect(202)?;
    ctx.get(&repository.blob(&layer)).send()?.expect(404)?;
    Ok(())
}

fn x3_config_without_use_can_be_deleted(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    let (digest, _) = repository.fresh_blob(30)?;
    delete_blob(&repository, &digest)?;
    repository.pull("latest")?;
    Ok(())
}

fn malformed_digests_are_not_deleted(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    for digest in ["sha256:", "sha256:abc", "sha256:..", "sha256:*", "%2e%2e"] {
        for path in [repository.manifest(digest), repository.blob(digest)] {
            // Dots may be resolved with a redirect.
            let answer = ctx.delete(&path).send_once()?;
            ensure!((300..500).contains(&answer.status), "{answer}, expected a refusal");
        }
    }
    repository.pull("latest")?.body_is(&image.bytes)?;
    Ok(())
}

fn other_blobs_of_an_image_survive_a_delete(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut document = repository.image_document()?;
    let layer = document["layers"][0]["digest"].as_str().unwrap_or_default().to_owned();
    let first = Manifest::new(crate::manifest::OCI_MANIFEST, &document);
    document["annotations"] = json!({"org.example.id": "second"});
    let second = Manifest::new(crate::manifest::OCI_MANIFEST, &document);
    repository.push("first", &first)?;
    repository.push("second", &second)?;
    delete_manifest(&repository, &first.digest())?;
    repository.pull("second")?.body_is(&second.bytes)?;
    ctx.get(&repository.blob(&layer)).send()?.expect(200)?;
    Ok(())
}
