//! A blob in one piece: POST and PUT, or a single POST.

use super::table;
use crate::context::Context;
use crate::digest::{EMPTY_SHA256, sha256, sha512};
use crate::failure::{Outcome, ensure};
use crate::repository::with_query;

table! {
    b2_post_and_put_make_a_pullable_blob: "B2" Must,
    b2_location_of_the_blob_is_pullable: "B2" Must,
    b2_put_carries_the_digest: "B2" Berth,
    b2_query_of_the_location_survives_another_parameter: "B2" Must,
    b2_blob_that_exists_is_pushed_again: "B2" Must,
    b2_put_without_content_type_is_taken: "B2" Berth,
    b2_large_blob_arrives_whole: "B2" Must,
    b2_single_post_is_201_or_opens_a_session: "B2" Should,
    b2_single_post_makes_the_blob: "B2" Berth,
    b2_single_post_in_chunked_coding_makes_the_blob: "B2" Berth,
    post_with_digest_but_no_body_opens_a_session: "B2" "#19" Berth,
    b9_wrong_digest_is_400_and_the_blob_stays_invisible: "B9" Must,
    b9_wrong_digest_is_digest_invalid: "B9" Berth,
    b9_wrong_digest_of_a_single_post_is_400: "B9" Must,
    b9_wrong_digest_does_not_damage_a_blob_that_exists: "B9" Must,
    b9_put_without_digest_is_refused: "B9" Must,
    b3_malformed_digest_on_put_is_400: "B3" Should,
    b3_malformed_digest_on_post_is_400: "B3" Should,
    b3_unknown_algorithm_on_put_is_400: "B3" Should,
    empty_blob_by_post_and_put: "B2" "#16" Must,
    empty_blob_by_single_post: "B2" "#16" Berth,
    empty_blob_by_empty_stream: "B6" "#16" Must,
    empty_json_blob: "B2" Must,
    put_with_content_range_from_zero_is_taken: "B2" "#20" Berth,
    digest_algorithm_hint_is_taken: "B1" Berth,
    digest_algorithm_hint_that_is_unknown_is_400: "B3" Berth,
    digest_algorithm_hint_does_not_bind_the_closing_put: "B1" Berth,
    b9_half_a_body_makes_no_blob: "B9" Must,
}

fn b2_post_and_put_make_a_pullable_blob(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for length in [1, 2, 4096, 100_000] {
        let (digest, bytes) = repository.fresh_blob(length)?;
        ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    }
    Ok(())
}

fn b2_location_of_the_blob_is_pullable(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(500);
    let answer = repository.push_blob_as(&sha256(&bytes), &bytes)?;
    ctx.get(answer.need("Location")?).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b2_put_carries_the_digest(ctx: &Context) -> Outcome {
    let bytes = ctx.bytes(500);
    let digest = sha256(&bytes);
    ctx.repository().push_blob_as(&digest, &bytes)?.has("Docker-Content-Digest", &digest)?;
    Ok(())
}

fn b2_query_of_the_location_survives_another_parameter(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(50);
    let location = with_query(&repository.open()?, "unrelated", "value");
    repository.close(&location, &sha256(&bytes), &bytes).send()?.expect(201)?;
    Ok(())
}

fn b2_blob_that_exists_is_pushed_again(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, bytes) = repository.fresh_blob(500)?;
    repository.push_blob(&bytes)?;
    ctx.repository().push_blob(&bytes)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b2_put_without_content_type_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(50);
    let path = with_query(&repository.open()?, "digest", &sha256(&bytes));
    ctx.put(&path).body(bytes).send()?.expect(201)?;
    Ok(())
}

fn b2_large_blob_arrives_whole(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, bytes) = repository.fresh_blob(9 * 1024 * 1024 + 7)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b2_single_post_is_201_or_opens_a_session(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(500);
    let digest = sha256(&bytes);
    let path = with_query(&repository.uploads(), "digest", &digest);
    let request = ctx.post(&path).header("Content-Type", "application/octet-stream");
    let answer = request.body(&*bytes).send()?.one_of(&[201, 202])?;
    if answer.status == 202 {
        repository.close(answer.need("Location")?, &digest, &bytes).send()?.expect(201)?;
    }
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b2_single_post_makes_the_blob(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(500);
    let digest = sha256(&bytes);
    let path = with_query(&repository.uploads(), "digest", &digest);
    let answer = ctx.post(&path).body(&*bytes).send()?.expect(201)?;
    let answer = answer.has("Docker-Content-Digest", &digest)?;
    ctx.get(answer.need("Location")?).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b2_single_post_in_chunked_coding_makes_the_blob(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(5000);
    let digest = sha256(&bytes);
    let path = with_query(&repository.uploads(), "digest", &digest);
    ctx.post(&path).chunked(&*bytes, 700).send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn post_with_digest_but_no_body_opens_a_session(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(500);
    let digest = sha256(&bytes);
    let path = with_query(&repository.uploads(), "digest", &digest);
    let answer = ctx.post(&path).send()?.expect(202)?;
    repository.close(answer.need("Location")?, &digest, &bytes).send()?.expect(201)?;
    Ok(())
}

fn b9_wrong_digest_is_400_and_the_blob_stays_invisible(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(500);
    let (right, wrong) = (sha256(&bytes), sha256(b"something else"));
    repository.close(&repository.open()?, &wrong, &bytes).send()?.expect(400)?;
    ctx.get(&repository.blob(&wrong)).send()?.expect(404)?;
    ctx.get(&repository.blob(&right)).send()?.expect(404)?;
    Ok(())
}

fn b9_wrong_digest_is_digest_invalid(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let answer = repository.close(&repository.open()?, &sha256(b"else"), b"bytes").send()?;
    answer.expect(400)?.code(&["DIGEST_INVALID"])?;
    Ok(())
}

fn b9_wrong_digest_of_a_single_post_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let wrong = sha256(b"something else");
    let path = with_query(&repository.uploads(), "digest", &wrong);
    ctx.post(&path).body(ctx.bytes(100)).send()?.one_of(&[400, 202])?;
    ctx.get(&repository.blob(&wrong)).send()?.expect(404)?;
    Ok(())
}

fn b9_wrong_digest_does_not_damage_a_blob_that_exists(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, bytes) = repository.fresh_blob(100)?;
    let other = ctx.bytes(100);
    repository.close(&repository.open()?, &digest, &other).send()?.expect(400)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b9_put_without_digest_is_refused(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let location = repository.open()?;
    ctx.put(&location).body(ctx.bytes(10)).send()?.one_of(&[400, 404])?;
    Ok(())
}

const MALFORMED: &[&str] =
    &["sha256", "sha256:", "sha256:abc", "totally wrong", "sha256:zz", ":", "e3b0c442"];

fn b3_malformed_digest_on_put_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for digest in MALFORMED {
        let answer = repository.close(&repository.open()?, digest, b"bytes").send()?;
        answer.expect(400)?.oci_error_if_any()?;
    }
    Ok(())
}

fn b3_malformed_digest_on_post_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for digest in MALFORMED {
        let path = with_query(&repository.uploads(), "digest", digest);
        ctx.post(&path).body(*b"bytes").send()?.expect(400)?.oci_error_if_any()?;
    }
    Ok(())
}

