//! Referrers: what points at a digest, whether the digest is there or not.

use super::table;
use crate::context::Context;
use crate::digest::{sha256, sha512};
use crate::failure::{Outcome, ensure, skipped};
use crate::manifest::{Manifest, OCI_INDEX, OCI_MANIFEST, descriptor, index_document};
use serde_json::{Value, json};

table! {
    r1_unknown_digest_is_an_empty_index: "R1" "#39" Must,
    r1_unknown_repository_is_an_empty_index: "R1" "#39" Must,
    r1_unknown_sha512_digest_is_an_empty_index: "R1" Must,
    r1_malformed_digest_is_400: "R1" Must,
    r1_empty_list_is_an_array: "R1" "#52" Must,
    r2_content_type_is_exactly_the_index_type: "R2" Must,
    r2_body_is_an_image_index: "R2" Must,
    r2_descriptor_has_type_size_and_digest: "R2" Must,
    r2_artifact_type_is_that_of_the_manifest: "R2" Must,
    r2_config_type_stands_in_for_the_artifact_type: "R2" "#41" Must,
    r2_index_with_artifact_type_is_listed_with_it: "R2" Must,
    r2_index_without_artifact_type_has_none: "R2" Must,
    r2_annotations_are_copied: "R2" Must,
    r2_referrer_is_listed_once: "R2" Must,
    r2_tagged_referrer_is_listed: "R2" Must,
    r2_referrers_of_an_index_are_listed: "R2" Must,
    r2_referrer_of_a_missing_subject_is_listed: "R2" "#23" Must,
    r2_referrer_stays_when_its_subject_arrives: "R2" "#23" Must,
    r2_referrers_stay_in_their_repository: "R2" Must,
    r2_deleted_referrer_is_not_listed: "R2" Must,
    r2_referrers_of_a_sha512_subject_are_listed: "R2" "#22" Berth,
    r4_many_referrers_are_all_listed: "R4" Must,
    r4_large_lists_come_in_pages_below_four_mebibytes: "R4" Berth,
    r5_fallback_tag_is_served_as_pushed: "R5" "#38" Must,
    r5_fallback_tag_does_not_change_the_list: "R5" "#38" Berth,
    r2_subject_alone_has_no_referrers: "R2" Must,
}

const SBOM: &str = "application/vnd.example.sbom.v1";

fn empty_list(ctx: &Context, path: &str) -> Outcome {
    let answer = ctx.get(path).send()?.expect(200)?.has("Content-Type", OCI_INDEX)?;
    let json = answer.json()?;
    let empty = json["manifests"].as_array().is_some_and(Vec::is_empty);
    ensure!(empty, "{answer}: manifests is {}", json["manifests"]);
    Ok(())
}

fn r1_unknown_digest_is_an_empty_index(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    empty_list(ctx, &repository.referrers(&sha256(&ctx.bytes(5))))?;
    empty_list(ctx, &repository.referrers(&format!("sha256:{}", "0".repeat(64))))
}

fn r1_unknown_repository_is_an_empty_index(ctx: &Context) -> Outcome {
    empty_list(ctx, &ctx.repository().referrers(&sha256(&ctx.bytes(5))))
}

fn r1_unknown_sha512_digest_is_an_empty_index(ctx: &Context) -> Outcome {
    empty_list(ctx, &ctx.repository().referrers(&sha512(&ctx.bytes(5))))
}

fn r1_malformed_digest_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    for digest in ["sha256:abc", "sha256:", "latest", "sha256:totallywrong"] {
        let answer = ctx.get(&repository.referrers(digest)).send()?.expect(400)?;
        answer.oci_error_if_any()?;
    }
    Ok(())
}

fn r1_empty_list_is_an_array(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    empty_list(ctx, &repository.referrers(&image.digest()))
}

fn r2_subject_alone_has_no_referrers(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let referrer = repository.push_referrer(SBOM, &image.descriptor())?;
    empty_list(ctx, &repository.referrers(&referrer.digest()))
}

fn r2_content_type_is_exactly_the_index_type(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    repository.push_referrer(SBOM, &image.descriptor())?;
    let answer = ctx.get(&repository.referrers(&image.digest())).send()?.expect(200)?;
    answer.has("Content-Type", OCI_INDEX)?;
    Ok(())
}

fn r2_body_is_an_image_index(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    repository.push_referrer(SBOM, &image.descriptor())?;
    let answer = ctx.get(&repository.referrers(&image.digest())).send()?.expect(200)?;
    let json = answer.json()?;
    ensure!(json["schemaVersion"] == 2, "{answer}: schemaVersion is {}", json["schemaVersion"]);
    ensure!(json["mediaType"] == OCI_INDEX, "{answer}: mediaType is {}", json["mediaType"]);
    Ok(())
}

