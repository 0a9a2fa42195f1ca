//! Expected failures of a registry, so that a run against one that is known to differ still says
//! something: a listed test that passes is news, and so is an unlisted one that fails.

use crate::report::Report;

/// Names of the tests that are expected to fail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectations {
    names: Vec<String>,
    unsteady: Vec<String>,
}

impl Expectations {
    /// One name per line; `#` begins a comment, which should say the reason. A name after `?` may
    /// pass or fail, because the registry itself does now this, now that.
    pub fn parse(text: &str) -> Self {
        let mut expectations = Self::default();
        for line in text.lines() {
            let name = line.split('#').next().unwrap_or_default().trim();
            match name.strip_prefix('?') {
                Some(unsteady) => expectations.unsteady.push(unsteady.trim().to_owned()),
                None if name.is_empty() => {}
                None => expectations.names.push(name.to_owned()),
            }
        }
        expectations
    }

    /// What the run did differently from these expectations, one sentence each.
    ///
    /// A skipped test is never a surprise. A listed name that is no test at all is one, because
    /// it hides that a test was renamed.
    pub fn surprises(&self, report: &Report) -> Vec<String> {
        let mut surprises = Vec::new();
        for result in &report.results {
            let name = result.test.name;
            if self.unsteady.iter().any(|n| n == name) {
                continue;
            }
            let listed = self.names.iter().any(|n| n == name);
            match result.word() {
                "pass" if listed => surprises.push(format!("{name} passes, but is listed to fail")),
                "fail" if !listed => {
                    surprises.push(format!("{name} fails unexpectedly: {}", result.message()));
                }
                _ => {}
            }
        }
        for name in self.names.iter().chain(&self.unsteady) {
            if !crate::tests().any(|test| test.name == name) {
                surprises.push(format!("{name} is listed to fail, but no test has that name"));
            }
        }
        surprises
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::TestResult;
    use crate::{Failure, Outcome};

    fn report(outcome: Outcome) -> (Report, &'static str) {
        let test = crate::tests().next().unwrap();
        let results = vec![TestResult { test, outcome }];
        (Report { url: String::new(), results }, test.name)
    }

    #[test]
    fn a_listed_test_that_passes_is_a_surprise() {
        let (report, name) = report(Ok(()));
        assert_eq!(Expectations::default().surprises(&report), Vec::<String>::new());
        let listed = Expectations::parse(&format!("# why\n{name} # because\n"));
        assert_eq!(listed.surprises(&report).len(), 1);
    }

    #[test]
    fn an_unlisted_test_that_fails_is_a_surprise() {
        let (report, name) = report(Err(Failure::Failed("no".to_owned())));
        assert_eq!(Expectations::default().surprises(&report).len(), 1);
        assert_eq!(Expectations::parse(name).surprises(&report), Vec::<String>::new());
    }

    #[test]
    fn an_unsteady_test_is_never_a_surprise() {
        for outcome in [Ok(()), Err(Failure::Failed("no".to_owned()))] {
            let (report, name) = report(outcome);
            let unsteady = Expectations::parse(&format!("? {name}"));
            assert_eq!(unsteady.surprises(&report), Vec::<String>::new());
        }
    }

    #[test]
    fn a_name_that_is_no_test_is_a_surprise() {
        let (report, _) = report(Err(Failure::Skipped("no".to_owned())));
        assert_eq!(Expectations::parse("no_such_test").surprises(&report).len(), 1);
    }
}
