//! One line per request, under the original's field names.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, OnceLock};

use testkit::{Client, Request, TestRegistry, fixture};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

pub(crate) type Line = BTreeMap<String, String>;

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

/// Whatever our own rooms wrote, at every level.
static EVERYTHING: Mutex<Vec<Line>> = Mutex::new(Vec::new());
const ROOMS: [&str; 7] =
    ["access", "server", "registry", "identity", "metastore", "blobstore", "trace"];

struct Capture;

struct Fields(Line);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        if !ROOMS.iter().any(|room| target.starts_with(room)) {
            return;
        }
        let mut fields = Fields(Line::new());
        fields.0.insert("level".into(), event.metadata().level().to_string());
        event.record(&mut fields);
        EVERYTHING.lock().unwrap().push(fields.0.clone());
        if target == "access" {
            LINES.lock().unwrap().push(fields.0);
        }
    }
}

/// Listens to the log of the whole process; lines are found by their URI.
pub(crate) fn listen() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Capture))
            .unwrap();
    });
}

/// The line of a request to `uri`; it is written when the body is gone, which
/// may be after the client has read it.
pub(crate) async fn line(uri: &str) -> Line {
    for _ in 0..500 {
        if let Some(line) = find(uri) {
            return line;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{uri} is not in the log");
}

/// Whether `text` stands anywhere in what was written.
pub(crate) fn was_written(text: &str) -> bool {
    let lines = EVERYTHING.lock().unwrap();
    lines.iter().any(|line| line.values().any(|value| value.contains(text)))
}

fn find(uri: &str) -> Option<Line> {
    let lines = LINES.lock().unwrap();
    lines.iter().find(|line| line.get("http.request.uri").is_some_and(|own| own == uri)).cloned()
}

async fn ask(client: &Client, uri: &str) -> u16 {
    let get = Request::new("GET", uri)
        .with("User-Agent", "docker/28 \"x\"")
        .with("Referer", "http://from.example/")
        .with("X-Forwarded-For", "203.0.113.9");
    client.send(get).await.status
}

#[tokio::test]
async fn a_request_leaves_one_line_with_the_names_of_the_original() {
    listen();
    let registry = TestRegistry::start().await;
    let index = fixture::index(&[]);
    index.push(&registry.client(), "logged/one", "v1").await.expect(201);
    let uri = "/v2/logged/one/manifests/v1?x=1";
    assert_eq!(ask(&registry.client(), uri).await, 200);
    let line = line(uri).await;
    let expected = [
        ("http.request.method", "GET"),
        ("http.request.host", "registry.test"),
        ("http.request.useragent", "docker/28 \"x\""),
        ("http.request.referer", "http://from.example/"),
        ("http.response.status", "200"),
        ("http.response.contenttype", index.media_type),
        ("vars.name", "logged/one"),
        ("auth.user.name", ""),
        ("message", "response completed"),
        ("level", "INFO"),
    ];
    for (name, value) in expected {
        assert_eq!(line.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(line["http.response.written"], index.bytes.len().to_string());
    assert_eq!(line["http.request.id"].len(), 16);
    let (ip, port) = line["http.request.remoteaddr"].rsplit_once(':').unwrap();
    assert_eq!(ip, "127.0.0.1");
    assert!(port.parse::<u16>().is_ok_and(|port| port != registry.address().port()), "{port}");
    assert!(line.contains_key("http.response.duration"));
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_log_names_the_client_without_a_port() {
    listen();
    let trusting = |options: &mut testkit::Options| {
        options.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    };
    let registry = TestRegistry::builder().set(trusting).start().await;
    let uri = "/v2/logged/proxied/tags/list";
    assert_eq!(ask(&registry.client(), uri).await, 404);
    assert_eq!(line(uri).await["http.request.remoteaddr"], "203.0.113.9");
}

#[tokio::test]
async fn a_failure_names_its_cause_in_the_log_and_only_there() {
    listen();
    let registry = TestRegistry::start().await;
    registry.faults.fail_named(&["manifest"], testkit::Fault::Failed);
    let uri = "/v2/logged/two/manifests/v1";
    let answer = registry.client().get(uri).await.expect(503);
    assert!(!String::from_utf8_lossy(&answer.body).contains("a test made"));
    let line = line(uri).await;
    assert_eq!(line["level"], "ERROR");
    assert!(line["err.detail"].contains("a test made manifest fail"), "{line:?}");
    assert_eq!(line["err.code"], "UNAVAILABLE");
}

#[tokio::test]
async fn probes_and_switched_off_logs_leave_no_line_but_failures_do() {
    listen();
    let registry =
        TestRegistry::builder().set(|options| options.server.access_log = false).start().await;
    let client = registry.client();
    client.get("/livez?probe").await.expect(200);
    client.get("/v2/logged/three/tags/list").await.expect(404);
    registry.faults.fail_named(&["tags"], testkit::Fault::Failed);
    client.get("/v2/logged/four/tags/list").await.expect(503);
    line("/v2/logged/four/tags/list").await;
    assert_eq!(find("/livez?probe"), None);
    assert_eq!(find("/v2/logged/three/tags/list"), None);
}
