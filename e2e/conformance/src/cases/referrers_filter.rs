//! The filter of the referrers list.

use super::table;
use crate::context::Context;
use crate::failure::{Failure, Outcome, ensure};
use crate::manifest::{Manifest, OCI_MANIFEST};
use crate::repository::{Repository, encode};
use serde_json::json;

table! {
    r3_filter_keeps_only_the_type: "R3" Should,
    r3_applied_filter_is_told: "R3" Should,
    r3_without_filter_nothing_is_told: "R3" Must,
    r3_filter_without_match_is_an_empty_list: "R3" Should,
    r3_filter_finds_config_typed_artifacts: "R3" "#41" Should,
    r3_repeated_filters_mean_or: "R3" "#42" Berth,
    r3_encoded_type_is_decoded: "R3" Must,
    r3_empty_filter_is_no_error: "R3" Must,
    r3_filter_in_an_unknown_repository_is_an_empty_list: "R3" "#39" Must,
}

const SBOM: &str = "application/vnd.example.sbom.v1+json";
const SIGNATURE: &str = "application/vnd.example.signature.v1";
const CONFIG: &str = "application/vnd.example.config.v1";

/// A subject with two SBOMs, one signature and one artifact known by its config.
fn subject(ctx: &Context) -> Result<(Repository<'_>, String), Failure> {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    for artifact_type in [SBOM, SIGNATURE, SBOM] {
        repository.push_referrer(artifact_type, &image.descriptor())?;
    }
    let mut document = repository.image_document()?;
    document["config"]["mediaType"] = json!(CONFIG);
    document["subject"] = image.descriptor();
    let by_config = Manifest::new(OCI_MANIFEST, &document);
    repository.push(&by_config.digest(), &by_config)?;
    Ok((repository, image.digest()))
}

/// The list under this query has exactly these types, in any order.
fn types(repository: &Repository<'_>, digest: &str, query: &str, expected: &[&str]) -> Outcome {
    let list = repository.referrer_list(digest, query)?;
    let mut found: Vec<&str> = list.iter().filter_map(|e| e["artifactType"].as_str()).collect();
    found.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    ensure!(found == expected, "referrers{query}: types {found:?}, expected {expected:?}");
    Ok(())
}

fn query(artifact_type: &str) -> String {
    format!("?artifactType={}", encode(artifact_type))
}

fn r3_filter_keeps_only_the_type(ctx: &Context) -> Outcome {
    let (repository, digest) = subject(ctx)?;
    types(&repository, &digest, "", &[SBOM, SBOM, SIGNATURE, CONFIG])?;
    types(&repository, &digest, &query(SBOM), &[SBOM, SBOM])?;
    types(&repository, &digest, &query(SIGNATURE), &[SIGNATURE])
}

fn r3_applied_filter_is_told(ctx: &Context) -> Outcome {
    let (repository, digest) = subject(ctx)?;
    let path = repository.referrers(&digest) + &query(SBOM);
    ctx.get(&path).send()?.expect(200)?.has("OCI-Filters-Applied", "artifactType")?;
    Ok(())
}

fn r3_without_filter_nothing_is_told(ctx: &Context) -> Outcome {
    let (repository, digest) = subject(ctx)?;
    ctx.get(&repository.referrers(&digest)).send()?.expect(200)?.lacks("OCI-Filters-Applied")?;
    Ok(())
}

fn r3_filter_without_match_is_an_empty_list(ctx: &Context) -> Outcome {
    let (repository, digest) = subject(ctx)?;
    types(&repository, &digest, &query("application/vnd.example.none"), &[])
}

fn r3_filter_finds_config_typed_artifacts(ctx: &Context) -> Outcome {
    let (repository, digest) = subject(ctx)?;
    types(&repository, &digest, &query(CONFIG), &[CONFIG])
}

fn r3_repeated_filters_mean_or(ctx: &Context) -> Outcome {
    let (repository, digest) = subject(ctx)?;
    let both = format!("{}&artifactType={CONFIG}", query(SIGNATURE));
    types(&repository, &digest, &both, &[SIGNATURE, CONFIG])
}

fn r3_encoded_type_is_decoded(ctx: &Context) -> Outcome {
    let (repository, digest) = subject(ctx)?;
    let all = SBOM.replace('/', "%2F").replace('+', "%2B");
    let path = format!("{}?artifactType={all}", repository.referrers(&digest));
    let answer = ctx.get(&path).send()?.expect(200)?;
    let count = answer.json()?["manifests"].as_array().map_or(0, Vec::len);
    let filtered = answer.header("OCI-Filters-Applied").is_some();
    ensure!(count == if filtered { 2 } else { 4 }, "{answer}: {count} referrers");
    Ok(())
}

fn r3_empty_filter_is_no_error(ctx: &Context) -> Outcome {
    let (repository, digest) = subject(ctx)?;
    for query in ["?artifactType=", "?artifactType", "?unknown=x"] {
        ctx.get(&(repository.referrers(&digest) + query)).send()?.expect(200)?;
    }
    Ok(())
}

fn r3_filter_in_an_unknown_repository_is_an_empty_list(ctx: &Context) -> Outcome {
    let digest = crate::digest::sha256(&ctx.bytes(4));
    types(&ctx.repository(), &digest, &query(SBOM), &[])
}
