//! The head of an answer: status, how the body is delimited, and single fields on demand.

use crate::Outcome;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// The length of the head with its empty line, once it is there whole.
pub(super) fn end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|start| start + 4)
}

/// Status and framing of a head that is there whole.
pub(super) fn parse(head: &[u8]) -> Outcome<(u16, Framing)> {
    let status = head
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("not an HTTP/1.1 answer: {:?}", String::from_utf8_lossy(head)))?;
    if field(head, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    {
        return Ok((status, Framing::Chunked));
    }
    let length = match field(head, "content-length") {
        Some(length) => {
            length.parse().map_err(|_| format!("Content-Length {length:?} is no number"))?
        }
        None => 0,
    };
    Ok((status, Framing::Length(length)))
}

/// The value of the first field of that name, whatever its case.
pub(super) fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n')
        .find_map(|line| {
            let (found, value) = line.split_at_checked(name.len())?;
            let value = value.strip_prefix(b":")?;
            found.eq_ignore_ascii_case(name.as_bytes()).then(|| std::str::from_utf8(value).ok())?
        })
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::{Framing, end, field, parse};

    const HEAD: &[u8] =
        b"HTTP/1.1 202 Accepted\r\nContent-length: 17\r\nLocation:  /v2/a?x=1 \r\n\r\nbody";

    #[test]
    fn the_head_ends_after_the_empty_line() {
        assert_eq!(end(HEAD), Some(HEAD.len() - 4));
        assert_eq!(end(&HEAD[..20]), None);
    }

    #[test]
    fn fields_are_found_whatever_their_case() {
        assert_eq!(field(HEAD, "location"), Some("/v2/a?x=1"));
        assert_eq!(field(HEAD, "loc"), None);
        assert_eq!(parse(HEAD), Ok((202, Framing::Length(17))));
    }

    #[test]
    fn chunked_wins_and_nonsense_is_refused() {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(parse(head), Ok((200, Framing::Chunked)));
        assert!(parse(b"SSH-2.0-x\r\n\r\n").is_err());
    }
}
