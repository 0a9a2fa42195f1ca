//! What a manifest refers to: which absences are allowed and which are refused.

use super::table;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::{Outcome, ensure};
use crate::manifest::{
    DOCKER_FOREIGN, Manifest, OCI_FOREIGN, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, descriptor,
    image_document, index_document,
};
use serde_json::{Value, json};

table! {
    m2_subject_that_does_not_exist_is_accepted: "M2" "#23" Must,
    m2_index_with_a_missing_subject_is_accepted: "M2" "#23" Must,
    m3_missing_layer_is_manifest_blob_unknown: "M3" Berth,
    m3_missing_config_is_manifest_blob_unknown: "M3" Berth,
    m3_missing_child_of_an_index_is_manifest_blob_unknown: "M3" Berth,
    m3_blob_of_another_repository_counts_as_missing: "M3" Berth,
    m3_missing_non_distributable_layer_is_accepted: "M3" Must,
    m3_missing_layer_with_foreign_urls_is_accepted: "M3" Berth,
    m3_missing_docker_foreign_layer_is_accepted: "M3" Berth,
    m3_refused_manifest_leaves_nothing_behind: "M3" Must,
    m4_image_with_subject_answers_oci_subject: "M4" "#40" Must,
    m4_index_with_subject_answers_oci_subject: "M4" "#40" Must,
    m4_missing_subject_is_answered_too: "M4" "#23" Must,
    m4_push_without_subject_has_no_oci_subject: "M4" Must,
    m4_push_again_answers_oci_subject_again: "M4" Must,
    index_of_images_is_taken: "M8" Must,
    nested_index_is_taken: "M8" Must,
    empty_index_is_taken: "M8" Must,
    index_whose_entries_are_layers_is_taken: "M3" "#24" Must,
    index_without_platforms_is_taken: "M8" "#24" Must,
    index_with_an_unknown_platform_is_taken: "M8" "#24" Must,
}

fn absent(ctx: &Context, media_type: &str) -> Value {
    descriptor(media_type, &ctx.bytes(64))
}

fn m2_subject_that_does_not_exist_is_accepted(ctx: &Context) -> Outcome {
    ctx.repository().push_referrer("application/vnd.example.sbom", &absent(ctx, OCI_MANIFEST))?;
    Ok(())
}

fn m2_index_with_a_missing_subject_is_accepted(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut document = index_document(vec![repository.push_image("child")?.descriptor()]);
    document["subject"] = absent(ctx, OCI_INDEX);
    repository.push("index", &Manifest::new(OCI_INDEX, &document))?;
    Ok(())
}

fn refused(ctx: &Context, media_type: &str, document: &Value) -> Outcome {
    let repository = ctx.repository();
    refused_in(&repository, &Manifest::new(media_type, document))
}

fn refused_in(repository: &crate::repository::Repository<'_>, manifest: &Manifest) -> Outcome {
    let answer = repository.put("latest", manifest).send()?.one_of(&[400, 404])?;
    answer.code(&["MANIFEST_BLOB_UNKNOWN"])?;
    Ok(())
}

fn m3_missing_layer_is_manifest_blob_unknown(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let document = image_document(
        repository.fresh_config()?,
        vec![repository.fresh_layer()?, absent(ctx, OCI_LAYER)],
    );
    refused_in(&repository, &Manifest::new(OCI_MANIFEST, &document))
}

fn m3_missing_config_is_manifest_blob_unknown(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut document = repository.image_document()?;
    document["config"]["digest"] = json!(sha256(&ctx.bytes(5)));
    refused_in(&repository, &Manifest::new(OCI_MANIFEST, &document))
}

fn m3_missing_child_of_an_index_is_manifest_blob_unknown(ctx: &Context) -> Outcome {
    refused(ctx, OCI_INDEX, &index_document(vec![absent(ctx, OCI_MANIFEST)]))
}

fn m3_blob_of_another_repository_counts_as_missing(ctx: &Context) -> Outcome {
    let document = ctx.repository().image_document()?;
    refused(ctx, OCI_MANIFEST, &document)
}

fn with_extra_layer(ctx: &Context, layer: Value) -> Outcome {
    let repository = ctx.repository();
    let document =
        image_document(repository.fresh_config()?, vec![repository.fresh_layer()?, layer]);
    let image = Manifest::new(OCI_MANIFEST, &document);
    repository.push("latest", &image)?;
    repository.pull("latest")?.body_is(&image.bytes)?;
    Ok(())
}

fn m3_missing_non_distributable_layer_is_accepted(ctx: &Context) -> Outcome {
    with_extra_layer(ctx, absent(ctx, OCI_FOREIGN))
}

