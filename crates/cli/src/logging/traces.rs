//! Whether and where spans are sent, after the environment variables of OpenTelemetry.

use std::time::Duration;

/// Where a collector listens by default.
const ENDPOINT: &str = "http://localhost:4318";
/// What one export may take by default.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where spans go. Off unless the environment asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "otel"), allow(dead_code, reason = "there is nothing that sends"))]
pub(crate) struct Traces {
    /// The URL that takes spans over OTLP as protobuf.
    pub(super) endpoint: String,
    /// The name of this service in the collector.
    pub(super) service: String,
    /// What one export may take.
    pub(super) timeout: Duration,
}

impl Traces {
    /// What the environment asks for: spans are sent where
    /// `OTEL_TRACES_EXPORTER` is `otlp`, or is not set and an
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) is.
    pub(crate) fn wanted(environment: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let read = |name: &str| {
            let text = environment(name)?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        if read("OTEL_SDK_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true")) {
            return None;
        }
        let base = read("OTEL_EXPORTER_OTLP_ENDPOINT");
        let whole = read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        match read("OTEL_TRACES_EXPORTER") {
            Some(exporters) if !exporters.split(',').any(|word| word.trim() == "otlp") => {
                return None;
            }
            None if base.is_none() && whole.is_none() => return None,
            _ => {}
        }
        let base = base.unwrap_or_else(|| ENDPOINT.to_owned());
        let millis = read("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
            .or_else(|| read("OTEL_EXPORTER_OTLP_TIMEOUT"))
            .and_then(|text| text.parse().ok());
        Some(Self {
            endpoint: whole.unwrap_or_else(|| format!("{}/v1/traces", base.trim_end_matches('/'))),
            service: read("OTEL_SERVICE_NAME").unwrap_or_else(|| "registry".to_owned()),
            timeout: millis.map_or(TIMEOUT, Duration::from_millis),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(environment: &[(&str, &str)]) -> Option<Traces> {
        Traces::wanted(|name| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn spans_are_sent_only_where_the_environment_asks_for_it() {
        const AT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
        assert_eq!(wanted(&[]), None);
        assert_eq!(wanted(&[("OTEL_SERVICE_NAME", "x")]), None);
        assert_eq!(wanted(&[(AT, "")]), None);
        assert_eq!(wanted(&[(EXPORTER, "none"), (AT, "http://c:4318")]), None);
        assert_eq!(wanted(&[(EXPORTER, "console"), (AT, "http://c:4318")]), None);
        assert_eq!(wanted(&[(EXPORTER, "otlp"), ("OTEL_SDK_DISABLED", "true")]), None);
        assert!(wanted(&[(EXPORTER, "otlp")]).is_some());
        assert!(wanted(&[(AT, "http://c:4318")]).is_some());
        assert!(wanted(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/x")]).is_some());
    }

    #[test]
    fn the_place_of_the_collector_follows_the_specification() {
        fn endpoint(environment: &[(&str, &str)]) -> String {
            wanted(environment).unwrap().endpoint
        }
        let otlp = ("OTEL_TRACES_EXPORTER", "otlp");
        assert_eq!(endpoint(&[otlp]), "http://localhost:4318/v1/traces");
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/");
        assert_eq!(endpoint(&[base]), "http://c:4318/v1/traces");
        let whole = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://d/in");
        assert_eq!(endpoint(&[base, whole]), "http://d/in");
    }

    #[test]
    fn the_service_and_the_timeout_have_defaults() {
        let otlp = ("OTEL_TRACES_EXPORTER", "otlp");
        let plain = wanted(&[otlp]).unwrap();
        assert_eq!((plain.service.as_str(), plain.timeout), ("registry", TIMEOUT));
        let name = ("OTEL_SERVICE_NAME", "cache");
        let own = wanted(&[otlp, name, ("OTEL_EXPORTER_OTLP_TIMEOUT", "250")]).unwrap();
        assert_eq!((own.service.as_str(), own.timeout), ("cache", Duration::from_millis(250)));
    }
}
