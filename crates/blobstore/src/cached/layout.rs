//! Files of the cache: their names, and what stands in them.
//!
//! ```text
//! <sha256 of store and key>.<size, hex>.<unique>          an entry
//! <sha256 of store and key>.<size, hex>.<unique>.part     one that is being filled
//! lock                                                    held by the process that uses the directory
//! ```
//! An entry is the blob, then one checksum for each block of it, then a trailer that holds the name
//! and the size and is checked itself. Nothing is synced: what a power cut spoils has a wrong
//! checksum.

use std::fmt::Write as _;

use crc_fast::CrcAlgorithm::Crc32IsoHdlc;
use oci::Digest;
use store::BlobKey;

/// Bytes that have one checksum and are read and written at once.
pub(super) const BLOCK: u64 = 256 << 10;

/// The end of the name of a file that is being filled.
pub(super) const PART: &str = ".part";

/// The file that keeps a second process out.
pub(super) const LOCK: &str = "lock";

const MAGIC: &[u8; 8] = b"berthbl1";

/// Magic, name, size, checksum.
const TRAILER: usize = 8 + 32 + 8 + 4;

/// Which blob of which store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Name([u8; 32]);

impl Name {
    pub(super) fn of(place: &str, key: &BlobKey) -> Self {
        let digest = Digest::sha256(format!("{place}\0{}", key.as_str()).as_bytes());
        Self(digest.as_bytes().try_into().unwrap_or_default())
    }

    /// The name of the file of an entry.
    pub(super) fn file(&self, size: u64, unique: u64) -> String {
        let mut text = String::with_capacity(100);
        for byte in self.0 {
            let _ = write!(text, "{byte:02x}");
        }
        let _ = write!(text, ".{size:x}.{unique:016x}");
        text
    }
}

/// What the name of an entry's file tells; `None` for what the cache has not named.
pub(super) fn parse(file: &str) -> Option<(Name, u64)> {
    let mut parts = file.split('.');
    let (hex, size, unique) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if parts.next().is_some() || hex.len() != 64 || unique.len() != 16 || size.is_empty() {
        return None;
    }
    if !is_hex(hex) || !is_hex(size) || !is_hex(unique) {
        return None;
    }
    let mut raw = [0; 32];
    for (byte, pair) in raw.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some((Name(raw), u64::from_str_radix(size, 16).ok()?))
}

/// Blocks of a blob of so many bytes.
pub(super) fn blocks(size: u64) -> u64 {
    size.div_ceil(BLOCK)
}

/// Bytes of the file of such a blob.
pub(super) fn file_size(size: u64) -> u64 {
    size.saturating_add(blocks(size).saturating_mul(4)).saturating_add(TRAILER as u64)
}

/// The checksum of a block.
pub(super) fn sum(block: &[u8]) -> u32 {
    // The 32-bit checksums of the library come in the low half.
    #[expect(clippy::cast_possible_truncation, reason = "a CRC-32 has 32 bits")]
    let sum = crc_fast::checksum(Crc32IsoHdlc, block) as u32;
    sum
}

/// What stands behind the blob.
pub(super) fn end(name: &Name, size: u64, sums: &[u32]) -> Vec<u8> {
    let mut end = Vec::with_capacity(sums.len() * 4 + TRAILER);
    for sum in sums {
        end.extend_from_slice(&sum.to_le_bytes());
    }
    end.extend_from_slice(MAGIC);
    end.extend_from_slice(&name.0);
    end.extend_from_slice(&size.to_le_bytes());
    let own = sum(&end);
    end.extend_from_slice(&own.to_le_bytes());
    end
}

/// The checksums of the blocks, if `end` is what [`end`] makes.
pub(super) fn sums(name: &Name, size: u64, end: &[u8]) -> Option<Vec<u32>> {
    let (checked, own) = end.split_last_chunk::<4>()?;
    if sum(checked).to_le_bytes() != *own {
        return None;
    }
    let (rest, told_size) = checked.split_last_chunk::<8>()?;
    let (rest, told_name) = rest.split_last_chunk::<32>()?;
    let (table, magic) = rest.split_last_chunk::<8>()?;
    let fits = magic == MAGIC && *told_name == name.0 && *told_size == size.to_le_bytes();
    if !fits || table.len() as u64 != blocks(size) * 4 {
        return None;
    }
    let (table, _) = table.as_chunks::<4>();
    Some(table.iter().map(|sum| u32::from_le_bytes(*sum)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Name {
        Name::of("S3 bucket b", &BlobKey::new("berth/blobs/a.00"))
    }

    #[test]
    fn a_name_is_read_back_and_anything_else_is_left_alone() {
        let file = name().file(70_000, 7);
        assert_eq!(parse(&file), Some((name(), 70_000)));
        assert_ne!(name(), Name::of("S3 bucket c", &BlobKey::new("berth/blobs/a.00")));
        for other in
            ["lock", "lost+found", "", &file[1..], &format!("{file}.part"), &file.replace('.', "-")]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_end_of_a_file_is_believed_only_whole_and_for_its_own_name() {
        let size = 3 * BLOCK + 1;
        let end = end(&name(), size, &[1, 2, 3, 4]);
        assert_eq!(size + end.len() as u64, file_size(size));
        assert_eq!(sums(&name(), size, &end), Some(vec![1, 2, 3, 4]));
        assert_eq!(sums(&name(), size + 1, &end), None);
        assert_eq!(sums(&Name([0; 32]), size, &end), None);
        assert_eq!(sums(&name(), size, &end[1..]), None);
        for bit in 0..end.len() * 8 {
            let mut flipped = end.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(sums(&name(), size, &flipped), None, "bit {bit}");
        }
    }
}
