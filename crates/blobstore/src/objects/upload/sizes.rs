//! How large the parts of an upload are.

/// Parts after which they become larger.
const STEP: usize = 1000;

/// Sizes of the parts of each step, in units of 10 MiB; 10,000 parts of a store
/// hold 5.1 TiB, more than the 5 TiB that one object may have.
///
/// The first 2,000 parts are alike, so an upload of up to 2,000 times the chunk
/// size also suits a store that wants all parts but the last to be equal (R2);
/// for larger ones there `chunksize` must be raised.
const UNITS: [u64; 10] = [0, 0, 2, 4, 8, 16, 32, 64, 160, 256];

const UNIT: u64 = 10 << 20;

/// Most parts of one upload.
pub(super) const MOST: usize = STEP * UNITS.len();

/// Bytes of part `number`, counted from 0.
pub(super) fn of(first: u64, number: usize) -> u64 {
    let units = UNITS.get(number / STEP).or(UNITS.last()).copied().unwrap_or(0);
    first.max(units * UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_parts_hold_the_largest_object() {
        for first in [5 << 20, 10 << 20, 1 << 30] {
            let total: u64 = (0..MOST).map(|number| of(first, number)).sum();
            assert!(total > 5 << 40, "{first}: {total}");
            assert!((0..MOST).all(|number| of(first, number) <= 5 << 30));
            assert!((0..2 * STEP).all(|number| of(first, number) == first));
        }
    }
}
