//! A blob in chunks with Content-Range: order is checked, and a mistake does not end the session.

use super::table;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::{Failure, Outcome, ensure};

table! {
    b4_chunk_is_202_with_location_and_range: "B4" Must,
    b4_two_chunks_make_the_blob: "B4" Must,
    b4_last_chunk_may_come_with_the_put: "B4" Must,
    b4_many_small_chunks_make_the_blob: "B4" Must,
    b4_range_counts_all_bytes_so_far: "B4" "#13" Must,
    b5_chunk_out_of_order_is_416_and_the_session_survives: "B5" "#15" Must,
    b5_416_tells_location_and_range: "wire" "#15" Berth,
    b5_first_chunk_that_does_not_start_at_zero_is_416: "B5" "#15" Must,
    b5_chunk_sent_twice_is_416_and_the_true_offset_is_told: "B5" "#15" Must,
    b5_overlapping_chunk_is_416: "B5" "#15" Must,
    b5_closing_put_out_of_order_is_416_and_the_session_survives: "B5" "#15" Must,
    b5_closing_put_in_order_with_content_range_is_201: "B5" Must,
    b9_digest_of_the_last_chunk_alone_is_400: "B9" Must,
    b7_minimum_chunk_length_is_a_number: "B7" May,
    chunk_shorter_than_its_range_is_refused: "B4" Berth,
    chunk_longer_than_its_range_is_refused: "B4" Berth,
    malformed_content_ranges_never_append_silently: "B4" Berth,
    interleaved_sessions_do_not_mix: "B1" Must,
    same_blob_in_two_sessions_is_201_twice: "B2" "#37" Must,
}

fn b4_chunk_is_202_with_location_and_range(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let location = repository.open()?;
    let answer = repository.chunk(&location, 0, &ctx.bytes(100)).send()?.expect(202)?;
    answer.need("Location")?;
    answer.has("Range", "0-99")?;
    Ok(())
}

