//! Where tracing events go: lines on standard error, a line per request on
//! standard output, and spans to a collector if the environment names one.
//!
//! A reader of the log that stands still never makes the server wait: lines
//! pass through bounded queues, and a full queue drops them and says so.

mod escape;
mod filter;
mod form;
mod lines;
#[cfg(feature = "otel")]
mod otlp;
mod queue;
#[cfg(test)]
mod tests;
mod traces;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use store::{Clock, Random, SystemClock};
use tracing::Level;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::config::log::Log;
use filter::Filter;
use form::Form;
use lines::{Lines, Out};
use queue::{Notice, Queue};

pub(crate) use traces::Traces;

/// How long the end of the process waits for readers of its log.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a line of the access log waits for company.
const LINGER: Duration = Duration::from_millis(10);
/// What a command that ends soon tells.
const PLAIN: Filter = Filter { level: Level::WARN, access: false };

/// The log while it runs. Dropping it writes what is left, for a second at
/// most; later events are lost.
pub(crate) struct Logging {
    queues: Vec<Arc<Queue>>,
    clock: Arc<dyn Clock>,
    sender: Option<Sender>,
}

#[cfg(feature = "otel")]
type Sender = otlp::Sender;
/// Without OpenTelemetry there is nothing that sends.
#[cfg(not(feature = "otel"))]
type Sender = std::convert::Infallible;

/// Sends the events of the whole process to the log that `log` describes, and
/// its spans to a collector if `traces` names one. Errors and what the server
/// says of itself go to standard error, requests to standard output. Only the
/// first call in a process has an effect.
///
/// # Errors
/// When the system has no thread or no file descriptor left. Traces that
/// cannot be sent are a warning in the log.
pub(crate) fn start(
    log: &Log,
    traces: Option<&Traces>,
    clock: Arc<dyn Clock>,
    random: &dyn Random,
) -> io::Result<Logging> {
    let instance = instance(random);
    let form = Arc::new(form_of(log, &instance));
    let queue = |name, stream: File, linger| {
        let (form, clock) = (form.clone(), clock.clone());
        let notice: Notice = Box::new(move |out, count| form.dropped(out, clock.now(), count));
        Queue::start(name, stream, linger, notice)
    };
    let app = queue("log", File::from(io::stderr().as_fd().try_clone_to_owned()?), Duration::ZERO)?;
    let mut queues = vec![app.clone()];
    let mut access = None;
    if !log.accesslog.disabled {
        let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let queue = queue("access log", stdout, LINGER)?;
        queues.push(queue.clone());
        access = Some(queue);
    }
    let lines = Lines { form, clock: clock.clone(), out: Out::Queued { app, access } };
    let sender = install_with(traces, &instance, filtered(lines, Filter::of(log)));
    Ok(Logging { queues, clock, sender })
}

#[cfg(feature = "otel")]
fn install_with(
    traces: Option<&Traces>,
    instance: &str,
    lines: impl Layer<Registry> + Send + Sync,
) -> Option<Sender> {
    let (sender, problem) = match traces.map(|traces| Sender::start(traces, instance)) {
        Some(Ok(sender)) => (Some(sender), None),
        Some(Err(problem)) => (None, Some(problem)),
        None => (None, None),
    };
    let registry = tracing_subscriber::registry().with(lines);
    match &sender {
        Some(sender) => install(registry.with(sender.layer())),
        None => install(registry),
    }
    if let Some(problem) = problem {
        tracing::warn!("no traces are sent: {problem}");
    }
    sender
}

#[cfg(not(feature = "otel"))]
fn install_with(
    traces: Option<&Traces>,
    _: &str,
    lines: impl Layer<Registry> + Send + Sync,
) -> Option<Sender> {
    install(tracing_subscriber::registry().with(lines));
    if let Some(traces) = traces {
        tracing::warn!(
            endpoint = traces.endpoint,
            "no traces are sent: this build has no OpenTelemetry"
        );
    }
    None
}

/// For commands that end soon: warnings and errors on standard error, in plain words.
pub(crate) fn start_plain() {
    let (form, clock) = (Arc::new(Form::plain()), Arc::new(SystemClock::new()));
    let lines = Lines { form, clock, out: Out::Stderr };
    install(tracing_subscriber::registry().with(filtered(lines, PLAIN)));
}

impl Drop for Logging {
    fn drop(&mut self) {
        let began = self.clock.elapsed();
        #[cfg(feature = "otel")]
        if let Some(sender) = &self.sender {
            sender.stop(PATIENCE / 2);
        }
        self.queues.iter().for_each(|queue| queue.stop());
        for queue in &self.queues {
            let waited = self.clock.elapsed().saturating_sub(began);
            queue.wait(PATIENCE.saturating_sub(waited));
        }
    }
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queues, sender, .. } = self;
        f.debug_struct("Logging").field("queues", queues).field("sender", sender).finish()
    }
}

fn install(subscriber: impl tracing::Subscriber + Send + Sync) {
    // There is one for the process; who came first stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

fn filtered(lines: Lines, filter: Filter) -> impl Layer<Registry> + Send + Sync {
    // Requests are told at `info` even when the level is above it.
    let most = if filter.access { filter.level.max(Level::INFO) } else { filter.level };
    let lets = filter_fn(move |metadata| filter.lets(metadata));
    lines.with_filter(lets.with_max_level_hint(LevelFilter::from_level(most)))
}

/// The form of `log`, with what the original puts on every line.
fn form_of(log: &Log, instance: &str) -> Form {
    let mut constant = BTreeMap::from([
        ("instance.id", instance),
        ("service", "registry"),
        ("version", env!("CARGO_PKG_VERSION")),
    ]);
    for (name, value) in &log.fields {
        constant.insert(name, value);
    }
    Form::new(log.formatter, log.report_caller, constant)
}

/// A UUID for this run of the process.
fn instance(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
