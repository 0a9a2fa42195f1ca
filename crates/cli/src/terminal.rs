//! Progress for people: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use workers::{Finding, Observer, Progress};

/// Shows how far a command is.
pub(crate) struct Terminal {
    bar: ProgressBar,
    quiet: bool,
    phase: Mutex<&'static str>,
}

impl Terminal {
    /// A bar if standard error is a terminal. `quiet` shows findings only.
    pub(crate) fn new(quiet: bool) -> Self {
        let visible = !quiet && std::io::stderr().is_terminal();
        let target =
            if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template(
            "{prefix} {bar:30} {pos}/{len} {bytes_per_sec:>0}{per_sec} {eta} {wide_msg}",
        );
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self { bar, quiet, phase: Mutex::new("") }
    }

    /// Shows how far the work is, by its parts.
    pub(crate) fn advance(&self, phase: &str, done: u64, total: Option<u64>, message: &str) {
        self.bar.set_prefix(phase.to_owned());
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
        self.bar.set_message(message.to_owned());
    }

    /// A line of the report.
    pub(crate) fn say(&self, line: &str) {
        if !self.quiet {
            self.bar.suspend(|| {
                let _ = writeln!(std::io::stdout(), "{line}");
            });
        }
    }

    /// Something that is wrong.
    pub(crate) fn complain(&self, line: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Terminal {
    fn progress(&self, progress: &Progress) {
        let begins = std::mem::replace(&mut *self.phase.lock(), progress.phase) != progress.phase;
        if begins && self.bar.is_hidden() {
            let total = progress.total.map(|total| format!(" of {total}")).unwrap_or_default();
            self.say(&format!("{}: {}{total}", progress.phase, progress.done));
        }
        self.advance(progress.phase, progress.done, progress.total, &progress.message);
    }

    fn line(&self, line: &str) {
        self.say(line);
    }

    fn finding(&self, finding: &Finding) {
        self.complain(&finding.to_string());
    }
}
