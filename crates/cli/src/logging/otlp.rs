//! Sends finished spans to a collector: OTLP, protobuf over plain HTTP.
//!
//! The one place that names OpenTelemetry, whose interfaces change often.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::traces::Traces;

/// The target of spans that are sent.
const TARGET: &str = "trace";
/// What of an answer of the collector is read, in bytes.
const MAX_ANSWER: u64 = 64 << 10;

/// Spans on their way to the collector; a thread of its own sends them in batches.
#[derive(Debug)]
pub(super) struct Sender {
    provider: SdkTracerProvider,
}

impl Sender {
    /// Begins to collect spans.
    ///
    /// # Errors
    /// When the collector cannot be spoken to as the environment says.
    pub(super) fn start(traces: &Traces, instance: &str) -> Result<Self, String> {
        if !traces.endpoint.starts_with("http://") {
            return Err(format!(
                "the OTLP endpoint {:?} is not an http:// URL; send to a collector nearby, which \
                 can encrypt",
                traces.endpoint
            ));
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new(traces.timeout))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&traces.endpoint)
            .with_timeout(traces.timeout)
            .build()
            .map_err(|error| error.to_string())?;
        let resource = Resource::builder()
            .with_service_name(traces.service.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build();
        Ok(Self { provider })
    }

    /// What turns our spans into OpenTelemetry's.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let ours = filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("berth"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(ours.with_max_level_hint(LevelFilter::INFO))
    }

    /// Sends what is left, for `patience` at most.
    pub(super) fn stop(&self, patience: Duration) {
        // The exporter has told its own errors as events.
        let _ = self.provider.shutdown_with_timeout(patience);
    }
}

/// Waits for its answers, which is right on the exporter's own thread.
#[derive(Debug)]
struct Client {
    agent: ureq::Agent,
}

impl Client {
    fn new(timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")));
        Self { agent: config.build().new_agent() }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = self.agent.run(request.map(|body| body.to_vec()))?.into_parts();
        let mut body = body;
        let bytes = body.with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok(Response::from_parts(parts, bytes.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn traces(endpoint: String) -> Traces {
        let timeout = Duration::from_secs(30);
        Traces { endpoint, service: "registry-of-tests".to_owned(), timeout }
    }

    /// Takes one request and gives its head and its body.
    fn take_one(listener: &TcpListener) -> (String, Vec<u8>) {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).unwrap();
        }
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map(|(_, value)| value.trim().parse().unwrap());
        let mut body = vec![0; length.unwrap()];
        reader.read_exact(&mut body).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        reader.into_inner().write_all(answer).unwrap();
        (head, body)
    }

    #[test]
    fn a_request_span_arrives_at_the_collector() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let collector = thread::spawn(move || take_one(&listener));
        let sender = Sender::start(&traces(endpoint), "the-instance").unwrap();
        let subscriber = tracing_subscriber::registry().with(sender.layer());
        tracing::subscriber::with_default(subscriber, || {
            let handler = "manifest";
            let span = tracing::info_span!(
                target: "trace", "http.request",
                otel.name = handler, otel.kind = "server", http.request.method = %"GET",
                url.path = "/v2/", http.response.status_code = tracing::field::Empty,
            );
            span.in_scope(|| tracing::info!("events are no spans"));
            span.record("http.response.status_code", 200_u16);
            drop(tracing::info_span!("a span of somebody else"));
        });
        sender.stop(Duration::from_secs(30));
        let (head, body) = collector.join().unwrap();
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        assert!(head.to_lowercase().contains("content-type: application/x-protobuf"), "{head}");
        let holds = |text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
        for text in ["manifest", "registry-of-tests", "the-instance", "http.response.status_code"] {
            assert!(holds(text), "{text}");
        }
        assert!(!holds("somebody else") && !holds("events are no spans"));
    }

    #[test]
    fn an_endpoint_that_cannot_be_used_is_named() {
        let error = Sender::start(&traces("https://c/v1/traces".to_owned()), "x").unwrap_err();
        assert!(error.contains("https://c/v1/traces") && error.contains("http://"), "{error}");
    }
}
