//! Saved hash states: a damaged one is refused, never gone on with.

use fuzz::{config, hostile};
use oci::{Algorithm, Hasher};
use proptest::prelude::*;

fn examples() -> Vec<Vec<u8>> {
    let state = |algorithm, length: usize| {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&vec![7; length]);
        hasher.save()
    };
    let lengths = [0, 1, 63, 64, 127, 128, 5000];
    let both = lengths.iter().flat_map(|n| [(Algorithm::Sha256, *n), (Algorithm::Sha512, *n)]);
    both.map(|(algorithm, length)| state(algorithm, length)).collect()
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn a_restored_state_is_the_saved_one(saved in hostile(examples())) {
        if let Some(mut hasher) = Hasher::restore(&saved) {
            prop_assert_eq!(hasher.save(), saved);
            hasher.update(&[1; 300]);
            let algorithm = hasher.algorithm();
            prop_assert_eq!(hasher.finish().algorithm(), algorithm);
        }
    }
}
