//! Hostile HTTP: requests that no client library would send. Each is answered or the connection is
//! closed, and the registry goes on.

use super::table;
use crate::context::Context;
use crate::failure::{Failure, Outcome, ensure};

table! {
    giant_header_is_refused: "input" Berth,
    very_many_headers_are_refused_or_ignored: "input" Berth,
    request_line_of_garbage_is_refused: "input" Berth,
    missing_host_is_400: "G8" Must,
    two_different_lengths_are_refused: "G8" Must,
    length_and_chunked_together_smuggle_nothing: "G8" Must,
    bad_chunk_sizes_are_refused: "input" Berth,
    negative_length_is_refused: "input" Berth,
    huge_length_is_no_allocation: "input" Berth,
    unknown_methods_are_refused: "input" Berth,
    trace_never_echoes: "input" Berth,
    unknown_http_version_is_refused: "input" Berth,
    tls_hello_on_plain_http_is_refused: "input" Berth,
    control_characters_in_headers_are_refused_or_ignored: "input" Berth,
    white_space_before_the_colon_of_a_header_is_refused: "G8" Must,
    header_without_name_or_colon_is_refused: "G8" Berth,
    bad_authorization_headers_are_no_server_error: "input" Berth,
    half_a_request_that_hangs_up_harms_nobody: "input" Berth,
}

fn head(ctx: &Context, method: &str, path: &str, extra: &str) -> Vec<u8> {
    let (host, authorization) = (ctx.client.authority(), ctx.client.authorization_line());
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}{extra}Connection: close\r\n\r\n"
    )
    .into_bytes()
}

/// Answered with one of these statuses or closed; afterwards the registry still answers others.
fn answered(ctx: &Context, bytes: &[u8], statuses: &[u16], what: &str) -> Outcome {
    if let Some(answer) = ctx.client.raw(bytes).map_err(|failure| about(what, failure))? {
        let fine = statuses.contains(&answer.status);
        ensure!(fine, "{what}: {answer}, expected {statuses:?} or a closed connection");
    }
    ctx.get("/v2/").send()?.expect(200)?;
    Ok(())
}

fn about(what: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Failed(text) => Failure::Failed(format!("{what}: {text}")),
        skipped @ Failure::Skipped(_) => skipped,
    }
}

fn giant_header_is_refused(ctx: &Context) -> Outcome {
    let extra = format!("X-Giant: {}\r\n", "x".repeat(4 << 20));
    answered(ctx, &head(ctx, "GET", "/v2/", &extra), &[400, 413, 414, 431], "a header of 4 MiB")
}

fn very_many_headers_are_refused_or_ignored(ctx: &Context) -> Outcome {
    let extra: String = (0..5000).map(|i| format!("X-{i}: x\r\n")).collect();
    answered(ctx, &head(ctx, "GET", "/v2/", &extra), &[200, 400, 431], "5000 headers")
}

fn request_line_of_garbage_is_refused(ctx: &Context) -> Outcome {
    for garbage in [
        "\r\n\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET /v2/\r\n\r\n",
        "/v2/ GET HTTP/1.1\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "GET /v2/ HTTP/1.1 extra\r\n\r\n",
    ] {
        // Hanging up right away would hide an answer; the empty lines need a request to follow.
        let bytes = [garbage.as_bytes(), &head(ctx, "GET", "/v2/", "")].concat();
        answered(ctx, &bytes, &[200, 400, 405, 501, 505], &format!("{garbage:?}"))?;
    }
    Ok(())
}

fn missing_host_is_400(ctx: &Context) -> Outcome {
    let authorization = ctx.client.authorization_line();
    let bytes = format!("GET /v2/ HTTP/1.1\r\n{authorization}Connection: close\r\n\r\n");
    answered(ctx, bytes.as_bytes(), &[400], "no Host")
}

fn two_different_lengths_are_refused(ctx: &Context) -> Outcome {
    let path = ctx.repository().uploads();
    let extra = "Content-Length: 4\r\nContent-Length: 9\r\n";
    let bytes = [head(ctx, "POST", &path, extra), b"123456789".to_vec()].concat();
    answered(ctx, &bytes, &[400], "two lengths")
}

fn length_and_chunked_together_smuggle_nothing(ctx: &Context) -> Outcome {
    let path = ctx.repository().uploads();
    let host = ctx.client.authority();
    let authorization = ctx.client.authorization_line();
    let smuggled = format!("GET /v2/ HTTP/1.1\r\nHost: {host}\r\n{authorization}\r\n");
    let bytes = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
    );
    // RFC 9112 §6.3: refuse, or obey the coding and close; the rest must not be a second request.
    let answer = ctx.client.raw(bytes.as_bytes());
    let second = matches!(&answer, Err(Failure::Failed(text)) if text.contains("stray"));
    ensure!(!second, "the bytes after the body were answered as a request of their own");
    if let Ok(Some(answer)) = answer {
        ensure!(answer.status < 500, "{answer}");
    }
    ctx.get("/v2/").send()?.expect(200)?;
    Ok(())
}

