//! From an event to its line, in buffers that each thread uses again.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::io::Write;
use std::sync::Arc;

use store::Clock;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::escape;
use super::form::{Form, Scalar};
use super::queue::Queue;

/// Room that a thread keeps between two lines, in bytes.
const KEPT: usize = 16 << 10;

/// Writes the events that it is given as lines.
pub(super) struct Lines {
    pub(super) form: Arc<Form>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) out: Out,
}

/// Where lines go.
pub(super) enum Out {
    /// Through a queue; the access log has one of its own if it is wanted.
    Queued { app: Arc<Queue>, access: Option<Arc<Queue>> },
    /// Straight to standard error, for commands that end soon.
    Stderr,
}

#[derive(Default)]
struct Scratch {
    message: String,
    fields: String,
    value: String,
    line: String,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => self.write(event, &mut scratch),
            // The value of a field logs something itself.
            Err(_) => self.write(event, &mut Scratch::default()),
        });
    }
}

impl Lines {
    fn write(&self, event: &Event<'_>, scratch: &mut Scratch) {
        scratch.clear();
        event.record(&mut Record { form: &self.form, scratch });
        let Scratch { message, fields, line, .. } = scratch;
        self.form.line(line, self.clock.now(), event.metadata(), message, fields);
        match &self.out {
            Out::Queued { access: Some(access), .. }
                if event.metadata().target() == super::filter::ACCESS =>
            {
                access.push(line);
            }
            Out::Queued { app, .. } => app.push(line),
            // Nobody is left to hear that standard error is broken.
            Out::Stderr => _ = std::io::stderr().lock().write_all(line.as_bytes()),
        }
    }
}

impl Scratch {
    fn clear(&mut self) {
        for text in [&mut self.message, &mut self.fields, &mut self.value, &mut self.line] {
            text.clear();
            text.shrink_to(KEPT);
        }
    }
}

struct Record<'a> {
    form: &'a Form,
    scratch: &'a mut Scratch,
}

impl Record<'_> {
    fn scalar(&mut self, field: &Field, value: Scalar) {
        self.form.scalar(&mut self.scratch.fields, field.name(), value);
    }
}

impl Visit for Record<'_> {
    fn record_str(&mut self, field: &Field, text: &str) {
        let Scratch { message, fields, value, .. } = &mut *self.scratch;
        if field.name() == "message" {
            escape::copy(message, text);
        } else if text.len() <= escape::MAX_VALUE {
            self.form.string(fields, field.name(), text);
        } else {
            value.clear();
            escape::copy(value, text);
            self.form.string(fields, field.name(), value);
        }
    }

    fn record_debug(&mut self, field: &Field, debug: &dyn fmt::Debug) {
        let Scratch { message, fields, value, .. } = &mut *self.scratch;
        if field.name() == "message" {
            escape::format(message, debug);
        } else {
            value.clear();
            escape::format(value, debug);
            self.form.string(fields, field.name(), value);
        }
    }

    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        self.record_debug(field, &tracing::field::display(error));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.scalar(field, Scalar::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.scalar(field, Scalar::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.scalar(field, Scalar::Float(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.scalar(field, Scalar::Flag(value));
    }
}
