//! Progress for people: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{BinaryBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use store::Clock;
use workers::{Finding, Observer, Progress, Volume};

/// Most often that a plain line says how far the work is.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// For work that is counted in pieces.
const PIECES: &str = "{prefix} {bar:30} {pos}/{len} {per_sec} {eta} {wide_msg}";
/// For work that is counted in bytes.
const BYTES: &str = "{prefix} {bar:30} {binary_bytes}/{binary_total_bytes} {wide_msg}";

/// Shows how far a command is.
pub(crate) struct Terminal {
    bar: ProgressBar,
    quiet: bool,
    clock: Arc<dyn Clock>,
    shown: Mutex<Shown>,
}

/// What was shown last.
#[derive(Default)]
struct Shown {
    phase: String,
    /// When the last plain line was written, on the clock's `elapsed` scale.
    line: Duration,
}

impl Terminal {
    /// A bar if standard error is a terminal. `quiet` shows findings only.
    pub(crate) fn new(quiet: bool, clock: Arc<dyn Clock>) -> Self {
        let visible = !quiet && std::io::stderr().is_terminal();
        let target =
            if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        Self { bar, quiet, clock, shown: Mutex::default() }
    }

    /// Shows how far the work is, by its parts.
    pub(crate) fn advance(&self, phase: &str, done: u64, total: Option<u64>, message: &str) {
        let due = self.begin(phase, PIECES);
        if due {
            let total = total.map(|total| format!(" of {total}")).unwrap_or_default();
            self.say(&format!("{phase}: {done}{total}"));
        }
        self.move_to(done, total, message.to_owned());
    }

    /// Shows how far the work is, by its bytes.
    fn advance_bytes(&self, volume: &Volume) {
        let due = self.begin(volume.phase, BYTES);
        let pace = pace(volume);
        if due {
            let (done, total) = (BinaryBytes(volume.bytes), BinaryBytes(volume.total_bytes));
            self.say(&format!("{}: {done} of {total}, {pace}", volume.phase));
        }
        self.move_to(volume.bytes, Some(volume.total_bytes), pace);
    }

    /// Begins a phase if it is another one. True if a plain line is due.
    fn begin(&self, phase: &str, template: &str) -> bool {
        let mut shown = self.shown.lock();
        let now = self.clock.elapsed();
        let begins = shown.phase != phase;
        if begins {
            phase.clone_into(&mut shown.phase);
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.set_prefix(phase.to_owned());
            self.bar.reset();
        }
        let due = self.bar.is_hidden() && (begins || now.saturating_sub(shown.line) >= LINE_EVERY);
        if due {
            shown.line = now;
        }
        due
    }

    fn move_to(&self, done: u64, total: Option<u64>, message: String) {
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
        self.bar.set_message(message);
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

/// Objects, rate and remaining time.
fn pace(volume: &Volume) -> String {
    let Volume { objects, total_objects, rate, .. } = volume;
    let rate = BinaryBytes(*rate);
    let left = volume.remaining().map(|left| format!(", {} left", HumanDuration(left)));
    format!("{objects} of {total_objects} blobs, {rate}/s{}", left.unwrap_or_default())
}

impl Observer for Terminal {
    fn progress(&self, progress: &Progress) {
        self.advance(progress.phase, progress.done, progress.total, &progress.message);
    }

    fn volume(&self, volume: &Volume) {
        self.advance_bytes(volume);
    }

    fn line(&self, line: &str) {
        self.say(line);
    }

    fn finding(&self, finding: &Finding) {
        self.complain(&finding.to_string());
    }
}
