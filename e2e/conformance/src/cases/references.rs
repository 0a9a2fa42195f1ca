//! Tags and digests as references of manifests.

use super::table;
use crate::context::Context;
use crate::failure::Outcome;

table! {
    g3_every_form_of_a_valid_tag_works: "G3" Must,
    g3_tag_of_128_characters_works: "G3" Must,
    g3_invalid_tags_are_not_pushed: "G3" Must,
    g3_invalid_tags_are_not_found: "G3" Must,
    g3_invalid_tag_is_answered_in_oci_json: "G3" Berth,
    g3_malformed_digest_as_reference_is_not_pushed: "G3" Must,
    g3_malformed_digest_as_reference_is_not_found: "G3" Must,
    g3_tags_are_told_apart_by_case: "G3" Must,
    g3_a_tag_that_looks_like_hex_is_a_tag: "G3" Must,
}

fn g3_every_form_of_a_valid_tag_works(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    for tag in
        ["a", "A", "0", "_", "_x", "1.2.3", "v1.0-rc.1_x", "a..b", "a--b", "sha256-abc", "latest."]
    {
        repository.push(tag, &image)?;
        repository.pull(tag)?.body_is(&image.bytes)?;
    }
    Ok(())
}

fn g3_tag_of_128_characters_works(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let tag = "t".repeat(128);
    let image = repository.push_image(&tag)?;
    repository.pull(&tag)?.body_is(&image.bytes)?;
    Ok(())
}

fn invalid_tags() -> Vec<String> {
    let mut tags: Vec<String> = [
        ".a",
        "-a",
        "a+b",
        "a@b",
        "a:b",
        "a%20b",
        "%C3%A9",
        "a~b",
        "a,b",
        ".INVALID_MANIFEST_NAME",
    ]
    .map(str::to_owned)
    .to_vec();
    tags.push("t".repeat(129));
    tags
}

fn g3_invalid_tags_are_not_pushed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    for tag in invalid_tags() {
        repository.put(&tag, &image).send()?.one_of(&[400, 404])?;
    }
    Ok(())
}

fn g3_invalid_tags_are_not_found(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    for tag in invalid_tags() {
        ctx.get(&repository.manifest(&tag)).send()?.one_of(&[400, 404])?;
        ctx.head(&repository.manifest(&tag)).send()?.one_of(&[400, 404])?;
    }
    Ok(())
}

fn g3_invalid_tag_is_answered_in_oci_json(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    for tag in invalid_tags() {
        let answer = repository.put(&tag, &image).send()?.refused()?;
        answer.code(&["MANIFEST_INVALID", "TAG_INVALID", "DIGEST_INVALID", "MANIFEST_UNKNOWN"])?;
        let answer = ctx.get(&repository.manifest(&tag)).send()?.refused()?;
        answer.code(&["MANIFEST_UNKNOWN", "MANIFEST_INVALID", "TAG_INVALID", "DIGEST_INVALID"])?;
    }
    Ok(())
}

const BAD_DIGESTS: &[&str] = &[
    "sha256:totallywrong",
    "sha256:",
    "sha256:abc",
    "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ":e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

fn g3_malformed_digest_as_reference_is_not_pushed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    for digest in BAD_DIGESTS {
        repository.put(digest, &image).send()?.one_of(&[400, 404])?;
    }
    Ok(())
}

fn g3_malformed_digest_as_reference_is_not_found(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    for digest in BAD_DIGESTS {
        ctx.get(&repository.manifest(digest)).send()?.one_of(&[400, 404])?;
        ctx.get(&repository.blob(digest)).send()?.one_of(&[400, 404])?;
        ctx.head(&repository.blob(digest)).send()?.one_of(&[400, 404])?;
    }
    Ok(())
}

fn g3_tags_are_told_apart_by_case(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let lower = repository.push_image("tag")?;
    let upper = repository.push_image("TAG")?;
    repository.pull("tag")?.body_is(&lower.bytes)?;
    repository.pull("TAG")?.body_is(&upper.bytes)?;
    ctx.get(&repository.manifest("Tag")).send()?.expect(404)?;
    Ok(())
}

fn g3_a_tag_that_looks_like_hex_is_a_tag(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let digest = image.digest();
    let hex = digest.trim_start_matches("sha256:");
    repository.push("latest", &image)?;
    ctx.get(&repository.manifest(hex)).send()?.expect(404)?;
    let other = repository.push_image(hex)?;
    repository.pull(hex)?.body_is(&other.bytes)?;
    Ok(())
}