fn b4_two_chunks_make_the_blob(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(3000);
    let location = repository.append(&repository.open()?, 0, &bytes[..1000])?;
    let location = repository.append(&location, 1000, &bytes[1000..])?;
    let digest = sha256(&bytes);
    repository.close(&location, &digest, b"").send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b4_last_chunk_may_come_with_the_put(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(3000);
    let location = repository.append(&repository.open()?, 0, &bytes[..1000])?;
    let digest = sha256(&bytes);
    repository.close(&location, &digest, &bytes[1000..]).send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b4_many_small_chunks_make_the_blob(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(20);
    let mut location = repository.open()?;
    for (start, byte) in bytes.chunks(1).enumerate() {
        location = repository.append(&location, start, byte)?;
    }
    let digest = sha256(&bytes);
    repository.close(&location, &digest, b"").send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b4_range_counts_all_bytes_so_far(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let mut location = repository.open()?;
    for start in [0, 10, 20] {
        let answer = repository.chunk(&location, start, &ctx.bytes(10)).send()?.expect(202)?;
        let answer = answer.has("Range", &format!("0-{}", start + 9))?;
        location = answer.need("Location")?.to_owned();
    }
    Ok(())
}

/// The session tells this Range, takes the rest of the blob and closes.
fn finish(
    ctx: &Context,
    repository: &crate::repository::Repository<'_>,
    location: &str,
    bytes: &[u8],
    offset: usize,
) -> Result<(), Failure> {
    let status = ctx.get(location).send()?.expect(204)?;
    let range = if offset == 0 { "0-0".to_owned() } else { format!("0-{}", offset - 1) };
    let status = status.has("Range", &range)?;
    let location = status.need("Location")?.to_owned();
    let location = repository.append(&location, offset, &bytes[offset..])?;
    let digest = sha256(bytes);
    repository.close(&location, &digest, b"").send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(bytes)?;
    Ok(())
}

fn b5_chunk_out_of_order_is_416_and_the_session_survives(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(3000);
    let location = repository.append(&repository.open()?, 0, &bytes[..1000])?;
    repository.chunk(&location, 2000, &bytes[2000..]).send()?.expect(416)?;
    finish(ctx, &repository, &location, &bytes, 1000)
}

fn b5_416_tells_location_and_range(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(3000);
    let location = repository.append(&repository.open()?, 0, &bytes[..1000])?;
    let answer = repository.chunk(&location, 2000, &bytes[2000..]).send()?.expect(416)?;
    let answer = answer.has("Range", "0-999")?;
    finish(ctx, &repository, answer.need("Location")?, &bytes, 1000)
}

fn b5_first_chunk_that_does_not_start_at_zero_is_416(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(3000);
    let location = repository.open()?;
    repository.chunk(&location, 1000, &bytes[1000..]).send()?.expect(416)?;
    finish(ctx, &repository, &location, &bytes, 0)
}

fn b5_chunk_sent_twice_is_416_and_the_true_offset_is_told(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(3000);
    let stale = repository.open()?;
    repository.append(&stale, 0, &bytes[..1000])?;
    repository.chunk(&stale, 0, &bytes[..1000]).send()?.expect(416)?;
    finish(ctx, &repository, &stale, &bytes, 1000)
}

fn b5_overlapping_chunk_is_416(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(3000);
    let location = repository.append(&repository.open()?, 0, &bytes[..1000])?;
    repository.chunk(&location, 999, &bytes[999..2000]).send()?.expect(416)?;
    finish(ctx, &repository, &location, &bytes, 1000)
}

fn b5_closing_put_out_of_order_is_416_and_the_session_survives(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(3000);
    let location = repository.append(&repository.open()?, 0, &bytes[..1000])?;
    let request = repository.close(&location, &sha256(&bytes), &bytes[2000..]);
    request.header("Content-Range", "2000-2999").send()?.expect(416)?;
    finish(ctx, &repository, &location, &bytes, 1000)
}

fn b5_closing_put_in_order_with_content_range_is_201(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(3000);
    let location = repository.append(&repository.open()?, 0, &bytes[..1000])?;
    let request = repository.close(&location, &sha256(&bytes), &bytes[1000..]);
    request.header("Content-Range", "1000-2999").send()?.expect(201)?;
    Ok(())
}

fn b9_digest_of_the_last_chunk_alone_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(3000);
    let location = repository.append(&repository.open()?, 0, &bytes[..1000])?;
    let part = sha256(&bytes[1000..]);
    repository.close(&location, &part, &bytes[1000..]).send()?.expect(400)?;
    ctx.get(&repository.blob(&part)).send()?.expect(404)?;
    ctx.get(&repository.blob(&sha256(&bytes))).send()?.expect(404)?;
    Ok(())
}

fn b7_minimum_chunk_length_is_a_number(ctx: &Context) -> Outcome {
    let answer = ctx.post(&ctx.repository().uploads()).send()?.expect(202)?;
    let minimum = answer.header("OCI-Chunk-Min-Length").unwrap_or("0");
    ensure!(minimum.parse::<u64>().is_ok(), "OCI-Chunk-Min-Length is {minimum:?}");
    Ok(())
}

/// A chunk whose Content-Range does not fit its body is refused and moves nothing.
fn refused_chunk(ctx: &Context, range: &str, length: usize) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(500);
    let location = repository.append(&repository.open()?, 0, &bytes[..100])?;
    let request = ctx.patch(&location).header("Content-Range", range);
    request.body(&bytes[100..100 + length]).send()?.one_of(&[400, 416])?;
    finish(ctx, &repository, &location, &bytes, 100)
}

fn chunk_shorter_than_its_range_is_refused(ctx: &Context) -> Outcome {
    refused_chunk(ctx, "100-199", 50)
}

fn chunk_longer_than_its_range_is_refused(ctx: &Context) -> Outcome {
    refused_chunk(ctx, "100-109", 50)
}

fn malformed_content_ranges_never_append_silently(ctx: &Context) -> Outcome {
    for range in [
        "abc",
        "-",
        "100",
        "100-",
        "-199",
        "199-100",
        "a-b",
        "100-199-299",
        "0x64-0xc7",
        "100-99999999999999999999999",
        "99999999999999999999999-1",
        "+100-199",
        "-100-199",
        "100–199",
        "",
        "items 100-199",
    ] {
        refused_chunk(ctx, range, 100).map_err(|failure| match failure {
            Failure::Failed(text) => {
                Failure::Failed(format!("Content-Range {range:?} at offset 100: {text}"))
            }
            skipped @ Failure::Skipped(_) => skipped,
        })?;
    }
    Ok(())
}

fn interleaved_sessions_do_not_mix(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (left, right) = (ctx.bytes(200), ctx.bytes(200));
    let (a, b) = (repository.open()?, repository.open()?);
    let a = repository.append(&a, 0, &left[..100])?;
    let b = repository.append(&b, 0, &right[..100])?;
    let a = repository.append(&a, 100, &left[100..])?;
    let b = repository.append(&b, 100, &right[100..])?;
    repository.close(&b, &sha256(&right), b"").send()?.expect(201)?;
    repository.close(&a, &sha256(&left), b"").send()?.expect(201)?;
    Ok(())
}

fn same_blob_in_two_sessions_is_201_twice(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(200_000);
    let digest = sha256(&bytes);
    let push = || repository.close(&repository.open()?, &digest, &bytes).send()?.expect(201);
    std::thread::scope(|scope| {
        let pushes: Vec<_> = (0..4).map(|_| scope.spawn(push)).collect();
        for push in pushes {
            push.join().map_err(|_| crate::failure::failed("a push panicked"))??;
        }
        Ok(())
    })?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}