/// The only entry of the list, which must be this manifest.
fn only_entry(
    repository: &crate::repository::Repository<'_>,
    subject: &str,
    referrer: &Manifest,
) -> Result<Value, crate::Failure> {
    let list = repository.referrer_list(subject, "")?;
    ensure!(list.len() == 1, "{} referrers are listed, expected 1", list.len());
    let entry = list.into_iter().next().unwrap_or_default();
    ensure!(entry["digest"] == referrer.digest(), "the digest is {}", entry["digest"]);
    ensure!(entry["size"] == referrer.bytes.len(), "the size is {}", entry["size"]);
    ensure!(entry["mediaType"] == *referrer.media_type, "the type is {}", entry["mediaType"]);
    Ok(entry)
}

fn r2_descriptor_has_type_size_and_digest(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let referrer = repository.push_referrer(SBOM, &image.descriptor())?;
    only_entry(&repository, &image.digest(), &referrer)?;
    Ok(())
}

fn r2_artifact_type_is_that_of_the_manifest(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let referrer = repository.push_referrer(SBOM, &image.descriptor())?;
    let entry = only_entry(&repository, &image.digest(), &referrer)?;
    ensure!(entry["artifactType"] == SBOM, "artifactType is {}", entry["artifactType"]);
    Ok(())
}

fn r2_config_type_stands_in_for_the_artifact_type(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let mut document = repository.image_document()?;
    document["config"]["mediaType"] = json!("application/vnd.example.config.v1");
    document["subject"] = image.descriptor();
    let referrer = Manifest::new(OCI_MANIFEST, &document);
    repository.push(&referrer.digest(), &referrer)?;
    let entry = only_entry(&repository, &image.digest(), &referrer)?;
    let found = &entry["artifactType"];
    ensure!(found == "application/vnd.example.config.v1", "artifactType is {found}");
    Ok(())
}

fn r2_index_with_artifact_type_is_listed_with_it(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let mut document = index_document(vec![image.descriptor()]);
    document["artifactType"] = json!(SBOM);
    document["subject"] = image.descriptor();
    let referrer = Manifest::new(OCI_INDEX, &document);
    repository.push(&referrer.digest(), &referrer)?;
    let entry = only_entry(&repository, &image.digest(), &referrer)?;
    ensure!(entry["artifactType"] == SBOM, "artifactType is {}", entry["artifactType"]);
    Ok(())
}

fn r2_index_without_artifact_type_has_none(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let mut document = index_document(vec![image.descriptor()]);
    document["subject"] = image.descriptor();
    let referrer = Manifest::new(OCI_INDEX, &document);
    repository.push(&referrer.digest(), &referrer)?;
    let entry = only_entry(&repository, &image.digest(), &referrer)?;
    let found = entry.get("artifactType");
    ensure!(found.is_none(), "artifactType is {found:?}, expected none");
    Ok(())
}

fn r2_annotations_are_copied(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let mut document = repository.artifact_document(SBOM)?;
    document["annotations"] = json!({"org.example.a": "b", "org.example.é": "ü\n\"quoted\""});
    document["subject"] = image.descriptor();
    let referrer = Manifest::new(OCI_MANIFEST, &document);
    repository.push(&referrer.digest(), &referrer)?;
    let entry = only_entry(&repository, &image.digest(), &referrer)?;
    let copied = entry["annotations"] == document["annotations"];
    ensure!(copied, "annotations are {}", entry["annotations"]);
    Ok(())
}

fn r2_referrer_is_listed_once(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let referrer = repository.push_referrer(SBOM, &image.descriptor())?;
    for reference in [&referrer.digest(), "one", "two"] {
        repository.push(reference, &referrer)?;
    }
    only_entry(&repository, &image.digest(), &referrer)?;
    Ok(())
}

fn r2_tagged_referrer_is_listed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let mut document = repository.artifact_document(SBOM)?;
    document["subject"] = image.descriptor();
    let referrer = Manifest::new(OCI_MANIFEST, &document);
    repository.push("sbom", &referrer)?;
    only_entry(&repository, &image.digest(), &referrer)?;
    Ok(())
}

fn r2_referrers_of_an_index_are_listed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let index = Manifest::new(OCI_INDEX, &index_document(vec![image.descriptor()]));
    repository.push("index", &index)?;
    let referrer = repository.push_referrer(SBOM, &index.descriptor())?;
    only_entry(&repository, &index.digest(), &referrer)?;
    empty_list(ctx, &repository.referrers(&image.digest()))
}

