//! Numbers of bytes: `4194304`, `4MiB`, `1 GiB`.

/// Reads a number of bytes; `None` if malformed or beyond 64 bits.
pub(super) fn parse(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_units_are_understood_and_decimal_ones_are_not_guessed() {
        assert_eq!(parse("4194304"), Some(4 << 20));
        assert_eq!(parse("4MiB"), Some(4 << 20));
        assert_eq!(parse("1 gib"), Some(1 << 30));
        for text in ["", "MiB", "4MB", "4M", "-1", "1.5MiB", "99999999999TiB"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
