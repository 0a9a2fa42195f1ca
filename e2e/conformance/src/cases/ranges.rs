//! Single byte ranges of blobs, as RFC 9110 §14 defines them and clients resume with them.

use super::table;
use crate::answer::Answer;
use crate::context::Context;
use crate::digest::EMPTY_SHA256;
use crate::failure::{Failure, Outcome, ensure};

table! {
    p4_range_in_the_middle_is_206: "P4" Should,
    p4_range_of_one_byte_is_206: "P4" Should,
    p4_open_ended_range_is_206: "P4" "#34" Should,
    p4_open_ended_range_from_zero_is_206: "P4" "#34" Berth,
    p4_suffix_range_is_206: "P4" "#34" Should,
    p4_suffix_longer_than_the_blob_is_the_whole: "P4" Should,
    p4_range_past_the_end_is_cut: "P4" Should,
    p4_range_starting_past_the_end_is_416: "P4" Should,
    p4_range_that_runs_backwards_is_416_or_ignored: "P4" Should,
    p4_suffix_of_zero_bytes_is_416: "P4" Berth,
    unsatisfiable_range_names_the_size_and_has_no_body: "P4" "#32" Must,
    unsatisfiable_range_announces_length_zero: "wire" "#32" Berth,
    partial_answer_carries_digest_and_etag: "P2" Berth,
    range_answer_is_the_same_again: "P4" "#30" Should,
    whole_answer_has_no_content_range: "G8" "#31" Must,
    other_range_units_are_ignored: "G8" Must,
    malformed_ranges_are_ignored_or_refused: "G8" Must,
    range_of_an_empty_blob_is_416_or_whole: "G8" Must,
    head_with_range_agrees_with_the_blob: "G8" Berth,
    if_range_with_the_right_etag_is_206: "G8" Berth,
    if_range_with_another_etag_is_200: "G8" Must,
    pieces_joined_are_the_blob: "P4" Should,
    range_on_a_manifest_is_whole_or_exact: "G8" Must,
}

const SIZE: usize = 5000;

struct Blob {
    path: String,
    bytes: Vec<u8>,
}

fn blob(ctx: &Context) -> Result<Blob, Failure> {
    let repository = ctx.repository();
    let (digest, bytes) = repository.fresh_blob(SIZE)?;
    Ok(Blob { path: repository.blob(&digest), bytes })
}

fn read(ctx: &Context, blob: &Blob, range: &str) -> Result<Answer, Failure> {
    ctx.get(&blob.path).header("Range", range).send()
}

/// The range must be answered with 206 and exactly these bytes, first and last inclusive.
fn exact(ctx: &Context, range: &str, first: usize, last: usize) -> Outcome {
    let blob = blob(ctx)?;
    exact_of(ctx, &blob, range, first, last)
}

fn exact_of(ctx: &Context, blob: &Blob, range: &str, first: usize, last: usize) -> Outcome {
    let answer = read(ctx, blob, range)?.expect(206)?;
    answer
        .has("Content-Range", &format!("bytes {first}-{last}/{SIZE}"))?
        .has("Content-Length", &(last - first + 1).to_string())?
        .body_is(&blob.bytes[first..=last])?;
    Ok(())
}

fn p4_range_in_the_middle_is_206(ctx: &Context) -> Outcome {
    exact(ctx, "bytes=500-1499", 500, 1499)
}

fn p4_range_of_one_byte_is_206(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    exact_of(ctx, &blob, "bytes=0-0", 0, 0)?;
    exact_of(ctx, &blob, "bytes=4999-4999", 4999, 4999)?;
    exact_of(ctx, &blob, "bytes=-1", 4999, 4999)
}

fn p4_open_ended_range_is_206(ctx: &Context) -> Outcome {
    exact(ctx, "bytes=500-", 500, 4999)
}

fn p4_open_ended_range_from_zero_is_206(ctx: &Context) -> Outcome {
    exact(ctx, "bytes=0-", 0, 4999)
}

fn p4_suffix_range_is_206(ctx: &Context) -> Outcome {
    exact(ctx, "bytes=-500", 4500, 4999)
}

fn p4_suffix_longer_than_the_blob_is_the_whole(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    let answer = read(ctx, &blob, "bytes=-60000")?.one_of(&[200, 206])?;
    answer.body_is(&blob.bytes)?;
    Ok(())
}

fn p4_range_past_the_end_is_cut(ctx: &Context) -> Outcome {
    exact(ctx, "bytes=4000-5999", 4000, 4999)
}

fn p4_range_starting_past_the_end_is_416(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    read(ctx, &blob, "bytes=5000-5001")?.expect(416)?;
    read(ctx, &blob, "bytes=999999-")?.expect(416)?;
    Ok(())
}

fn p4_range_that_runs_backwards_is_416_or_ignored(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    let answer = read(ctx, &blob, "bytes=500-0")?.one_of(&[200, 400, 416])?;
    if answer.status == 200 {
        answer.body_is(&blob.bytes)?;
    }
    Ok(())
}

fn p4_suffix_of_zero_bytes_is_416(ctx: &Context) -> Outcome {
    read(ctx, &blob(ctx)?, "bytes=-0")?.expect(416)?;
    Ok(())
}