fn m3_missing_layer_with_foreign_urls_is_accepted(ctx: &Context) -> Outcome {
    let mut layer = absent(ctx, OCI_FOREIGN);
    layer["urls"] = json!(["https://layers.example/x.tar.gz"]);
    with_extra_layer(ctx, layer)
}

fn m3_missing_docker_foreign_layer_is_accepted(ctx: &Context) -> Outcome {
    let mut layer = absent(ctx, DOCKER_FOREIGN);
    layer["urls"] = json!(["https://layers.example/x.tar.gz"]);
    with_extra_layer(ctx, layer)
}

fn m3_refused_manifest_leaves_nothing_behind(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let kept = repository.push_image("latest")?;
    let broken = Manifest::raw(OCI_MANIFEST, "{\"schemaVersion\":2,\"config\":7}");
    repository.put("latest", &broken).send()?.refused()?;
    repository.pull("latest")?.body_is(&kept.bytes)?;
    ctx.get(&repository.manifest(&broken.digest())).send()?.expect(404)?;
    Ok(())
}

fn m4_image_with_subject_answers_oci_subject(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let subject = repository.push_image("latest")?;
    let mut document = repository.artifact_document("application/vnd.example.sbom")?;
    document["subject"] = subject.descriptor();
    let manifest = Manifest::new(OCI_MANIFEST, &document);
    for reference in ["sbom", &manifest.digest()] {
        repository.push(reference, &manifest)?.has("OCI-Subject", &subject.digest())?;
    }
    Ok(())
}

fn m4_index_with_subject_answers_oci_subject(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let subject = repository.push_image("latest")?;
    let mut document = index_document(vec![subject.descriptor()]);
    document["subject"] = subject.descriptor();
    let index = Manifest::new(OCI_INDEX, &document);
    repository.push("index", &index)?.has("OCI-Subject", &subject.digest())?;
    Ok(())
}

fn m4_missing_subject_is_answered_too(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let subject = absent(ctx, OCI_MANIFEST);
    let mut document = repository.artifact_document("application/vnd.example.sbom")?;
    document["subject"] = subject.clone();
    let answer = repository.push("sbom", &Manifest::new(OCI_MANIFEST, &document))?;
    answer.has("OCI-Subject", subject["digest"].as_str().unwrap_or_default())?;
    Ok(())
}

fn m4_push_without_subject_has_no_oci_subject(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    repository.push("latest", &image)?.lacks("OCI-Subject")?;
    Ok(())
}

fn m4_push_again_answers_oci_subject_again(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let subject = repository.push_image("latest")?;
    let referrer =
        repository.push_referrer("application/vnd.example.sbom", &subject.descriptor())?;
    repository.push("again", &referrer)?.has("OCI-Subject", &subject.digest())?;
    Ok(())
}

fn index_taken(
    repository: &crate::repository::Repository<'_>,
    entries: Vec<Value>,
) -> Result<Manifest, crate::Failure> {
    let index = Manifest::new(OCI_INDEX, &index_document(entries));
    repository.push("index", &index)?;
    repository.pull("index")?.has("Content-Type", OCI_INDEX)?.body_is(&index.bytes)?;
    Ok(index)
}

fn index_of_images_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut entries = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let image = repository.image()?;
        repository.push(&image.digest(), &image)?;
        let mut entry = image.descriptor();
        entry["platform"] = json!({"architecture": architecture, "os": "linux"});
        entries.push(entry);
    }
    index_taken(&repository, entries)?;
    Ok(())
}

fn nested_index_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("image")?;
    let inner = index_taken(&repository, vec![image.descriptor()])?;
    let middle = index_taken(&repository, vec![inner.descriptor(), image.descriptor()])?;
    let outer = index_taken(&repository, vec![middle.descriptor()])?;
    repository.pull(&inner.digest())?.body_is(&inner.bytes)?;
    repository.pull(&outer.digest())?.body_is(&outer.bytes)?;
    Ok(())
}

fn empty_index_is_taken(ctx: &Context) -> Outcome {
    index_taken(&ctx.repository(), vec![])?;
    Ok(())
}

fn index_whose_entries_are_layers_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut entries = vec![repository.fresh_layer()?, repository.fresh_layer()?];
    let mut config = repository.fresh_config()?;
    config["mediaType"] = json!("application/vnd.buildkit.cacheconfig.v0");
    entries.push(config);
    index_taken(&repository, entries)?;
    Ok(())
}

fn index_without_platforms_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("image")?;
    index_taken(&repository, vec![image.descriptor(), image.descriptor()])?;
    Ok(())
}

fn index_with_an_unknown_platform_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut entry = repository.push_image("image")?.descriptor();
    entry["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    entry["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let index = index_taken(&repository, vec![entry])?;
    ensure!(!index.bytes.is_empty(), "the index is empty");
    Ok(())
}
