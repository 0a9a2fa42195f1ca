//! Prometheus metrics: the original's names, and our own under `berth_`.
//! Labels are bounded: handlers, methods and codes, never repositories.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use parking_lot::RwLock;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::ops::{Figure, Figures};

#[derive(Clone, Hash, PartialEq, Eq, EncodeLabelSet, Debug)]
struct Outcome {
    handler: &'static str,
    method: &'static str,
    code: u16,
}

#[derive(Clone, Hash, PartialEq, Eq, EncodeLabelSet, Debug)]
struct Kind {
    handler: &'static str,
    method: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, EncodeLabelSet, Debug)]
struct Handler {
    handler: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, EncodeLabelSet, Debug)]
struct Action {
    driver: &'static str,
    action: &'static str,
}

type Sizes = Family<Kind, Histogram, fn() -> Histogram>;

/// Every metric of the process.
pub struct Metrics {
    registry: RwLock<Registry>,
    requests: Family<Outcome, Counter>,
    durations: Sizes,
    request_sizes: Sizes,
    response_sizes: Sizes,
    in_flight: Family<Handler, Gauge<i64, AtomicI64>>,
    storage_actions: Family<Action, Histogram, fn() -> Histogram>,
}

/// The original's buckets: 5 ms to 60 s.
fn seconds() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

/// The original's buckets: 1 KiB to 2 GiB, doubling.
fn bytes() -> Histogram {
    Histogram::new((0..22).map(|power| 1024.0 * 2.0_f64.powi(power)))
}

/// The original's buckets, 5 ms to 10 s, and two below them: a local disk is quicker.
fn action_seconds() -> Histogram {
    Histogram::new([0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

impl Metrics {
    /// Empty metrics.
    pub fn new() -> Self {
        let metrics = Self {
            registry: RwLock::new(Registry::default()),
            requests: Family::default(),
            durations: Family::new_with_constructor(seconds as fn() -> Histogram),
            request_sizes: Family::new_with_constructor(bytes as fn() -> Histogram),
            response_sizes: Family::new_with_constructor(bytes as fn() -> Histogram),
            in_flight: Family::default(),
            storage_actions: Family::new_with_constructor(action_seconds as fn() -> Histogram),
        };
        let mut registry = Registry::default();
        let http = registry.sub_registry_with_prefix("registry_http");
        http.register("requests", "HTTP requests", metrics.requests.clone());
        http.register(
            "request_duration_seconds",
            "Time of HTTP requests",
            metrics.durations.clone(),
        );
        http.register(
            "request_size_bytes",
            "Size of HTTP request bodies",
            metrics.request_sizes.clone(),
        );
        http.register(
            "response_size_bytes",
            "Size of HTTP response bodies",
            metrics.response_sizes.clone(),
        );
        http.register(
            "in_flight_requests",
            "HTTP requests being answered",
            metrics.in_flight.clone(),
        );
        registry.sub_registry_with_prefix("registry_storage").register(
            "action_seconds",
            "Time of the storage driver's actions",
            metrics.storage_actions.clone(),
        );
        *metrics.registry.write() = registry;
        metrics
    }

    /// A request begins; it is in flight until the returned value is dropped,
    /// also if its client gives up before the answer.
    pub(crate) fn begin(&self, handler: &'static str) -> InFlight {
        let gauge = self.in_flight.get_or_create_owned(&Handler { handler });
        gauge.inc();
        InFlight(gauge)
    }

    /// A request has ended.
    pub(crate) fn end(&self, handler: &'static str, method: &'static str, seen: &Seen) {
        let kind = Kind { handler, method };
        self.requests.get_or_create(&Outcome { handler, method, code: seen.status }).inc();
        self.durations.get_or_create(&kind).observe(seen.took.as_secs_f64());
        self.request_sizes.get_or_create(&kind).observe(seen.received as f64);
        self.response_sizes.get_or_create(&kind).observe(seen.sent as f64);
    }

    /// An action of the blob store took so long. Both names must come from short lists.
    pub fn storage_action(&self, driver: &'static str, action: &'static str, took: Duration) {
        let label = Action { driver, action };
        self.storage_actions.get_or_create(&label).observe(took.as_secs_f64());
    }

    /// Adds figures that another room keeps; `read` is called at every scrape.
    pub fn add_figures(&self, read: impl Fn() -> Vec<Figure> + Send + Sync + 'static) {
        self.registry.write().register_collector(Box::new(Figures(Box::new(read))));
    }

    /// All metrics in the OpenMetrics text format.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut out, &self.registry.read());
        out
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct InFlight(Gauge<i64, AtomicI64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// How a request went.
pub(crate) struct Seen {
    pub status: u16,
    pub took: Duration,
    pub received: u64,
    pub sent: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// A bounded label for a method.
pub(crate) fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "get",
        "HEAD" => "head",
        "PUT" => "put",
        "POST" => "post",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_actions_are_counted_by_driver_and_action() {
        let metrics = Metrics::new();
        metrics.storage_action("filesystem", "Reader", Duration::from_millis(3));
        metrics.storage_action("filesystem", "Reader", Duration::from_secs(60));
        let text = metrics.render();
        let name = "registry_storage_action_seconds";
        let labels = "driver=\"filesystem\",action=\"Reader\"";
        for line in [
            format!("{name}_count{{{labels}}} 2"),
            format!("{name}_sum{{{labels}}} 60.003"),
            format!("{name}_bucket{{le=\"0.001\",{labels}}} 0"),
            format!("{name}_bucket{{le=\"0.005\",{labels}}} 1"),
            format!("{name}_bucket{{le=\"10.0\",{labels}}} 1"),
        ] {
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }
}