fn b3_unknown_algorithm_on_put_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let hex = "a".repeat(64);
    for algorithm in ["md5", "unknown", "sha256+b64u", "blake9"] {
        let digest = format!("{algorithm}:{hex}");
        repository.close(&repository.open()?, &digest, b"bytes").send()?.expect(400)?;
    }
    Ok(())
}

fn empty_blob_by_post_and_put(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_blob(b"")?;
    let answer = ctx.get(&repository.blob(EMPTY_SHA256)).send()?.expect(200)?;
    answer.has("Content-Length", "0")?.body_is(b"")?;
    let head = ctx.head(&repository.blob(EMPTY_SHA256)).send()?;
    head.expect(200)?.has("Content-Length", "0")?;
    Ok(())
}

fn empty_blob_by_single_post(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let path = with_query(&repository.uploads(), "digest", EMPTY_SHA256);
    let answer = ctx.post(&path).body(Vec::new()).send()?.one_of(&[201, 202])?;
    if answer.status == 202 {
        repository.close(answer.need("Location")?, EMPTY_SHA256, b"").send()?.expect(201)?;
    }
    ctx.get(&repository.blob(EMPTY_SHA256)).send()?.expect(200)?.body_is(b"")?;
    Ok(())
}

fn empty_blob_by_empty_stream(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let location = repository.open()?;
    let answer = ctx.patch(&location).chunked(Vec::new(), 1).send()?.expect(202)?;
    repository.close(answer.need("Location")?, EMPTY_SHA256, b"").send()?.expect(201)?;
    ctx.get(&repository.blob(EMPTY_SHA256)).send()?.expect(200)?.body_is(b"")?;
    Ok(())
}

fn empty_json_blob(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let digest = repository.push_blob(b"{}")?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(b"{}")?;
    Ok(())
}

fn put_with_content_range_from_zero_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(500);
    let request = repository.close(&repository.open()?, &sha256(&bytes), &bytes);
    request.header("Content-Range", "0-499").send()?.expect(201)?;
    Ok(())
}

fn digest_algorithm_hint_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(300);
    for (algorithm, digest) in [("sha256", sha256(&bytes)), ("sha512", sha512(&bytes))] {
        let path = with_query(&repository.uploads(), "digest-algorithm", algorithm);
        let answer = ctx.post(&path).send()?.expect(202)?;
        repository.close(answer.need("Location")?, &digest, &bytes).send()?.expect(201)?;
        ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    }
    Ok(())
}

fn digest_algorithm_hint_that_is_unknown_is_400(ctx: &Context) -> Outcome {
    for algorithm in ["md5", "", "sha256:", "../x"] {
        let path = with_query(&ctx.repository().uploads(), "digest-algorithm", algorithm);
        ctx.post(&path).send()?.expect(400)?.oci_error_if_any()?;
    }
    Ok(())
}

fn digest_algorithm_hint_does_not_bind_the_closing_put(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(300);
    let path = with_query(&repository.uploads(), "digest-algorithm", "sha512");
    let answer = ctx.post(&path).send()?.expect(202)?;
    let answer = repository.close(answer.need("Location")?, &sha256(&bytes), &bytes).send()?;
    ensure!(matches!(answer.status, 201 | 400), "{answer}, expected 201 or 400");
    Ok(())
}

fn b9_half_a_body_makes_no_blob(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(2000);
    let digest = sha256(&bytes);
    let location = with_query(&repository.open()?, "digest", &digest);
    let path = location.trim_start_matches("http://");
    let path = path.find('/').map_or(path, |start| &path[start..]);
    let mut request = format!(
        "PUT {path} HTTP/1.1\r\nHost: {}\r\n{}Content-Type: application/octet-stream\r\nContent-Length: 2000\r\n\r\n",
        ctx.client.authority(),
        ctx.client.authorization_line()
    )
    .into_bytes();
    request.extend_from_slice(&bytes[..1000]);
    ctx.client.abandon(&request)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(404)?;
    repository.push_blob(&bytes)?;
    Ok(())
}
