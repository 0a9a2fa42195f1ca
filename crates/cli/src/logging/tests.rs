//! Whole lines, from the event to the bytes that leave the queues.

use std::io::{self, Write};
use std::sync::mpsc::{Sender, channel};

use store::Timestamp;

use super::*;
use crate::config::log::{AccessLog, Formatter, Level as Least};

const HEAD: &str = r#"time="2026-11-21T10:00:00.042000000Z""#;
const SAME: &str = "instance.id=the-instance";

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_255_200_042)
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

struct Pipe(Sender<Vec<u8>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log(formatter: Formatter) -> Log {
    Log {
        level: Least::Info,
        formatter,
        fields: BTreeMap::new(),
        accesslog: AccessLog { disabled: false },
        report_caller: false,
    }
}

/// What `act` writes to the log and to the access log.
fn written(log: &Log, act: impl FnOnce()) -> (String, String) {
    let pipe = || {
        let (sender, receiver) = channel();
        let notice: Notice = Box::new(|_, _| panic!("nothing is dropped here"));
        (Queue::start("pipe", Pipe(sender), LINGER, notice).unwrap(), receiver)
    };
    let ((app, from_app), (access, from_access)) = (pipe(), pipe());
    let wanted = (!log.accesslog.disabled).then(|| access.clone());
    let lines = Lines {
        form: Arc::new(form_of(log, "the-instance")),
        clock: Arc::new(Stopped),
        out: Out::Queued { app: app.clone(), access: wanted },
    };
    let subscriber = tracing_subscriber::registry().with(filtered(lines, Filter::of(log)));
    tracing::subscriber::with_default(subscriber, act);
    app.stop();
    access.stop();
    let text = |parts: Vec<Vec<u8>>| String::from_utf8(parts.concat()).unwrap();
    // The writers end, and with them their ends of the pipes.
    (text(from_app.iter().collect()), text(from_access.iter().collect()))
}

fn request(status: u16) {
    tracing::event!(target: "access", Level::INFO, {
        http.request.method = "GET",
        http.request.uri = "/v2/a/tags/list?n=1",
        http.request.referer = "",
        http.request.useragent = "docker/20.10 (linux)",
        http.response.status = status,
        http.response.written = 17_u64,
        auth.user.name = "",
    }, "response completed");
}

#[test]
fn a_text_line_is_that_of_logrus() {
    let (app, access) = written(&log(Formatter::Text), || request(200));
    assert_eq!(app, "");
    assert_eq!(
        access,
        format!(
            "{HEAD} level=info msg=\"response completed\" {SAME} service=registry version={} \
             http.request.method=GET http.request.uri=\"/v2/a/tags/list?n=1\" \
             http.request.useragent=\"docker/20.10 (linux)\" http.response.status=200 \
             http.response.written=17\n",
            env!("CARGO_PKG_VERSION")
        )
    );
}

#[test]
fn a_json_line_is_one_object_with_the_same_names() {
    let (_, access) = written(&log(Formatter::Json), || request(200));
    assert_eq!(
        access,
        format!(
            "{{\"time\":\"2026-11-21T10:00:00.042000000Z\",\"level\":\"info\",\
             \"msg\":\"response completed\",\"instance.id\":\"the-instance\",\
             \"service\":\"registry\",\"version\":\"{}\",\"http.request.method\":\"GET\",\
             \"http.request.uri\":\"/v2/a/tags/list?n=1\",\
             \"http.request.useragent\":\"docker/20.10 (linux)\",\"http.response.status\":200,\
             \"http.response.written\":17}}\n",
            env!("CARGO_PKG_VERSION")
        )
    );
}

#[test]
fn a_logstash_line_has_the_names_of_logstash() {
    let act = || tracing::warn!(ratio = 0.5, whole = true, below = -3, odd = f64::NAN, "odd");
    let (app, _) = written(&log(Formatter::Logstash), act);
    assert_eq!(
        app,
        format!(
            "{{\"@timestamp\":\"2026-11-21T10:00:00.042000000Z\",\"@version\":\"1\",\
             \"level\":\"warning\",\"message\":\"odd\",\"type\":\"log\",\
             \"instance.id\":\"the-instance\",\"service\":\"registry\",\"version\":\"{}\",\
             \"ratio\":0.5,\"whole\":true,\"below\":-3,\"odd\":\"NaN\"}}\n",
            env!("CARGO_PKG_VERSION")
        )
    );
}

#[test]
fn fields_of_the_configuration_stand_on_every_line() {
    let mut log = log(Formatter::Text);
    for (name, value) in [("service", "mirror"), ("environment", "two words"), ("level", "x")] {
        log.fields.insert(name.to_owned(), value.to_owned());
    }
    let (app, access) = written(&log, || {
        tracing::info!(environment = "mine", "hello");
        request(200);
    });
    let same = format!(
        "environment=\"two words\" {SAME} fields.level=x service=mirror version={}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(app, format!("{HEAD} level=info msg=hello {same} fields.environment=mine\n"));
    assert!(access.contains(&same));
}

#[test]
fn what_a_client_sends_cannot_make_a_line_of_its_own() {
    let evil = "x\nlevel=error msg=\"no\"\r\u{1b}[31m";
    for formatter in [Formatter::Text, Formatter::Json, Formatter::Logstash] {
        let act = || tracing::info!(evil, shown = %evil, debugged = ?evil, "{evil}");
        let (app, _) = written(&log(formatter), act);
        assert_eq!(app.matches('\n').count(), 1, "{app}");
        assert!(app.trim_end_matches('\n').chars().all(|c| !c.is_control()), "{app}");
        if formatter != Formatter::Text {
            let line: serde_json::Value = serde_json::from_str(&app).unwrap();
            assert_eq!((&line["evil"], &line["shown"]), (&evil.into(), &evil.into()));
        }
    }
}

#[test]
fn the_level_bounds_our_own_events_and_others_are_heard_from_warnings_on() {
    let act = || {
        tracing::error!("own error");
        tracing::warn!(target: "metastore::sqlite", "own warning");
        tracing::info!(target: "workers", "own info");
        tracing::debug!("own debug");
        tracing::error!(target: "hyper::proto", "their error");
        tracing::warn!(target: "rustls", "their warning");
        tracing::info!(target: "h2", "their info");
        tracing::debug!(target: "storefront", "their debug");
        drop(tracing::info_span!("spans are no lines"));
    };
    let told = |level| {
        let (app, _) = written(&Log { level, ..log(Formatter::Json) }, act);
        let message = |line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["msg"].as_str().unwrap().to_owned()
        };
        app.lines().map(message).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told(Least::Error), "own error, their error");
    assert_eq!(told(Least::Warn), "own error, own warning, their error, their warning");
    assert_eq!(told(Least::Info), "own error, own warning, own info, their error, their warning");
    assert_eq!(
        told(Least::Debug),
        "own error, own warning, own info, own debug, their error, their warning"
    );
}

#[test]
fn requests_are_told_at_every_level_unless_the_access_log_is_disabled() {
    let mut log = Log { level: Least::Error, ..log(Formatter::Text) };
    let act = || {
        request(200);
        tracing::error!(target: "access", "response completed with error");
    };
    let (app, access) = written(&log, act);
    assert_eq!((app.lines().count(), access.lines().count()), (0, 2));
    log.accesslog.disabled = true;
    let (app, access) = written(&log, act);
    assert_eq!((app.lines().count(), access.lines().count()), (1, 0));
    assert!(app.contains("response completed with error"));
}

#[test]
fn a_line_names_its_place_in_the_source_when_wanted() {
    let log = Log { report_caller: true, ..log(Formatter::Text) };
    let mut line = 0;
    let (app, _) = written(&log, || {
        line = line!() + 1;
        tracing::info!("here");
    });
    assert!(app.contains(&format!(" file=\"{}:{line}\" ", file!())), "{app}");
}

#[test]
fn a_field_that_logs_while_it_is_shown_harms_nothing() {
    struct Talker;
    impl fmt::Display for Talker {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::info!("inner");
            f.write_str("outer")
        }
    }
    let (app, _) = written(&log(Formatter::Text), || tracing::info!(talker = %Talker, "done"));
    assert!(app.ends_with(" talker=outer\n"), "{app}");
}

#[test]
fn plain_lines_are_words_for_a_person() {
    let (sender, receiver) = channel();
    let notice: Notice = Box::new(|_, _| panic!("nothing is dropped here"));
    let app = Queue::start("pipe", Pipe(sender), LINGER, notice).unwrap();
    let out = Out::Queued { app: app.clone(), access: None };
    let lines = Lines { form: Arc::new(Form::plain()), clock: Arc::new(Stopped), out };
    let subscriber = tracing_subscriber::registry().with(filtered(lines, PLAIN));
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(path = "/a b", cause = "", "say \"hi\"\u{1b}");
        tracing::info!("not of interest");
    });
    app.stop();
    let text = String::from_utf8(receiver.iter().collect::<Vec<_>>().concat()).unwrap();
    assert_eq!(text, "warning: say \"hi\"\\x1b path=\"/a b\"\n");
}
