//! Conformance suite of the distribution protocol, against any registry by URL.
//!
//! Black box: only HTTP is spoken, every test uses repositories of its own, so the suite can run
//! against any registry, and again and again. One test per rule; a test's name is the rule as a
//! sentence, its `rule` the place in the specification's checklist.

mod answer;
mod cases;
mod context;
mod digest;
mod expected;
mod failure;
mod http;
mod manifest;
mod receive;
mod report;
mod repository;
mod target;

pub use cases::tests;
pub use context::Context;
pub use expected::Expectations;
pub use failure::{Failure, Outcome};
pub use report::{Report, TestResult};
pub use target::Target;

use std::fmt;

/// How strongly a rule binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// The specification's MUST, or HTTP's.
    Must,
    /// The specification's SHOULD.
    Should,
    /// Allowed; if it is done, then in this way.
    May,
    /// Not demanded by a specification: Berth's own promise, mostly what real clients rely on.
    Berth,
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Berth => "Berth",
        })
    }
}

/// One rule as a test.
#[derive(Debug, Clone, Copy)]
pub struct Test {
    /// The rule as a sentence; unique.
    pub name: &'static str,
    /// The subject the test belongs to, such as `tags`.
    pub group: &'static str,
    /// The place in the checklist: letter and number (`B5`), or `wire` for headers that clients
    /// read, `RFC` for plain HTTP, `input` for hostile input, `list` for the catalog.
    pub rule: &'static str,
    /// Known mistakes of other registries that this test would find, such as `#15`.
    pub pitfalls: &'static [&'static str],
    /// How strongly the rule binds.
    pub strength: Strength,
    /// The test itself.
    pub run: fn(&Context) -> Outcome,
}

/// Runs every test whose name, group, rule or pitfall matches the filter (all when it is empty).
///
/// The filter is a substring of the name, or exactly a group, rule or pitfall.
pub fn run(target: &Target, filter: &str) -> Report {
    let selected = tests().filter(|test| test.matches(filter));
    let results = match Context::new(target) {
        Ok(ctx) => selected.map(|test| TestResult { test, outcome: test.outcome(&ctx) }).collect(),
        Err(failure) => {
            selected.map(|t| TestResult { test: t, outcome: Err(failure.clone()) }).collect()
        }
    };
    Report { url: target.url.clone(), results }
}

impl Test {
    /// One registry's odd answer must not end the run, so a panic is a failure of that test.
    fn outcome(&self, ctx: &Context) -> Outcome {
        let run = std::panic::AssertUnwindSafe(|| (self.run)(ctx));
        std::panic::catch_unwind(run)
            .unwrap_or_else(|_| Err(failure::failed("the test itself panicked")))
    }

    fn matches(&self, filter: &str) -> bool {
        filter.is_empty()
            || self.name.contains(filter)
            || self.group == filter
            || self.rule == filter
            || self.pitfalls.contains(&filter)
    }
}
