//! Random requests to both registries: every answer is the same.

use testkit::SeededRandom;

use crate::answer::Answer;
use crate::model::Model;
use crate::operation::{Operation, choose, everything};
use crate::real::Real;
use crate::universe::Universe;

const OPERATIONS: usize = 150;
const LOOK_AROUND_EVERY: usize = 50;

async fn run(seed: u64) {
    let universe = Universe::new();
    let chance = SeededRandom::new(seed);
    let (mut model, mut real) = (Model::default(), Real::new(seed));
    let mut done: Vec<Operation> = Vec::new();
    let (mut pushed, mut refused) = (0, 0);
    for number in 0..OPERATIONS {
        let operation = choose(&chance, &universe);
        done.push(operation.clone());
        let mut now = vec![operation];
        if number % LOOK_AROUND_EVERY == LOOK_AROUND_EVERY - 1 {
            now.extend(everything(&universe));
        }
        for operation in now {
            let expected = model.apply(&universe, &operation);
            let got = real.apply(&universe, &operation).await;
            pushed += usize::from(matches!(got, Answer::Pushed { .. }));
            refused += usize::from(matches!(got, Answer::Missing(_) | Answer::BlobNeeded));
            assert!(
                got == expected,
                "seed {seed}, {operation:?}\n     got {got:?}\nexpected {expected:?}\nafter {done:#?}"
            );
        }
    }
    assert!(pushed > 4 && refused > 4, "seed {seed} tries too little: {pushed}, {refused}");
}

/// Seeds from `first` on; `BERTH_SEEDS` says how many, for long runs.
async fn runs(first: u64) {
    let seeds = std::env::var("BERTH_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    for seed in first..first + seeds {
        run(seed).await;
    }
}

#[tokio::test]
async fn random_requests_are_answered_as_the_reference_registry_answers_them() {
    runs(1).await;
}

#[tokio::test]
async fn other_random_requests_are_answered_as_the_reference_registry_answers_them() {
    runs(1_000_000).await;
}
