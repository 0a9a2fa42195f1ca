//! The session behind an upload: how it opens, what it tells, how it ends.

use super::table;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::{Failure, Outcome, ensure, failed};
use crate::repository::Repository;

table! {
    b1_post_is_202_with_location: "B1" Must,
    b1_each_session_has_its_own_location: "B1" Must,
    b1_location_stands_below_the_uploads_of_the_repository: "B1" Should,
    b1_location_is_a_path: "B1" "#11" Berth,
    b1_location_names_the_host_that_was_asked: "B1" "#11" Must,
    b1_post_tells_range_uuid_and_length: "wire" "#14" Berth,
    b1_post_without_a_length_opens_a_session: "B1" Must,
    b8_status_is_204_with_location_and_range: "B8" Must,
    b8_status_of_a_fresh_session_is_0_0: "B8" "#14" Should,
    b8_status_after_one_byte_is_0_0: "B8" "#14" Must,
    b8_status_after_many_bytes_is_inclusive: "B8" "#14" Must,
    b8_one_byte_then_the_rest_makes_the_blob: "B8" "#14" Must,
    b10_cancel_is_204: "B10" Should,
    b10_cancelled_session_is_404_for_every_method: "B10" Should,
    b10_cancel_of_an_unknown_session_is_404: "B10" Should,
    unknown_session_is_404_for_every_method: "B1" Must,
    malformed_session_ids_are_refused: "B1" Must,
    session_of_another_repository_is_not_usable: "B1" Berth,
    closed_session_is_gone_for_patches: "B9" Must,
    closed_session_answers_the_same_put_again: "B2" Berth,
    upload_cut_in_the_middle_goes_on_from_its_offset: "B8" Berth,
}

fn b1_post_is_202_with_location(ctx: &Context) -> Outcome {
    ctx.repository().open()?;
    Ok(())
}

fn b1_each_session_has_its_own_location(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (first, second) = (repository.open()?, repository.open()?);
    ensure!(first != second, "two sessions share the Location {first}");
    Ok(())
}

/// A Location without scheme, host and query.
fn path_of(location: &str) -> &str {
    let rest = location.trim_start_matches("http://");
    let path = if location.starts_with('/') { location } else { rest };
    let path = path.find('/').map_or(path, |start| &path[start..]);
    path.split('?').next().unwrap_or_default()
}

fn b1_location_stands_below_the_uploads_of_the_repository(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let location = repository.open()?;
    let path = path_of(&location);
    let id = path.strip_prefix(&repository.uploads()).unwrap_or_default();
    ensure!(!id.is_empty() && !id.contains('/'), "the Location {location} is of another form");
    Ok(())
}

fn b1_location_is_a_path(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(10);
    let opened = repository.open()?;
    ensure!(opened.starts_with('/'), "the Location of the session is {opened:?}");
    let next = repository.append(&opened, 0, &bytes)?;
    ensure!(next.starts_with('/'), "the Location after a chunk is {next:?}");
    let closed = repository.close(&next, &sha256(&bytes), b"").send()?.expect(201)?;
    let blob = closed.need("Location")?;
    ensure!(blob.starts_with('/'), "the Location of the blob is {blob:?}");
    Ok(())
}

fn b1_location_names_the_host_that_was_asked(ctx: &Context) -> Outcome {
    let location = ctx.repository().open()?;
    let expected = format!("http://{}/", ctx.client.authority());
    let right = location.starts_with('/') || location.starts_with(&expected);
    ensure!(right, "the Location {location} is on another host than {expected}");
    Ok(())
}

fn b1_post_tells_range_uuid_and_length(ctx: &Context) -> Outcome {
    let answer = ctx.post(&ctx.repository().uploads()).send()?.expect(202)?;
    let answer = answer.has("Range", "0-0")?.has("Content-Length", "0")?;
    let uuid = answer.need("Docker-Upload-UUID")?;
    ensure!(!uuid.is_empty(), "{answer}: Docker-Upload-UUID is empty");
    Ok(())
}

fn b1_post_without_a_length_opens_a_session(ctx: &Context) -> Outcome {
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\n{}Connection: close\r\n\r\n",
        ctx.repository().uploads(),
        ctx.client.authority(),
        ctx.client.authorization_line()
    );
    let answer = ctx.client.raw(request.as_bytes())?;
    let answer = answer.ok_or_else(|| failed("closed without an answer"))?;
    answer.expect(202)?.need("Location")?;
    Ok(())
}

fn b8_status_is_204_with_location_and_range(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let location = repository.open()?;
    let answer = ctx.get(&location).send()?.expect(204)?;
    answer.need("Location")?;
    answer.need("Range")?;
    Ok(())
}

fn b8_status_of_a_fresh_session_is_0_0(ctx: &Context) -> Outcome {
    ctx.get(&ctx.repository().open()?).send()?.expect(204)?.has("Range", "0-0")?;
    Ok(())
}

fn b8_status_after_one_byte_is_0_0(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let location = repository.append(&repository.open()?, 0, b"x")?;
    ctx.get(&location).send()?.expect(204)?.has("Range", "0-0")?;
    Ok(())
}

fn b8_status_after_many_bytes_is_inclusive(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let location = repository.append(&repository.open()?, 0, &ctx.bytes(777))?;
    ctx.get(&location).send()?.expect(204)?.has("Range", "0-776")?;
    Ok(())
}

fn b8_one_byte_then_the_rest_makes_the_blob(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(10);
    let location = repository.append(&repository.open()?, 0, &bytes[..1])?;
    let location = repository.append(&location, 1, &bytes[1..])?;
    repository.close(&location, &sha256(&bytes), b"").send()?.expect(201)?;
    Ok(())
}

