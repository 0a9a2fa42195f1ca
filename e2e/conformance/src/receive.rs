//! Reading answers strictly: each byte belongs to the head or the framed body, or the answer is a
//! failure.

use crate::answer::Answer;
use std::io::{self, BufRead, BufReader, Read as _};
use std::net::TcpStream;
use std::time::Duration;

const MAX_HEAD: u64 = 256 * 1024;
const MAX_BODY: u64 = 128 * 1024 * 1024;
/// How long the socket is watched for bytes that do not belong to the answer.
const STRAY_WAIT: Duration = Duration::from_millis(150);

/// The answer must be all that comes: a body after HEAD or bytes past Content-Length would be taken
/// for the next answer on a kept connection.
pub(crate) fn refuse_stray_bytes(
    reader: &mut BufReader<TcpStream>,
    answer: &Answer,
) -> io::Result<()> {
    reader.get_ref().set_read_timeout(Some(STRAY_WAIT))?;
    let mut stray = [0u8; 64];
    match reader.read(&mut stray) {
        Ok(0) | Err(_) => Ok(()),
        Ok(count) => Err(invalid(format!("{count} or more stray bytes after the answer {answer}"))),
    }
}

pub(crate) fn read_answer(
    reader: &mut BufReader<TcpStream>,
    label: &str,
    is_head: bool,
) -> io::Result<Answer> {
    loop {
        let mut answer = read_head(reader, label)?;
        if (100..200).contains(&answer.status) {
            continue;
        }
        if !is_head && answer.status != 204 && answer.status != 304 {
            answer.body = read_body(reader, &answer)?;
        }
        return Ok(answer);
    }
}

fn read_head(reader: &mut impl BufRead, label: &str) -> io::Result<Answer> {
    let mut head = reader.take(MAX_HEAD);
    let status_line = read_line(&mut head)?;
    let status = status_line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| invalid(format!("{status_line:?} is not a status line")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(&mut head)?;
        if line.is_empty() {
            return Ok(Answer { request: label.to_owned(), status, headers, body: Vec::new() });
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| invalid(format!("{line:?} is not a header line")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            "the connection was closed without an answer",
        ));
    }
    let text = String::from_utf8_lossy(&line);
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_body(reader: &mut impl BufRead, answer: &Answer) -> io::Result<Vec<u8>> {
    let chunked =
        answer.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
    if chunked {
        return read_chunks(reader);
    }
    let mut body = Vec::new();
    let Some(length) = answer.header("content-length") else {
        reader.take(MAX_BODY).read_to_end(&mut body)?;
        return Ok(body);
    };
    let length: u64 =
        length.parse().map_err(|_| invalid(format!("Content-Length {length:?} is no number")))?;
    reader.take(length.min(MAX_BODY)).read_to_end(&mut body)?;
    if body.len() as u64 != length {
        let status = answer.status;
        let got = body.len();
        return Err(invalid(format!("answer {status}: {got} of {length} announced bytes came")));
    }
    Ok(body)
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16)
            .map_err(|_| invalid(format!("{line:?} is not a chunk size")))?;
        let before = body.len() as u64;
        if before.saturating_add(size) > MAX_BODY {
            return Err(invalid("the answer is larger than the suite reads".to_owned()));
        }
        reader.take(size).read_to_end(&mut body)?;
        if body.len() as u64 != before + size {
            return Err(invalid("a chunk of the answer was cut short".to_owned()));
        }
        // The line end after a chunk, or the first line of the (empty) trailer.
        let end = read_line(reader)?;
        if !end.is_empty() && size != 0 {
            return Err(invalid(format!("{end:?} follows a chunk")));
        }
        if size == 0 {
            return Ok(body);
        }
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
