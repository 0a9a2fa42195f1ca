//! As much DER as a public key needs.

/// Tags of the values that public keys are made of.
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OID: u8 = 0x06;

/// Takes one value with `tag` off the front: its content and what follows it.
/// `None` if it is another, cut short, or longer than 64 KiB.
pub(super) fn take(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = match first {
        short @ ..=0x7f => usize::from(short),
        0x81 => {
            let (&length, after) = rest.split_first()?;
            rest = after;
            usize::from(length)
        }
        0x82 => {
            let (length, after) = rest.split_first_chunk::<2>()?;
            rest = after;
            usize::from(u16::from_be_bytes(*length))
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

/// The content of `der`, which is one value with `tag` and nothing more.
pub(super) fn only(tag: u8, der: &[u8]) -> Option<&[u8]> {
    take(tag, der).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

/// A value with `tag` and the joined `parts` as its content.
pub(super) fn put(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ ..=0x7f) => out.push(short),
        Ok(length) => out.extend([0x81, length]),
        Err(_) => {
            // Keys have less than 64 KiB: the largest that we accept has 2 KiB.
            let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
            out.push(0x82);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(content);
    out
}

/// An unsigned number, big-endian without leading zeros, as INTEGER.
pub(super) fn put_unsigned(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] =
        if number.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    put(INTEGER, &[sign, number])
}
