//! Mounting a blob from another repository. It saves an upload or it does not; it never fails.

use super::table;
use crate::answer::Answer;
use crate::context::Context;
use crate::digest::{sha256, sha512};
use crate::failure::{Failure, Outcome, ensure, skipped};
use crate::repository::{Repository, with_query};

table! {
    b11_mount_makes_the_blob_pullable: "B11" Must,
    b11_mount_of_a_known_blob_is_201: "B11" Berth,
    b11_mount_of_a_known_blob_carries_location_and_digest: "wire" Berth,
    b11_mount_of_a_missing_blob_is_202: "B11" Should,
    b11_mount_from_a_missing_repository_is_202: "B11" "#17" Should,
    b11_mount_from_an_odd_name_is_202: "B11" "#17" Must,
    b11_session_after_a_failed_mount_is_usable: "B11" "#17" Must,
    b11_mount_from_the_repository_itself_is_no_error: "B11" "#17" Must,
    b12_mount_without_from_is_201_or_202: "B12" May,
    b11_mount_into_a_repository_that_has_the_blob_is_no_error: "B11" "#17" Must,
    mount_from_a_repository_without_the_blob_does_not_reveal_it: "B11" "#18" Berth,
    mounted_blob_survives_deletion_at_its_source: "B11" Must,
    mount_of_a_malformed_digest_never_is_201: "B11" Must,
    mount_by_sha512_makes_the_blob_pullable: "B11" Berth,
    mount_of_the_empty_blob_is_no_error: "B11" "#16" Must,
}

fn mount(to: &Repository<'_>, digest: &str, from: Option<&str>) -> Result<Answer, Failure> {
    let mut path = with_query(&to.uploads(), "mount", digest);
    if let Some(from) = from {
        path = with_query(&path, "from", from);
    }
    to.ctx.post(&path).send()
}

fn b11_mount_makes_the_blob_pullable(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    let (digest, bytes) = from.fresh_blob(200)?;
    let answer = mount(&to, &digest, Some(&from.name))?.one_of(&[201, 202])?;
    if answer.status == 202 {
        to.close(answer.need("Location")?, &digest, &bytes).send()?.expect(201)?;
    }
    ctx.get(&to.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b11_mount_of_a_known_blob_is_201(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    let (digest, bytes) = from.fresh_blob(200)?;
    let answer = mount(&to, &digest, Some(&from.name))?.expect(201)?;
    ctx.get(answer.need("Location")?).send()?.expect(200)?.body_is(&bytes)?;
    ctx.get(&to.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b11_mount_of_a_known_blob_carries_location_and_digest(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    let (digest, _) = from.fresh_blob(200)?;
    let answer = mount(&to, &digest, Some(&from.name))?.expect(201)?;
    answer
        .has("Location", &to.blob(&digest))?
        .has("Docker-Content-Digest", &digest)?
        .has("Content-Length", "0")?;
    Ok(())
}

fn b11_mount_of_a_missing_blob_is_202(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    from.fresh_blob(200)?;
    let digest = sha256(&ctx.bytes(30));
    mount(&to, &digest, Some(&from.name))?.expect(202)?.need("Location")?;
    Ok(())
}

fn b11_mount_from_a_missing_repository_is_202(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    mount(&to, &sha256(&ctx.bytes(30)), Some(&from.name))?.expect(202)?.need("Location")?;
    Ok(())
}

fn b11_mount_from_an_odd_name_is_202(ctx: &Context) -> Outcome {
    let to = ctx.repository();
    let long = "a".repeat(300);
    for from in ["", "UPPER", "host.example:5000/library/x", "../x", "a//b", "-", "a b", "é", &long]
    {
        let answer = mount(&to, &sha256(&ctx.bytes(30)), Some(from))?;
        ensure!(answer.status == 202, "from={from:?}: {answer}, expected 202");
    }
    Ok(())
}

fn b11_session_after_a_failed_mount_is_usable(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    let bytes = ctx.bytes(400);
    let digest = sha256(&bytes);
    let answer = mount(&to, &digest, Some(&from.name))?.expect(202)?;
    let location = to.append(answer.need("Location")?, 0, &bytes[..100])?;
    to.close(&location, &digest, &bytes[100..]).send()?.expect(201)?;
    ctx.get(&to.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b11_mount_from_the_repository_itself_is_no_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, _) = repository.fresh_blob(200)?;
    mount(&repository, &digest, Some(&repository.name))?.one_of(&[201, 202])?;
    mount(&repository, &sha256(&ctx.bytes(5)), Some(&repository.name))?.expect(202)?;
    Ok(())
}

fn b12_mount_without_from_is_201_or_202(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    let (digest, bytes) = from.fresh_blob(200)?;
    let answer = mount(&to, &digest, None)?.one_of(&[201, 202])?;
    let location = answer.need("Location")?;
    if answer.status == 201 {
        ctx.get(location).send()?.expect(200)?.body_is(&bytes)?;
        ctx.get(&to.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    }
    mount(&to, &sha256(&ctx.bytes(6)), None)?.expect(202)?.need("Location")?;
    Ok(())
}

fn b11_mount_into_a_repository_that_has_the_blob_is_no_error(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    let (digest, bytes) = from.fresh_blob(200)?;
    to.push_blob(&bytes)?;
    mount(&to, &digest, Some(&from.name))?.one_of(&[201, 202])?;
    ctx.get(&to.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn mount_from_a_repository_without_the_blob_does_not_reveal_it(ctx: &Context) -> Outcome {
    let (hidden, from, to) = (ctx.repository(), ctx.repository(), ctx.repository());
    let (digest, _) = hidden.fresh_blob(200)?;
    from.fresh_blob(10)?;
    mount(&to, &digest, Some(&from.name))?.expect(202)?;
    ctx.get(&to.blob(&digest)).send()?.expect(404)?;
    Ok(())
}

fn mounted_blob_survives_deletion_at_its_source(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    let (digest, bytes) = from.fresh_blob(200)?;
    if mount(&to, &digest, Some(&from.name))?.status != 201 {
        return Err(skipped("the registry did not mount"));
    }
    ctx.delete(&from.blob(&digest)).send()?.one_of(&[202, 405])?;
    ctx.get(&to.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn mount_of_a_malformed_digest_never_is_201(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    from.fresh_blob(10)?;
    for digest in ["", "sha256:", "sha256:abc", "latest", "../../x", "sha256:ABC"] {
        mount(&to, digest, Some(&from.name))?.one_of(&[202, 400])?.oci_error_if_any()?;
    }
    Ok(())
}

fn mount_by_sha512_makes_the_blob_pullable(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    let bytes = ctx.bytes(200);
    let digest = sha512(&bytes);
    from.push_blob_as(&digest, &bytes)?;
    mount(&to, &digest, Some(&from.name))?.expect(201)?;
    ctx.get(&to.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn mount_of_the_empty_blob_is_no_error(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    let digest = from.push_blob(b"")?;
    mount(&to, &digest, Some(&from.name))?.one_of(&[201, 202])?;
    Ok(())
}
