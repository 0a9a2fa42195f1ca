//! Conditional requests: a client that holds the bytes is told so.

use super::table;
use crate::context::Context;
use crate::failure::{Failure, Outcome, ensure};

table! {
    blob_if_none_match_with_its_etag_is_304: "G8" Berth,
    blob_if_none_match_with_another_etag_is_200: "G8" Must,
    if_none_match_takes_lists_stars_and_weak_tags: "G8" Berth,
    not_modified_has_no_body_and_keeps_the_etag: "G8" Berth,
    missing_blob_is_404_under_any_condition: "G8" Must,
    manifest_by_digest_if_none_match_is_304: "G8" Berth,
    manifest_by_tag_if_none_match_follows_the_tag: "G8" Berth,
    manifest_has_its_digest_as_etag: "wire" Berth,
    if_none_match_wins_over_range: "G8" Berth,
    if_match_with_another_etag_is_412_or_200: "G8" Must,
    malformed_conditions_are_ignored_or_refused: "G8" Must,
}

fn blob(ctx: &Context) -> Result<(String, String, Vec<u8>), Failure> {
    let repository = ctx.repository();
    let (digest, bytes) = repository.fresh_blob(100)?;
    Ok((repository.blob(&digest), format!("\"{digest}\""), bytes))
}

fn blob_if_none_match_with_its_etag_is_304(ctx: &Context) -> Outcome {
    let (path, etag, _) = blob(ctx)?;
    ctx.get(&path).header("If-None-Match", &*etag).send()?.expect(304)?;
    ctx.head(&path).header("If-None-Match", &*etag).send()?.expect(304)?;
    Ok(())
}

fn blob_if_none_match_with_another_etag_is_200(ctx: &Context) -> Outcome {
    let (path, _, bytes) = blob(ctx)?;
    for etag in ["\"sha256:other\"", "\"\"", "W/\"x\"", "\"a\", \"b\""] {
        ctx.get(&path).header("If-None-Match", etag).send()?.expect(200)?.body_is(&bytes)?;
    }
    Ok(())
}

fn if_none_match_takes_lists_stars_and_weak_tags(ctx: &Context) -> Outcome {
    let (path, etag, _) = blob(ctx)?;
    for value in [
        "*".to_owned(),
        format!("W/{etag}"),
        format!("\"other\", {etag}"),
        format!("\"a\",{etag},\"b\""),
    ] {
        ctx.get(&path).header("If-None-Match", &*value).send()?.expect(304)?;
    }
    Ok(())
}

fn not_modified_has_no_body_and_keeps_the_etag(ctx: &Context) -> Outcome {
    let (path, etag, _) = blob(ctx)?;
    // Stray bytes after the head would fail the request itself.
    let answer = ctx.get(&path).header("If-None-Match", &*etag).send()?.expect(304)?;
    answer.has("ETag", &etag)?;
    Ok(())
}

fn missing_blob_is_404_under_any_condition(ctx: &Context) -> Outcome {
    let path = ctx.repository().blob(&crate::digest::sha256(&ctx.bytes(5)));
    for value in ["*", "\"x\""] {
        ctx.get(&path).header("If-None-Match", value).send()?.expect(404)?;
    }
    Ok(())
}

fn manifest_by_digest_if_none_match_is_304(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let etag = format!("\"{}\"", image.digest());
    let path = repository.manifest(&image.digest());
    ctx.get(&path).header("If-None-Match", &*etag).send()?.expect(304)?;
    ctx.head(&path).header("If-None-Match", &*etag).send()?.expect(304)?;
    Ok(())
}

fn manifest_by_tag_if_none_match_follows_the_tag(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let first = repository.push_image("latest")?;
    let etag = format!("\"{}\"", first.digest());
    let path = repository.manifest("latest");
    ctx.get(&path).header("If-None-Match", &*etag).send()?.expect(304)?;
    let second = repository.push_image("latest")?;
    let answer = ctx.get(&path).header("If-None-Match", &*etag).send()?;
    answer.expect(200)?.body_is(&second.bytes)?;
    Ok(())
}

fn manifest_has_its_digest_as_etag(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let etag = format!("\"{}\"", image.digest());
    repository.pull("latest")?.has("ETag", &etag)?;
    repository.pull(&image.digest())?.has("ETag", &etag)?;
    Ok(())
}

fn if_none_match_wins_over_range(ctx: &Context) -> Outcome {
    let (path, etag, _) = blob(ctx)?;
    let request = ctx.get(&path).header("If-None-Match", etag).header("Range", "bytes=0-1");
    request.send()?.expect(304)?;
    Ok(())
}

fn if_match_with_another_etag_is_412_or_200(ctx: &Context) -> Outcome {
    let (path, _, bytes) = blob(ctx)?;
    let answer = ctx.get(&path).header("If-Match", "\"sha256:other\"").send()?;
    answer.one_of(&[200, 412])?;
    let whole = ctx.get(&path).send()?.expect(200)?;
    if let Some(etag) = whole.header("ETag") {
        let answer = ctx.get(&path).header("If-Match", etag).send()?;
        answer.expect(200)?.body_is(&bytes)?;
    }
    Ok(())
}

fn malformed_conditions_are_ignored_or_refused(ctx: &Context) -> Outcome {
    let (path, _, bytes) = blob(ctx)?;
    for name in
        ["If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"]
    {
        for value in ["", "\"", "x", ",,,", "W/", "yesterday", "\"unclosed, \"b\""] {
            let answer = ctx.get(&path).header(name, value).send()?;
            let answer = answer.one_of(&[200, 304, 400, 412])?;
            let whole = answer.status != 200 || answer.body == bytes;
            ensure!(whole, "{name}: {value:?} changes the bytes of a 200");
        }
    }
    Ok(())
}
