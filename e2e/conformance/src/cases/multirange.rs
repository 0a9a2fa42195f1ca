//! Several ranges in one request: partial pulls of podman depend on them.

use super::table;
use crate::answer::Answer;
use crate::context::Context;
use crate::failure::{Failure, Outcome, ensure, failed};

table! {
    several_ranges_are_multipart: "P4" "#33" Berth,
    several_ranges_are_never_a_single_part_or_416: "P4" "#33" Must,
    multipart_answer_has_a_true_length: "P4" "#33" Berth,
    ranges_out_of_order_keep_every_byte: "P4" "#33" Berth,
    unsatisfiable_parts_are_left_out: "P4" Berth,
    several_ranges_all_past_the_end_are_416: "P4" Berth,
    white_space_between_ranges_is_allowed: "G8" Berth,
    overlapping_ranges_never_amplify: "input" Berth,
    very_many_ranges_never_amplify: "input" Berth,
}

const SIZE: usize = 5000;

fn ask(ctx: &Context, range: &str) -> Result<(Answer, Vec<u8>), Failure> {
    let repository = ctx.repository();
    let (digest, bytes) = repository.fresh_blob(SIZE)?;
    let answer = ctx.get(&repository.blob(&digest)).header("Range", range).send()?;
    Ok((answer, bytes))
}

/// The parts of a multipart/byteranges body: first, last and bytes of each.
fn parts(answer: &Answer) -> Result<Vec<(usize, usize, Vec<u8>)>, Failure> {
    let media_type = answer.need("Content-Type")?;
    let boundary = media_type
        .strip_prefix("multipart/byteranges;")
        .and_then(|rest| rest.split_once("boundary="))
        .map(|(_, boundary)| boundary.trim().trim_matches('"').to_owned())
        .ok_or_else(|| failed(format!("{answer}: Content-Type {media_type:?}")))?;
    let mut rest: &[u8] = &answer.body;
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    loop {
        let start = find(rest, delimiter.as_bytes())
            .ok_or_else(|| failed(format!("{answer}: a boundary is missing")))?;
        rest = &rest[start + delimiter.len()..];
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        let head = find(rest, b"\r\n\r\n").ok_or_else(|| failed("a part without head"))?;
        let (first, last) = content_range(&String::from_utf8_lossy(&rest[..head]))?;
        let bytes = &rest[head + 4..];
        let length = last + 1 - first;
        ensure!(bytes.len() >= length, "{answer}: the part {first}-{last} is cut short");
        parts.push((first, last, bytes[..length].to_vec()));
        rest = &bytes[length..];
        ensure!(rest.starts_with(b"\r\n--"), "{answer}: the part {first}-{last} is too long");
    }
}

fn content_range(head: &str) -> Result<(usize, usize), Failure> {
    let wrong = || failed(format!("a part has the head {head:?}"));
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-range:"));
    let value = line.and_then(|l| l.split_once("bytes ")).ok_or_else(wrong)?.1;
    let (range, size) = value.trim().split_once('/').ok_or_else(wrong)?;
    ensure!(size == SIZE.to_string(), "a part names the size {size}, not {SIZE}");
    let (first, last) = range.split_once('-').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
    let (first, last) = (number(first)?, number(last)?);
    ensure!(first <= last && last < SIZE, "a part names the range {range}");
    Ok((first, last))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Every part holds the bytes it names, and together they hold each of these ranges.
fn covers(parts: &[(usize, usize, Vec<u8>)], blob: &[u8], wanted: &[(usize, usize)]) -> Outcome {
    for (first, last, bytes) in parts {
        ensure!(bytes == &blob[*first..=*last], "the part {first}-{last} holds other bytes");
    }
    for (first, last) in wanted {
        let held = parts.iter().any(|(f, l, _)| f <= first && last <= l);
        ensure!(held, "no part holds {first}-{last}");
    }
    Ok(())
}

fn several_ranges_are_multipart(ctx: &Context) -> Outcome {
    let (answer, bytes) = ask(ctx, "bytes=0-9,1000-1099,4990-")?;
    let answer = answer.expect(206)?.lacks("Content-Range")?;
    covers(&parts(&answer)?, &bytes, &[(0, 9), (1000, 1099), (4990, 4999)])
}

fn several_ranges_are_never_a_single_part_or_416(ctx: &Context) -> Outcome {
    let (answer, bytes) = ask(ctx, "bytes=0-9,1000-1099")?;
    let answer = answer.one_of(&[200, 206, 400])?;
    match answer.status {
        200 => answer.body_is(&bytes).map(|_| ()),
        206 => covers(&parts(&answer)?, &bytes, &[(0, 9), (1000, 1099)]),
        _ => Ok(()),
    }
}

fn multipart_answer_has_a_true_length(ctx: &Context) -> Outcome {
    let (answer, _) = ask(ctx, "bytes=0-9,1000-1099")?;
    let answer = answer.expect(206)?;
    // The client has already compared the length with the bytes that came.
    let framed = answer.header("Content-Length").or(answer.header("Transfer-Encoding"));
    ensure!(framed.is_some(), "{answer}: neither Content-Length nor chunked");
    Ok(())
}

fn ranges_out_of_order_keep_every_byte(ctx: &Context) -> Outcome {
    let (answer, bytes) = ask(ctx, "bytes=4000-4009,-10,10-19")?;
    let answer = answer.expect(206)?;
    covers(&parts(&answer)?, &bytes, &[(4000, 4009), (4990, 4999), (10, 19)])
}

fn unsatisfiable_parts_are_left_out(ctx: &Context) -> Outcome {
    let (answer, bytes) = ask(ctx, "bytes=10-19,9000-9009")?;
    let answer = answer.expect(206)?;
    if answer.header("Content-Range").is_some() {
        answer.has("Content-Range", "bytes 10-19/5000")?.body_is(&bytes[10..=19])?;
        return Ok(());
    }
    covers(&parts(&answer)?, &bytes, &[(10, 19)])
}

fn several_ranges_all_past_the_end_are_416(ctx: &Context) -> Outcome {
    let (answer, _) = ask(ctx, "bytes=5000-5001,9000-9009")?;
    answer.expect(416)?.has("Content-Range", "bytes */5000")?;
    Ok(())
}

fn white_space_between_ranges_is_allowed(ctx: &Context) -> Outcome {
    let (answer, bytes) = ask(ctx, "bytes=0-9 , 20-29,,  40-49")?;
    let answer = answer.expect(206)?;
    covers(&parts(&answer)?, &bytes, &[(0, 9), (20, 29), (40, 49)])
}

fn no_amplification(answer: Answer) -> Outcome {
    let answer = answer.one_of(&[200, 206, 400, 416])?;
    let most = SIZE * 4;
    ensure!(answer.body.len() <= most, "{answer}: {} bytes for a small blob", answer.body.len());
    Ok(())
}

fn overlapping_ranges_never_amplify(ctx: &Context) -> Outcome {
    let ranges = vec!["0-"; 200].join(",");
    no_amplification(ask(ctx, &format!("bytes={ranges}"))?.0)
}

fn very_many_ranges_never_amplify(ctx: &Context) -> Outcome {
    let ranges: Vec<String> = (0..900).map(|i| format!("{0}-{0}", i * 2)).collect();
    let (answer, _) = ask(ctx, &format!("bytes={}", ranges.join(",")))?;
    let answer = answer.one_of(&[200, 206, 400, 416, 431])?;
    ensure!(answer.body.len() < 1 << 20, "{answer}: {} bytes", answer.body.len());
    Ok(())
}