fn unsatisfiable_range_names_the_size_and_has_no_body(ctx: &Context) -> Outcome {
    let answer = read(ctx, &blob(ctx)?, "bytes=9000-")?.expect(416)?;
    answer.has("Content-Range", &format!("bytes */{SIZE}"))?;
    Ok(())
}

fn unsatisfiable_range_announces_length_zero(ctx: &Context) -> Outcome {
    let answer = read(ctx, &blob(ctx)?, "bytes=9000-")?.expect(416)?;
    answer.has("Content-Length", "0")?.body_is(b"")?;
    Ok(())
}

fn partial_answer_carries_digest_and_etag(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    let digest = crate::digest::sha256(&blob.bytes);
    let answer = read(ctx, &blob, "bytes=1-2")?.expect(206)?;
    answer.has("Docker-Content-Digest", &digest)?.has("ETag", &format!("\"{digest}\""))?;
    Ok(())
}

fn range_answer_is_the_same_again(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    exact_of(ctx, &blob, "bytes=10-19", 10, 19)?;
    ctx.get(&blob.path).send()?.expect(200)?.body_is(&blob.bytes)?;
    exact_of(ctx, &blob, "bytes=10-19", 10, 19)?;
    exact_of(ctx, &blob, "bytes=4990-", 4990, 4999)
}

fn whole_answer_has_no_content_range(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    ctx.get(&blob.path).send()?.expect(200)?.lacks("Content-Range")?.body_is(&blob.bytes)?;
    Ok(())
}

fn other_range_units_are_ignored(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    for range in ["lines=1-2", "seconds=0-1"] {
        let answer = read(ctx, &blob, range)?.one_of(&[200, 416])?;
        if answer.status == 200 {
            answer.lacks("Content-Range")?.body_is(&blob.bytes)?;
        }
    }
    Ok(())
}

fn malformed_ranges_are_ignored_or_refused(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    for range in [
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=--1",
        "0-1",
        "bytes=+1-2",
        "bytes=0x1-0x2",
        "bytes=1.0-2.0",
        "bytes=99999999999999999999999-",
        "bytes=0-99999999999999999999999",
        "bytes=-99999999999999999999999",
        "bytes=,",
        "bytes= ",
        "=",
        "bytes=0-1\t,",
        "bytes=18446744073709551615-",
    ] {
        let answer = read(ctx, &blob, range)?.one_of(&[200, 206, 400, 416])?;
        ensure!(
            answer.status != 200 || answer.body == blob.bytes,
            "Range {range:?}: 200 with {} bytes instead of the whole blob",
            answer.body.len()
        );
        if answer.status == 206 {
            answer.need("Content-Range")?;
        }
    }
    Ok(())
}

fn range_of_an_empty_blob_is_416_or_whole(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_blob(b"")?;
    for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
        let answer = ctx.get(&repository.blob(EMPTY_SHA256)).header("Range", range).send()?;
        answer.one_of(&[200, 416])?.body_is(b"")?;
    }
    Ok(())
}

fn head_with_range_agrees_with_the_blob(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    let answer = ctx.head(&blob.path).header("Range", "bytes=1-2").send()?.one_of(&[200, 206])?;
    let length = if answer.status == 200 { SIZE } else { 2 };
    answer.has("Content-Length", &length.to_string())?;
    Ok(())
}

fn if_range_with_the_right_etag_is_206(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    let etag = ctx.head(&blob.path).send()?.expect(200)?.need("ETag")?.to_owned();
    let request = ctx.get(&blob.path).header("Range", "bytes=1-2").header("If-Range", etag);
    request.send()?.expect(206)?.body_is(&blob.bytes[1..=2])?;
    Ok(())
}

fn if_range_with_another_etag_is_200(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    for etag in ["\"sha256:other\"", "W/\"sha256:other\"", "Sat, 29 Oct 1994 19:43:31 GMT"] {
        let request = ctx.get(&blob.path).header("Range", "bytes=1-2").header("If-Range", etag);
        request.send()?.expect(200)?.lacks("Content-Range")?.body_is(&blob.bytes)?;
    }
    Ok(())
}

fn pieces_joined_are_the_blob(ctx: &Context) -> Outcome {
    let blob = blob(ctx)?;
    let mut joined = Vec::new();
    for start in (0..SIZE).step_by(1700) {
        let range = format!("bytes={start}-{}", start + 1699);
        joined.extend_from_slice(&read(ctx, &blob, &range)?.expect(206)?.body);
    }
    ensure!(joined == blob.bytes, "the pieces joined ({} bytes) are not the blob", joined.len());
    Ok(())
}

fn range_on_a_manifest_is_whole_or_exact(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let request = ctx.get(&repository.manifest("latest")).header("Range", "bytes=0-9");
    let answer = request.send()?.one_of(&[200, 206])?;
    if answer.status == 200 {
        answer.lacks("Content-Range")?.body_is(&image.bytes)?;
    } else {
        answer.need("Content-Range")?;
        answer.body_is(&image.bytes[..10])?;
    }
    Ok(())
}
