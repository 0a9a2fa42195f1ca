//! A blob as a stream: PATCH without Content-Range, of any length, in chunked coding or not.

use super::table;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::Outcome;

table! {
    b6_stream_in_chunked_coding_makes_the_blob: "B6" Must,
    b6_stream_with_content_length_makes_the_blob: "B6" Must,
    b6_stream_answers_with_location_and_range: "B6" Must,
    b6_two_streams_are_joined: "B6" Must,
    b6_empty_stream_between_others_changes_nothing: "B6" Must,
    b6_put_in_chunked_coding_is_taken: "B6" Must,
    b6_stream_then_last_bytes_with_the_put: "B6" Must,
    b6_large_stream_arrives_whole: "B6" Must,
    b6_chunk_after_a_stream_continues_at_the_offset: "B6" Must,
    b9_wrong_digest_after_a_stream_is_400: "B9" Must,
}

fn stream(ctx: &Context, length: usize, piece: usize) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(length);
    let digest = sha256(&bytes);
    let answer = ctx.patch(&repository.open()?).chunked(&*bytes, piece).send()?.expect(202)?;
    repository.close(answer.need("Location")?, &digest, b"").send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b6_stream_in_chunked_coding_makes_the_blob(ctx: &Context) -> Outcome {
    stream(ctx, 1, 1)?;
    stream(ctx, 70_000, 999)
}

fn b6_stream_with_content_length_makes_the_blob(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(70_000);
    let answer = ctx.patch(&repository.open()?).body(&*bytes).send()?.expect(202)?;
    let digest = sha256(&bytes);
    repository.close(answer.need("Location")?, &digest, b"").send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b6_stream_answers_with_location_and_range(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let answer = ctx.patch(&repository.open()?).chunked(ctx.bytes(1234), 100).send()?;
    let answer = answer.expect(202)?.has("Range", "0-1233")?;
    answer.need("Location")?;
    Ok(())
}

fn b6_two_streams_are_joined(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(5000);
    let answer = ctx.patch(&repository.open()?).chunked(&bytes[..2000], 300).send()?;
    let location = answer.expect(202)?.need("Location")?.to_owned();
    let answer = ctx.patch(&location).body(&bytes[2000..]).send()?.expect(202)?;
    let answer = answer.has("Range", "0-4999")?;
    repository.close(answer.need("Location")?, &sha256(&bytes), b"").send()?.expect(201)?;
    Ok(())
}

fn b6_empty_stream_between_others_changes_nothing(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(3000);
    let mut location = repository.open()?;
    for part in [&bytes[..0], &bytes[..1000], &bytes[..0], &bytes[1000..], &bytes[..0]] {
        let answer = ctx.patch(&location).chunked(part, 512).send()?.expect(202)?;
        location = answer.need("Location")?.to_owned();
    }
    repository.close(&location, &sha256(&bytes), b"").send()?.expect(201)?;
    Ok(())
}

fn b6_put_in_chunked_coding_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(5000);
    let digest = sha256(&bytes);
    let request = repository.close(&repository.open()?, &digest, b"").chunked(&*bytes, 777);
    request.send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b6_stream_then_last_bytes_with_the_put(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(5000);
    let answer = ctx.patch(&repository.open()?).chunked(&bytes[..4000], 512).send()?.expect(202)?;
    let digest = sha256(&bytes);
    repository.close(answer.need("Location")?, &digest, &bytes[4000..]).send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

fn b6_large_stream_arrives_whole(ctx: &Context) -> Outcome {
    stream(ctx, 5 * 1024 * 1024 + 3, 64 * 1024)
}

fn b6_chunk_after_a_stream_continues_at_the_offset(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(2000);
    let answer = ctx.patch(&repository.open()?).chunked(&bytes[..500], 512).send()?.expect(202)?;
    let location = repository.append(answer.need("Location")?, 500, &bytes[500..])?;
    repository.close(&location, &sha256(&bytes), b"").send()?.expect(201)?;
    Ok(())
}

fn b9_wrong_digest_after_a_stream_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(2000);
    let answer = ctx.patch(&repository.open()?).chunked(&*bytes, 512).send()?.expect(202)?;
    let wrong = sha256(b"something else");
    repository.close(answer.need("Location")?, &wrong, b"").send()?.expect(400)?;
    ctx.get(&repository.blob(&wrong)).send()?.expect(404)?;
    ctx.get(&repository.blob(&sha256(&bytes))).send()?.expect(404)?;
    Ok(())
}
