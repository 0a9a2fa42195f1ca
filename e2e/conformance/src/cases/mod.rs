//! The tests, one file per subject, each with a table at its head.
#![allow(clippy::indexing_slicing, reason = "tests slice only bytes that they made themselves")]

use crate::Test;

mod catalog;
mod conditional;
mod delete;
mod digests;
mod errors;
mod hostile_bodies;
mod hostile_paths;
mod hostile_wire;
mod manifest_children;
mod manifest_tags;
mod manifests;
mod mount;
mod multirange;
mod names;
mod ping;
mod pitfalls;
mod pull;
mod push_chunked;
mod push_monolithic;
mod push_stream;
mod ranges;
mod references;
mod referrers;
mod referrers_filter;
mod tags;
mod tags_paging;
mod upload_session;

/// Writes the table of a file: `name: rule pitfalls… strength`.
macro_rules! table {
    ($($name:ident: $rule:literal $($pitfall:literal)* $strength:ident,)+) => {
        pub(super) const TESTS: &[$crate::Test] = &[$($crate::Test {
            name: stringify!($name),
            group: {
                // The file's own name is the group.
                const PATH: &str = module_path!();
                $crate::cases::last_segment(PATH)
            },
            rule: $rule,
            pitfalls: &[$($pitfall),*],
            strength: $crate::Strength::$strength,
            run: $name,
        }),+];
    };
}
use table;

const fn last_segment(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b':' {
        start -= 1;
    }
    path.split_at(start).1
}

const GROUPS: &[&[Test]] = &[
    ping::TESTS,
    names::TESTS,
    references::TESTS,
    errors::TESTS,
    pull::TESTS,
    ranges::TESTS,
    multirange::TESTS,
    conditional::TESTS,
    push_monolithic::TESTS,
    push_chunked::TESTS,
    push_stream::TESTS,
    upload_session::TESTS,
    mount::TESTS,
    digests::TESTS,
    manifests::TESTS,
    manifest_children::TESTS,
    manifest_tags::TESTS,
    tags::TESTS,
    tags_paging::TESTS,
    catalog::TESTS,
    referrers::TESTS,
    referrers_filter::TESTS,
    delete::TESTS,
    pitfalls::TESTS,
    hostile_paths::TESTS,
    hostile_bodies::TESTS,
    hostile_wire::TESTS,
];

/// Every test of the suite, in the order of the table.
pub fn tests() -> impl Iterator<Item = &'static Test> {
    GROUPS.iter().flat_map(|group| group.iter())
}

#[cfg(test)]
mod coverage {
    use std::collections::BTreeSet;

    /// Rules of the checklist that a black box without tokens, proxy or clients can see. G5, G7 and
    /// N1 speak of rate limits, redirects and proxies; R6 of clients.
    const RULES: &[&str] = &[
        "G1", "G2", "G3", "G4", "G6", "G8", "G9", "P1", "P2", "P3", "P4", "B1", "B2", "B3", "B4",
        "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12", "M1", "M2", "M3", "M4", "M5", "M6",
        "M7", "M8", "T1", "T2", "T3", "R1", "R2", "R3", "R4", "R5", "X1", "X2", "X3", "H1",
    ];
    const PITFALLS: &[&str] = &[
        "#1", "#10", "#11", "#13", "#14", "#15", "#16", "#17", "#18", "#19", "#20", "#22", "#23",
        "#24", "#26", "#27", "#28", "#29", "#30", "#31", "#32", "#33", "#34", "#35", "#36", "#37",
        "#38", "#39", "#40", "#41", "#42", "#51", "#52",
    ];

    #[test]
    fn every_rule_and_pitfall_in_scope_has_a_test() {
        let rules: BTreeSet<_> = super::tests().map(|t| t.rule).collect();
        let pitfalls: BTreeSet<_> = super::tests().flat_map(|t| t.pitfalls).collect();
        let missing: Vec<_> = (RULES.iter().filter(|rule| !rules.contains(*rule)))
            .chain(PITFALLS.iter().filter(|row| !pitfalls.contains(row)))
            .collect();
        assert!(missing.is_empty(), "without a test: {missing:?}");
    }

    #[test]
    fn names_are_unique() {
        let mut seen = BTreeSet::new();
        for test in super::tests() {
            assert!(seen.insert(test.name), "{} stands twice in the table", test.name);
        }
    }

    #[test]
    fn a_test_belongs_to_the_group_of_its_file() {
        assert_eq!(super::tests().next().unwrap().group, "ping");
    }
}
