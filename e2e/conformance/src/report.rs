//! The table at the end: what was tested, what held, and a count.

use crate::failure::{Failure, Outcome};
use crate::{Strength, Test};
use std::fmt::Write as _;

/// One test and how it ended.
#[derive(Debug, Clone)]
pub struct TestResult {
    /// The test.
    pub test: &'static Test,
    /// How it ended.
    pub outcome: Outcome,
}

/// All results of one run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The registry that was tested.
    pub url: String,
    /// In the order of the table of tests.
    pub results: Vec<TestResult>,
}

impl TestResult {
    /// `pass`, `fail` or `skip`.
    pub fn word(&self) -> &'static str {
        match &self.outcome {
            Ok(()) => "pass",
            Err(Failure::Failed(_)) => "fail",
            Err(Failure::Skipped(_)) => "skip",
        }
    }

    /// What was wrong, or why the test was skipped; empty when it passed.
    pub fn message(&self) -> &str {
        match &self.outcome {
            Ok(()) => "",
            Err(Failure::Failed(text) | Failure::Skipped(text)) => text,
        }
    }
}

impl Report {
    /// How many tests ended with this word (`pass`, `fail`, `skip`).
    pub fn count(&self, word: &str) -> usize {
        self.results.iter().filter(|result| result.word() == word).count()
    }

    /// The whole table in Markdown, ready to be published.
    pub fn markdown(&self) -> String {
        let mut text = String::from("# Conformance\n\n");
        let _ = writeln!(text, "{}\n", self.summary());
        text.push_str(&self.strengths());
        text.push_str("\n| rule | strength | test | result |\n|---|---|---|---|\n");
        for result in &self.results {
            let test = result.test;
            let mut rule = test.rule.to_owned();
            for pitfall in test.pitfalls {
                let _ = write!(rule, " {pitfall}");
            }
            let message = result.message();
            let colon = if message.is_empty() { "" } else { ": " };
            let _ = writeln!(
                text,
                "| {rule} | {} | {} | {}{colon}{} |",
                test.strength,
                test.name,
                result.word(),
                cell(message)
            );
        }
        text
    }

    /// One line with the three counts.
    pub fn summary(&self) -> String {
        format!(
            "{} tests: {} pass, {} fail, {} skip",
            self.results.len(),
            self.count("pass"),
            self.count("fail"),
            self.count("skip")
        )
    }

    fn strengths(&self) -> String {
        let mut text = String::from("| strength | pass | fail | skip |\n|---|---|---|---|\n");
        for strength in [Strength::Must, Strength::Should, Strength::May, Strength::Berth] {
            let count = |word| {
                let same = |r: &&TestResult| r.test.strength == strength && r.word() == word;
                self.results.iter().filter(same).count()
            };
            let _ = writeln!(
                text,
                "| {strength} | {} | {} | {} |",
                count("pass"),
                count("fail"),
                count("skip")
            );
        }
        text
    }
}

fn cell(message: &str) -> String {
    message.replace('|', "\\|").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_stands_in_its_row_of_the_table() {
        let test = crate::tests().next().unwrap();
        let failure = Err(Failure::Failed("a | b\nc".to_owned()));
        let report = Report {
            url: "http://registry.example".to_owned(),
            results: vec![TestResult { test, outcome: failure }],
        };
        let table = report.markdown();
        assert!(table.contains("fail: a \\| b c |"), "{table}");
        assert!(table.contains("1 tests: 0 pass, 1 fail, 0 skip"), "{table}");
    }
}