fn bad_chunk_sizes_are_refused(ctx: &Context) -> Outcome {
    for size in ["zz", "-1", "ffffffffffffffffffff", "0x10", "", "1 0"] {
        let location = ctx.repository().open()?;
        let start = if location.starts_with('/') { 0 } else { location.find("/v2/").unwrap_or(0) };
        let path = &location[start..];
        let mut bytes = head(ctx, "PATCH", path, "Transfer-Encoding: chunked\r\n");
        bytes.extend_from_slice(format!("{size}\r\nabc\r\n0\r\n\r\n").as_bytes());
        answered(ctx, &bytes, &[400, 413, 499], &format!("the chunk size {size:?}"))?;
    }
    Ok(())
}

fn negative_length_is_refused(ctx: &Context) -> Outcome {
    let path = ctx.repository().uploads();
    for length in ["-1", "abc", "1.5", "99999999999999999999999999", "0x5", "+5", "5, 6"] {
        let bytes = head(ctx, "POST", &path, &format!("Content-Length: {length}\r\n"));
        answered(ctx, &bytes, &[400, 413], &format!("Content-Length {length:?}"))?;
    }
    Ok(())
}

fn huge_length_is_no_allocation(ctx: &Context) -> Outcome {
    let path = ctx.repository().manifest("latest");
    let extra = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: 9000000000000000000\r\n";
    let bytes = [head(ctx, "PUT", &path, extra), b"{}".to_vec()].concat();
    ctx.client.abandon(&bytes)?;
    ctx.get("/v2/").send()?.expect(200)?;
    Ok(())
}

fn unknown_methods_are_refused(ctx: &Context) -> Outcome {
    for method in ["FOO", "CONNECT", "PROPFIND", "get", "G%45T", "MOVE"] {
        let bytes = head(ctx, method, "/v2/", "");
        answered(ctx, &bytes, &[400, 403, 404, 405, 501], &format!("the method {method}"))?;
    }
    Ok(())
}

fn trace_never_echoes(ctx: &Context) -> Outcome {
    let bytes = head(ctx, "TRACE", "/v2/", "X-Secret: do-not-echo\r\n");
    let answer = ctx.client.raw(&bytes)?;
    let Some(answer) = answer else { return Ok(()) };
    let echoed = String::from_utf8_lossy(&answer.body).contains("do-not-echo");
    ensure!(!echoed, "{answer}: TRACE echoes the request");
    Ok(())
}

fn unknown_http_version_is_refused(ctx: &Context) -> Outcome {
    for version in ["HTTP/3.0", "HTTP/9", "HTP/1.1", "http/1.1"] {
        let bytes = format!("GET /v2/ {version}\r\nHost: x\r\nConnection: close\r\n\r\n");
        answered(ctx, bytes.as_bytes(), &[400, 426, 505], version)?;
    }
    Ok(())
}

fn tls_hello_on_plain_http_is_refused(ctx: &Context) -> Outcome {
    let hello = [b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00".as_slice(), b"\r\n\r\n"].concat();
    answered(ctx, &hello, &[400, 405, 501], "a TLS hello")
}

fn control_characters_in_headers_are_refused_or_ignored(ctx: &Context) -> Outcome {
    for value in ["a\0b", "a\x01b", "a\x7fb", "a\rb"] {
        let bytes = head(ctx, "GET", "/v2/", &format!("X-Odd: {value}\r\n"));
        answered(ctx, &bytes, &[200, 400], &format!("the header value {value:?}"))?;
    }
    Ok(())
}

fn white_space_before_the_colon_of_a_header_is_refused(ctx: &Context) -> Outcome {
    let bytes = head(
        ctx,
        "GET",
        "/v2/",
        "X-Odd : x
",
    );
    answered(ctx, &bytes, &[400], "a space before the colon")
}

fn header_without_name_or_colon_is_refused(ctx: &Context) -> Outcome {
    for odd in [
        "NoColon
",
        ": no name
",
        "Sp ace: x
",
    ] {
        let bytes = head(ctx, "GET", "/v2/", odd);
        answered(ctx, &bytes, &[400], &format!("the header line {odd:?}"))?;
    }
    Ok(())
}

fn bad_authorization_headers_are_no_server_error(ctx: &Context) -> Outcome {
    let long = format!("Basic {}", "QUFB".repeat(4000));
    for value in [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic AA==",
        "Basic Og==",
        "Bearer x",
        "Bearer a.b.c",
        "Digest x",
        "é",
        &long,
    ] {
        let answer = ctx.get("/v2/").anonymous().header("Authorization", value).send()?;
        answer.one_of(&[200, 400, 401, 403, 431])?;
    }
    Ok(())
}

fn half_a_request_that_hangs_up_harms_nobody(ctx: &Context) -> Outcome {
    for part in [
        "G",
        "GET /v2/ HT",
        "GET /v2/ HTTP/1.1\r\nHost: x",
        "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nContent-Length: 50\r\n\r\nabc",
    ] {
        ctx.client.abandon(part.as_bytes())?;
    }
    ctx.get("/v2/").send()?.expect(200)?;
    Ok(())
}