fn r2_referrer_of_a_missing_subject_is_listed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let subject = descriptor(OCI_MANIFEST, &ctx.bytes(40));
    let referrer = repository.push_referrer(SBOM, &subject)?;
    only_entry(&repository, subject["digest"].as_str().unwrap_or_default(), &referrer)?;
    Ok(())
}

fn r2_referrer_stays_when_its_subject_arrives(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let referrer = repository.push_referrer(SBOM, &image.descriptor())?;
    repository.push("latest", &image)?;
    only_entry(&repository, &image.digest(), &referrer)?;
    Ok(())
}

fn r2_referrers_stay_in_their_repository(ctx: &Context) -> Outcome {
    let (one, other) = (ctx.repository(), ctx.repository());
    let image = one.push_image("latest")?;
    one.push_referrer(SBOM, &image.descriptor())?;
    empty_list(ctx, &other.referrers(&image.digest()))
}

fn r2_deleted_referrer_is_not_listed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let kept = repository.push_referrer(SBOM, &image.descriptor())?;
    let gone = repository.push_referrer(SBOM, &image.descriptor())?;
    let deleted = ctx.delete(&repository.manifest(&gone.digest())).send()?;
    if deleted.status == 405 {
        return Err(skipped("the registry does not delete manifests"));
    }
    deleted.expect(202)?;
    only_entry(&repository, &image.digest(), &kept)?;
    Ok(())
}

fn r2_referrers_of_a_sha512_subject_are_listed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    repository.push(&image.digest512(), &image)?;
    let mut subject = image.descriptor();
    subject["digest"] = json!(image.digest512());
    let referrer = repository.push_referrer(SBOM, &subject)?;
    only_entry(&repository, &image.digest512(), &referrer)?;
    Ok(())
}

/// Every page of a list: bytes of the largest and entries of all, at most this many.
fn pages(ctx: &Context, first: String, most: usize) -> Result<(usize, usize), crate::Failure> {
    let (mut largest, mut count) = (0, 0);
    let mut next = Some(first);
    while let Some(path) = next {
        let answer = ctx.get(&path).send()?.expect(200)?;
        largest = largest.max(answer.body.len());
        count += answer.json()?["manifests"].as_array().map_or(0, Vec::len);
        next = answer.next_page()?;
        ensure!(count <= most, "{answer}: more referrers than were pushed");
    }
    Ok((largest, count))
}

fn r4_many_referrers_are_all_listed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    for _ in 0..30 {
        repository.push_referrer(SBOM, &image.descriptor())?;
    }
    let (_, count) = pages(ctx, repository.referrers(&image.digest()), 30)?;
    ensure!(count == 30, "{count} of 30 referrers are listed");
    Ok(())
}

fn r4_large_lists_come_in_pages_below_four_mebibytes(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    for _ in 0..24 {
        let mut document = repository.artifact_document(SBOM)?;
        document["annotations"] =
            json!({"org.example.note": "n".repeat(200_000), "org.example.id": ctx.word()});
        document["subject"] = image.descriptor();
        let referrer = Manifest::new(OCI_MANIFEST, &document);
        repository.push(&referrer.digest(), &referrer)?;
    }
    let (largest, count) = pages(ctx, repository.referrers(&image.digest()), 24)?;
    ensure!(count == 24, "{count} of 24 referrers are listed");
    ensure!(largest <= 4 << 20, "a page has {largest} bytes");
    Ok(())
}

/// What a client that found no referrers API has left behind.
fn fallback_tag(digest: &str) -> String {
    digest.replace(':', "-")
}

fn r5_fallback_tag_is_served_as_pushed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let entry = repository.push_image("other")?;
    let index = Manifest::new(OCI_INDEX, &index_document(vec![entry.descriptor()]));
    let tag = fallback_tag(&image.digest());
    repository.push(&tag, &index)?;
    repository.pull(&tag)?.has("Content-Type", OCI_INDEX)?.body_is(&index.bytes)?;
    Ok(())
}

fn r5_fallback_tag_does_not_change_the_list(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let referrer = repository.push_referrer(SBOM, &image.descriptor())?;
    let stranger = repository.push_image("stranger")?;
    let mut entry = stranger.descriptor();
    entry["artifactType"] = json!("application/vnd.example.lie");
    let index = Manifest::new(OCI_INDEX, &index_document(vec![entry, referrer.descriptor()]));
    repository.push(&fallback_tag(&image.digest()), &index)?;
    only_entry(&repository, &image.digest(), &referrer)?;
    Ok(())
}
