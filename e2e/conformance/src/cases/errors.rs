//! Error answers: status, code and the JSON that carries them.

use super::table;
use crate::answer::ERROR_CODES;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::{Outcome, ensure};

table! {
    g4_missing_blob_is_404_blob_unknown: "G4" Must,
    g4_missing_manifest_is_404_manifest_unknown: "G4" "#10" Must,
    g4_tags_of_an_unknown_repository_are_404_name_unknown: "G4" "#10" Berth,
    g4_unknown_upload_is_404_blob_upload_unknown: "G4" Must,
    g4_malformed_digest_is_400_digest_invalid: "G4" Berth,
    g4_malformed_manifest_is_400_manifest_invalid: "G4" Must,
    g4_error_bodies_are_json_by_type: "G4" Should,
    g4_errors_carry_a_message: "G4" Berth,
    g4_every_4xx_with_a_body_is_oci_json: "G4" Must,
    g4_unknown_routes_are_404_in_oci_json: "G4" Berth,
    answer_405_names_the_allowed_methods: "G8" Must,
    wrong_methods_are_answered_in_oci_json: "G4" Berth,
    g4_errors_are_not_cached_for_long: "G8" Should,
}

fn g4_missing_blob_is_404_blob_unknown(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.fresh_blob(5)?;
    let path = repository.blob(&sha256(&ctx.bytes(9)));
    ctx.get(&path).send()?.expect(404)?.code(&["BLOB_UNKNOWN"])?;
    Ok(())
}

fn g4_missing_manifest_is_404_manifest_unknown(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    ctx.get(&repository.manifest("absent")).send()?.expect(404)?.code(&["MANIFEST_UNKNOWN"])?;
    let path = repository.manifest(&sha256(&ctx.bytes(9)));
    ctx.get(&path).send()?.expect(404)?.code(&["MANIFEST_UNKNOWN"])?;
    Ok(())
}

fn g4_tags_of_an_unknown_repository_are_404_name_unknown(ctx: &Context) -> Outcome {
    ctx.get(&ctx.repository().tags()).send()?.expect(404)?.code(&["NAME_UNKNOWN"])?;
    Ok(())
}

fn g4_unknown_upload_is_404_blob_upload_unknown(ctx: &Context) -> Outcome {
    let path = format!("{}3a0bd6a5-0000-4000-8000-000000000000", ctx.repository().uploads());
    ctx.get(&path).send()?.expect(404)?.code(&["BLOB_UPLOAD_UNKNOWN"])?;
    Ok(())
}

fn g4_malformed_digest_is_400_digest_invalid(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    for digest in ["sha256:totallywrong", "sha256:abc"] {
        ctx.get(&repository.blob(digest)).send()?.expect(400)?.code(&["DIGEST_INVALID"])?;
        ctx.get(&repository.manifest(digest)).send()?.expect(400)?.code(&["DIGEST_INVALID"])?;
    }
    Ok(())
}

fn g4_malformed_manifest_is_400_manifest_invalid(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.fresh_blob(5)?;
    let manifest =
        crate::manifest::Manifest::raw(crate::manifest::OCI_MANIFEST, "{\"schemaVersion\":");
    repository.put("latest", &manifest).send()?.expect(400)?.code(&["MANIFEST_INVALID"])?;
    Ok(())
}

/// Paths that must be refused in every registry, one for each kind of error.
fn refused_paths(ctx: &Context) -> Vec<String> {
    let repository = ctx.repository();
    vec![
        repository.blob(&sha256(b"absent")),
        repository.blob("sha256:abc"),
        repository.manifest("absent"),
        repository.manifest(&sha256(b"absent")),
        format!("{}3a0bd6a5-0000-4000-8000-000000000000", repository.uploads()),
    ]
}

fn g4_error_bodies_are_json_by_type(ctx: &Context) -> Outcome {
    for path in refused_paths(ctx) {
        let answer = ctx.get(&path).send()?.refused()?;
        let media_type = answer.need("Content-Type")?;
        let json = media_type.split(';').next() == Some("application/json");
        ensure!(json, "{answer}: Content-Type {media_type:?}");
    }
    Ok(())
}

fn g4_errors_carry_a_message(ctx: &Context) -> Outcome {
    for path in refused_paths(ctx) {
        let answer = ctx.get(&path).send()?.refused()?;
        let json = answer.json()?;
        let message = json["errors"][0]["message"].as_str().unwrap_or_default();
        ensure!(!message.is_empty(), "{answer}: an error without message");
    }
    Ok(())
}

fn g4_every_4xx_with_a_body_is_oci_json(ctx: &Context) -> Outcome {
    for path in refused_paths(ctx) {
        ctx.get(&path).send()?.refused()?.oci_error_if_any()?;
    }
    let repository = ctx.repository();
    let location = repository.open()?;
    repository.close(&location, "sha256:abc", b"x").send()?.refused()?.oci_error_if_any()?;
    let location = repository.open()?;
    let wrong = sha256(b"something else");
    repository.close(&location, &wrong, b"x").send()?.refused()?.oci_error_if_any()?;
    Ok(())
}

fn g4_unknown_routes_are_404_in_oci_json(ctx: &Context) -> Outcome {
    let name = ctx.repository().name;
    for path in [
        "/v2/nothing".to_owned(),
        format!("/v2/{name}/nothing"),
        format!("/v2/{name}/manifests/"),
        format!("/v2/{name}/blobs/"),
        format!("/v2/{name}/tags/"),
        format!("/v2/{name}/tags/list/x"),
        format!("/v2/{name}/referrers/"),
    ] {
        let answer = ctx.get(&path).send()?.one_of(&[400, 404, 405])?;
        answer.code(ERROR_CODES)?;
    }
    Ok(())
}

fn wrong_requests(ctx: &Context) -> Vec<(&'static str, String)> {
    let repository = ctx.repository();
    let digest = sha256(b"x");
    vec![
        ("PUT", repository.tags()),
        ("DELETE", repository.tags()),
        ("POST", repository.manifest("latest")),
        ("PATCH", repository.manifest("latest")),
        ("POST", repository.blob(&digest)),
        ("PUT", repository.blob(&digest)),
        ("PUT", repository.uploads()),
        ("POST", "/v2/_catalog".to_owned()),
        ("PUT", "/v2/".to_owned()),
    ]
}

fn answer_405_names_the_allowed_methods(ctx: &Context) -> Outcome {
    for (method, path) in wrong_requests(ctx) {
        let answer = ctx.client.request(method, &path).send()?;
        if answer.status == 405 {
            answer.need("Allow")?;
        }
    }
    Ok(())
}

fn wrong_methods_are_answered_in_oci_json(ctx: &Context) -> Outcome {
    let mut requests = wrong_requests(ctx);
    requests.push(("PUT", ctx.repository().referrers(&sha256(b"x"))));
    for (method, path) in requests {
        ctx.client.request(method, &path).send()?.expect(405)?.code(&["UNSUPPORTED"])?;
    }
    Ok(())
}

fn g4_errors_are_not_cached_for_long(ctx: &Context) -> Outcome {
    for path in refused_paths(ctx) {
        let answer = ctx.get(&path).send()?.refused()?;
        let caching = answer.header("Cache-Control").unwrap_or_default();
        let long = caching.contains("immutable") || caching.contains("max-age=31536000");
        ensure!(!long, "{answer}: Cache-Control {caching:?} on an error");
    }
    Ok(())
}
