//! Repository names: what the grammar allows works, what it forbids is refused.

use super::table;
use crate::context::Context;
use crate::failure::{Outcome, ensure};

table! {
    g2_every_form_of_a_valid_name_takes_a_push: "G2" Must,
    g2_long_names_of_255_characters_work: "G2" Should,
    g2_invalid_names_never_open_an_upload: "G2" Must,
    g2_invalid_names_are_never_found: "G2" Must,
    g2_invalid_name_is_400_name_invalid: "G2" Berth,
    g2_name_beyond_255_characters_is_refused: "G2" Berth,
    g9_components_with_a_leading_underscore_are_no_repositories: "G9" Must,
    g9_the_catalog_is_not_hidden_by_a_repository: "G9" Must,
    g2_words_of_routes_are_valid_components: "G2" Must,
    g2_names_are_told_apart_exactly: "G2" Must,
}

fn g2_every_form_of_a_valid_name_takes_a_push(ctx: &Context) -> Outcome {
    for ending in ["a", "0", "a.b", "a_b", "a__b", "a-b", "a---b", "a/b/c/d/e/f", "1.2_3__4-5--6"] {
        let repository = ctx.repository_ending(ending);
        let (digest, bytes) = repository.fresh_blob(20)?;
        ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    }
    Ok(())
}

fn g2_long_names_of_255_characters_work(ctx: &Context) -> Outcome {
    let mut repository = ctx.repository_ending("x");
    let missing = 255 - repository.name.len();
    repository.name.push_str(&"y".repeat(missing));
    let (digest, bytes) = repository.fresh_blob(20)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

const INVALID: &[&str] = &[
    "UPPER", "a..b", "a___b", "-a", "a-", ".a", "a.", "a_", "_a", "a._b", "a.-b", "a+b", "a@b",
    "a~b", "a%20b", "%C3%A9", "a,b", "a%3Fb",
];

fn g2_invalid_names_never_open_an_upload(ctx: &Context) -> Outcome {
    for ending in INVALID {
        let repository = ctx.repository_ending(ending);
        ctx.post(&repository.uploads()).send()?.one_of(&[400, 404, 405])?;
    }
    Ok(())
}

fn g2_invalid_names_are_never_found(ctx: &Context) -> Outcome {
    for ending in INVALID {
        let repository = ctx.repository_ending(ending);
        ctx.get(&repository.manifest("latest")).send()?.one_of(&[400, 404])?;
        ctx.get(&repository.tags()).send()?.one_of(&[400, 404])?;
    }
    Ok(())
}

fn g2_invalid_name_is_400_name_invalid(ctx: &Context) -> Outcome {
    for ending in ["UPPER", "a..b", "-a"] {
        let repository = ctx.repository_ending(ending);
        ctx.post(&repository.uploads()).send()?.expect(400)?.code(&["NAME_INVALID"])?;
        ctx.get(&repository.manifest("latest")).send()?.expect(400)?.code(&["NAME_INVALID"])?;
    }
    Ok(())
}

fn g2_name_beyond_255_characters_is_refused(ctx: &Context) -> Outcome {
    let repository = ctx.repository_ending(&"y".repeat(256));
    ctx.post(&repository.uploads()).send()?.refused()?.code(&["NAME_INVALID"])?;
    Ok(())
}

fn g9_components_with_a_leading_underscore_are_no_repositories(ctx: &Context) -> Outcome {
    for name in ["_oci", "_catalog", "_docker/x", "_any/thing", "a/_oci", "a/_b/c"] {
        ctx.post(&format!("/v2/{name}/blobs/uploads/")).send()?.refused()?;
        ctx.get(&format!("/v2/{name}/tags/list")).send()?.refused()?;
    }
    Ok(())
}

fn g9_the_catalog_is_not_hidden_by_a_repository(ctx: &Context) -> Outcome {
    let answer = ctx.get("/v2/_catalog?n=1").send()?;
    if answer.status == 200 {
        answer.strings("repositories")?;
    }
    Ok(())
}

fn g2_words_of_routes_are_valid_components(ctx: &Context) -> Outcome {
    for ending in [
        "tags",
        "list",
        "blobs",
        "uploads",
        "manifests",
        "referrers",
        "blobs/uploads",
        "manifests/latest",
        "tags/list",
    ] {
        let repository = ctx.repository_ending(ending);
        let image = repository.push_image("latest")?;
        repository.pull("latest")?.body_is(&image.bytes)?;
        let tags = repository.tag_list()?;
        ensure!(tags == ["latest"], "{}: tags are {tags:?}", repository.name);
    }
    Ok(())
}

fn g2_names_are_told_apart_exactly(ctx: &Context) -> Outcome {
    let first = ctx.repository_ending("a-b");
    let image = first.push_image("latest")?;
    for ending in ["a_b", "a.b", "a/b", "ab", "a--b"] {
        let other = first.name.trim_end_matches("a-b").to_owned() + ending;
        let path = format!("/v2/{other}/manifests/{}", image.digest());
        ctx.get(&path).send()?.expect(404)?;
    }
    Ok(())
}