fn b10_cancel_is_204(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    ctx.delete(&repository.open()?).send()?.expect(204)?;
    let location = repository.append(&repository.open()?, 0, b"some bytes")?;
    ctx.delete(&location).send()?.expect(204)?;
    Ok(())
}

fn every_method_is_404(ctx: &Context, location: &str) -> Outcome {
    let repository = ctx.repository();
    ctx.get(location).send()?.expect(404)?;
    ctx.patch(location).body(*b"bytes").send()?.expect(404)?;
    repository.chunk(location, 0, b"bytes").send()?.expect(404)?;
    repository.close(location, &sha256(b"bytes"), b"bytes").send()?.expect(404)?;
    ctx.delete(location).send()?.expect(404)?;
    Ok(())
}

fn b10_cancelled_session_is_404_for_every_method(ctx: &Context) -> Outcome {
    let location = ctx.repository().open()?;
    ctx.delete(&location).send()?.expect(204)?;
    every_method_is_404(ctx, &location)
}

fn b10_cancel_of_an_unknown_session_is_404(ctx: &Context) -> Outcome {
    let path = format!("{}3a0bd6a5-0000-4000-8000-000000000000", ctx.repository().uploads());
    ctx.delete(&path).send()?.expect(404)?;
    Ok(())
}

fn unknown_session_is_404_for_every_method(ctx: &Context) -> Outcome {
    let path = format!("{}3a0bd6a5-0000-4000-8000-000000000000", ctx.repository().uploads());
    every_method_is_404(ctx, &path)
}

fn malformed_session_ids_are_refused(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let long = "x".repeat(3000);
    for id in ["x", "-1", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%00", "a?_state=abc", &long] {
        let path = format!("{}{id}", repository.uploads());
        let requests = [
            ctx.get(&path),
            ctx.patch(&path).body(*b"bytes"),
            repository.close(&path, &sha256(b"bytes"), b"bytes"),
            ctx.delete(&path),
        ];
        for request in requests {
            // Dots may be resolved with a redirect.
            let answer = request.send_once()?;
            ensure!((300..500).contains(&answer.status), "{answer}, expected a refusal");
        }
    }
    Ok(())
}

fn session_of_another_repository_is_not_usable(ctx: &Context) -> Outcome {
    let (mine, other) = (ctx.repository(), ctx.repository());
    let location = mine.append(&mine.open()?, 0, b"bytes")?;
    let stolen = location.replace(&mine.name, &other.name);
    ctx.get(&stolen).send()?.refused()?;
    other.close(&stolen, &sha256(b"bytes"), b"").send()?.refused()?;
    ctx.delete(&stolen).send()?.refused()?;
    mine.close(&location, &sha256(b"bytes"), b"").send()?.expect(201)?;
    Ok(())
}

fn closed_session_is_gone_for_patches(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let location = repository.append(&repository.open()?, 0, b"bytes")?;
    repository.close(&location, &sha256(b"bytes"), b"").send()?.expect(201)?;
    ctx.patch(&location).body(*b"more").send()?.one_of(&[404, 400, 416])?;
    ctx.get(&repository.blob(&sha256(b"bytes"))).send()?.expect(200)?.body_is(b"bytes")?;
    Ok(())
}

fn closed_session_answers_the_same_put_again(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(1000);
    let digest = sha256(&bytes);
    let location = repository.append(&repository.open()?, 0, &bytes)?;
    for _ in 0..2 {
        let answer = repository.close(&location, &digest, b"").send()?.expect(201)?;
        answer.has("Docker-Content-Digest", &digest)?;
    }
    Ok(())
}

fn upload_cut_in_the_middle_goes_on_from_its_offset(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(400_000);
    let location = repository.append(&repository.open()?, 0, &bytes[..1000])?;
    let query = location.find('?').map_or("", |start| &location[start..]);
    let mut request = format!(
        "PATCH {}{query} HTTP/1.1\r\nHost: {}\r\n{}Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        path_of(&location),
        ctx.client.authority(),
        ctx.client.authorization_line(),
        bytes.len() - 1000
    )
    .into_bytes();
    request.extend_from_slice(&bytes[1000..200_000]);
    ctx.client.abandon(&request)?;
    let location = resume(&repository, &location, &bytes, 1000)?;
    let digest = sha256(&bytes);
    repository.close(&location, &digest, b"").send()?.expect(201)?;
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?.body_is(&bytes)?;
    Ok(())
}

/// Asks for the offset, which must be at least this, and sends the rest from there.
fn resume(
    repository: &Repository<'_>,
    location: &str,
    bytes: &[u8],
    least: usize,
) -> Result<String, Failure> {
    // The registry may still be reading what the dead client had sent; then the offset moves on.
    for _ in 0..50 {
        let status = repository.ctx.get(location).send()?.expect(204)?;
        let range = status.need("Range")?;
        let end: usize = range
            .strip_prefix("0-")
            .and_then(|end| end.parse().ok())
            .ok_or_else(|| failed(format!("{status}: Range {range:?}")))?;
        let possible = (least - 1..bytes.len()).contains(&end);
        ensure!(possible, "{status}: Range {range:?} after at least {least} bytes");
        let next = status.need("Location")?;
        let answer = repository.chunk(next, end + 1, &bytes[end + 1..]).send()?;
        if answer.one_of(&[202, 416])?.status == 202 {
            return repository
                .ctx
                .get(next)
                .send()?
                .expect(204)?
                .need("Location")
                .map(str::to_owned);
        }
    }
    Err(failed("the offset never came to rest"))
}
