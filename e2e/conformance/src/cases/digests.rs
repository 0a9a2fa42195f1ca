//! Digest algorithms: sha256 always, sha512 as well; each object answers by the name it was asked.

use super::table;
use crate::context::Context;
use crate::digest::{sha256, sha512};
use crate::failure::Outcome;
use crate::repository::with_query;

table! {
    h1_sha512_blob_by_post_and_put: "H1" Berth,
    h1_sha512_blob_by_single_post: "H1" Berth,
    h1_sha512_blob_in_chunks: "H1" Berth,
    h1_sha512_blob_as_a_stream: "H1" Berth,
    h1_sha512_blob_answers_by_sha512: "H1" "#22" Berth,
    h1_wrong_sha512_is_400: "H1" Must,
    h1_sha512_mismatch_stays_invisible: "H1" Must,
    h1_blob_under_both_digests_answers_by_each: "H1" Berth,
    h1_empty_blob_by_sha512: "H1" "#16" Berth,
    h1_sha512_blob_takes_ranges: "H1" Berth,
    h1_sha512_manifest_is_pulled_by_sha512: "H1" "#22" Berth,
    h1_deleting_a_blob_by_sha512_removes_it: "H1" Berth,
    h1_digest_of_a_registered_but_unknown_algorithm_is_4xx: "H1" Must,
    h1_upper_case_hex_is_refused: "H1" Must,
    h1_wrong_length_is_refused: "H1" Must,
}

fn h1_sha512_blob_by_post_and_put(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(900);
    let digest = sha512(&bytes);
    repository.push_blob_as(&digest, &bytes)?.has("Docker-Content-Digest", &digest)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn h1_sha512_blob_by_single_post(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(900);
    let digest = sha512(&bytes);
    let path = with_query(&repository.uploads(), "digest", &digest);
    let answer = ctx.post(&path).body(&*bytes).send()?.expect(201)?;
    answer.has("Docker-Content-Digest", &digest)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn h1_sha512_blob_in_chunks(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(900);
    let digest = sha512(&bytes);
    let location = repository.append(&repository.open()?, 0, &bytes[..300])?;
    let location = repository.append(&location, 300, &bytes[300..600])?;
    repository.close(&location, &digest, &bytes[600..]).send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn h1_sha512_blob_as_a_stream(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(300_000);
    let digest = sha512(&bytes);
    let answer = ctx.patch(&repository.open()?).chunked(&*bytes, 4096).send()?.expect(202)?;
    repository.close(answer.need("Location")?, &digest, b"").send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn h1_sha512_blob_answers_by_sha512(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(900);
    let digest = sha512(&bytes);
    repository.push_blob_as(&digest, &bytes)?;
    for method in ["GET", "HEAD"] {
        let answer = ctx.client.request(method, &repository.blob(&digest)).send()?.expect(200)?;
        answer.has("Docker-Content-Digest", &digest)?.has("Content-Length", "900")?;
    }
    Ok(())
}

fn h1_wrong_sha512_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let wrong = sha512(b"something else");
    repository.close(&repository.open()?, &wrong, b"bytes").send()?.expect(400)?;
    Ok(())
}

fn h1_sha512_mismatch_stays_invisible(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(100);
    let wrong = sha512(b"something else");
    repository.close(&repository.open()?, &wrong, &bytes).send()?.refused()?;
    for digest in [wrong, sha512(&bytes), sha256(&bytes)] {
        ctx.get(&repository.blob(&digest)).send()?.one_of(&[404, 400])?;
    }
    Ok(())
}

fn h1_blob_under_both_digests_answers_by_each(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(900);
    for digest in [sha512(&bytes), sha256(&bytes)] {
        repository.push_blob_as(&digest, &bytes)?;
    }
    for digest in [sha512(&bytes), sha256(&bytes)] {
        let answer = ctx.get(&repository.blob(&digest)).send()?.expect(200)?;
        answer.has("Docker-Content-Digest", &digest)?.body_is(&bytes)?;
    }
    Ok(())
}

fn h1_empty_blob_by_sha512(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let digest = sha512(b"");
    repository.push_blob_as(&digest, b"")?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(b"")?;
    Ok(())
}

fn h1_sha512_blob_takes_ranges(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(900);
    let digest = sha512(&bytes);
    repository.push_blob_as(&digest, &bytes)?;
    let request = ctx.get(&repository.blob(&digest)).header("Range", "bytes=100-199");
    let answer = request.send()?.expect(206)?.has("Content-Range", "bytes 100-199/900")?;
    answer.body_is(&bytes[100..200])?;
    Ok(())
}

fn h1_sha512_manifest_is_pulled_by_sha512(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let digest = image.digest512();
    repository.push(&digest, &image)?.has("Docker-Content-Digest", &digest)?;
    repository.pull(&digest)?.has("Docker-Content-Digest", &digest)?.body_is(&image.bytes)?;
    Ok(())
}

fn h1_deleting_a_blob_by_sha512_removes_it(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(900);
    let digest = sha512(&bytes);
    repository.push_blob_as(&digest, &bytes)?;
    ctx.delete(&repository.blob(&digest)).send()?.expect(202)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(404)?;
    ctx.get(&repository.blob(&sha256(&bytes))).send()?.expect(404)?;
    Ok(())
}

fn h1_digest_of_a_registered_but_unknown_algorithm_is_4xx(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    let hex = "a".repeat(64);
    for digest in [
        format!("blake3:{hex}"),
        format!("sha384:{hex}"),
        "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8".to_owned(),
    ] {
        ctx.get(&repository.blob(&digest)).send()?.one_of(&[400, 404])?;
        ctx.get(&repository.manifest(&digest)).send()?.one_of(&[400, 404])?;
    }
    Ok(())
}

fn h1_upper_case_hex_is_refused(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, bytes) = repository.fresh_blob(100)?;
    let upper = format!("sha256:{}", digest.trim_start_matches("sha256:").to_uppercase());
    ctx.get(&repository.blob(&upper)).send()?.one_of(&[400, 404])?;
    repository.close(&repository.open()?, &upper, &bytes).send()?.expect(400)?;
    Ok(())
}

fn h1_wrong_length_is_refused(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, bytes) = repository.fresh_blob(100)?;
    for wrong in [format!("{digest}0"), digest[..70].to_owned(), format!("sha512:{}", &digest[7..])]
    {
        ctx.get(&repository.blob(&wrong)).send()?.one_of(&[400, 404])?;
        repository.close(&repository.open()?, &wrong, &bytes).send()?.expect(400)?;
    }
    Ok(())
}
