//! Files that work, with a word about something in them, or in an unusual form.

use serde_json::json;

use super::super::{Locations, read};
use super::{SMALLEST, at, error, first_line, load, try_load, warnings};

fn with(rest: &str) -> String {
    format!("{SMALLEST}{rest}\n")
}

#[test]
fn what_has_no_effect_is_said_with_its_place() {
    for (rest, expected) in [
        (
            "log: {hooks: [{type: mail}]}",
            "config.yml:3:14: log.hooks: has no effect: Berth sends no mail about log lines",
        ),
        ("loglevel: debug", "config.yml:3:11: loglevel: is deprecated; write it as log.level"),
        (
            "redis: {addr: 'a:1', pool: {maxidle: 1}}",
            "config.yml:3:1: redis: has no effect: Berth needs no Redis: it has no cache to share",
        ),
        (
            "reporting: {bugsnag: {apikey: k}}",
            "config.yml:3:1: reporting: has no effect: Berth reports to no outside service",
        ),
        (
            "notifications: {endpoints: [{name: n, url: u}]}",
            "config.yml:3:29: notifications.endpoints[0]: NO EVENTS WILL BE SENT to \"n\": not supported in this version",
        ),
        (
            "http: {relativeurls: false}",
            "config.yml:3:22: http.relativeurls: false keeps paths in Location headers, which every client follows; set berth.http.absolute_urls: true for whole addresses",
        ),
        (
            "http: {addr: ':5000'}",
            "config.yml:3:14: http.addr: :5000 is open to other machines and everyone may push and pull; set auth.htpasswd, or close it with http.addr: localhost:5000",
        ),
        (
            "http: {debug: {prometheus: {enabled: true}}}",
            "config.yml:3:38: http.debug.prometheus.enabled: has no effect without http.debug.addr; name the address of the debug listener",
        ),
        (
            "http: {tls: {certificate: c, key: k, ciphersuites: [TLS_AES_128_GCM_SHA256, TLS_RSA_WITH_AES_128_CBC_SHA]}}",
            "config.yml:3:77: http.tls.ciphersuites: TLS_RSA_WITH_AES_128_CBC_SHA is weak and not offered",
        ),
        (
            "http: {relativeurl: true}",
            "config.yml:3:8: http.relativeurl: unknown key, ignored; did you mean \"relativeurls\"?",
        ),
        ("Http: {}", "config.yml:3:1: Http: unknown key, ignored; did you mean \"http\"?"),
        (
            "log: {}\nlog: {level: debug}",
            "config.yml:4:1: log: is written twice, the last one counts; take one of them out",
        ),
        ("---\nother: document", "config.yml:3:1: a second document is ignored; keep one document"),
        (
            "validation: {manifests: {indexes: {platforms: list}}}",
            "config.yml:3:35: validation.manifests.indexes.platformlist: is empty, so no child of an index has to exist; list platforms or write platforms: none",
        ),
    ] {
        assert_eq!(warnings(&with(rest), &[]), [expected], "{rest}");
    }
    let text = "version: 0.1\nstorage: {filesystem: , cache: {blobdescriptor: redis}}\n";
    let expected = "config.yml:2:49: storage.cache.blobdescriptor: has no effect: Berth asks its own database, which needs no cache";
    assert_eq!(warnings(text, &[]), [expected]);
}

#[test]
fn only_events_that_will_not_come_are_loud() {
    let text = with("notifications: {endpoints: [{name: n}]}\nredis: {addr: a}");
    let (_, warnings) = try_load(&text, &[]).unwrap();
    assert_eq!(warnings.iter().map(|warning| warning.loud).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn what_is_switched_off_or_empty_is_worth_no_word() {
    for rest in [
        "log: {hooks: [{disabled: true, type: mail}]}",
        "notifications: {events: {includereferences: true}, endpoints: [{disabled: true}]}",
        "middleware: {storage: [{name: cloudfront, disabled: true}]}",
        "compatibility: {schema1: {enabled: false, signingkeyfile: k}}",
        "proxy: {remoteurl: '', username: '', ttl: 0, exec: {command: ''}, cachewritetimeout: 5m}",
        "redis:",
        "http: {tls: {letsencrypt: {cachefile: '', email: '', hosts: []}}}",
        "x-anything: {a: 1}",
        "auth: none",
        "auth: {none: {}}",
        "auth: None",
        "auth:",
        "http: {addr: 'localhost:5000'}",
        "http: {addr: ':5000'}\nauth: {htpasswd: {path: p}}",
        "validation: {enabled: true, disabled: true}",
    ] {
        assert_eq!(warnings(&with(rest), &[]), Vec::<String>::new(), "{rest}");
    }
    let cached = "version: 0.1\nstorage: {filesystem: , cache: {blobdescriptor: inmemory}}\n";
    assert_eq!(warnings(cached, &[]), Vec::<String>::new());
}

#[test]
fn strict_makes_slips_errors_and_leaves_warnings_alone() {
    let strict = |rest: &str| read("config.yml", &with(rest), &[], true);
    for rest in ["htpp: {}", "log: {}\nlog: {}", "---\na: b"] {
        assert!(strict(rest).is_err(), "{rest}");
    }
    assert_eq!(strict("redis: {addr: a}").unwrap().1.len(), 1);
}

#[test]
fn anchors_merge_keys_and_extensions_work() {
    let text = "version: 0.1
x-common: &check
  interval: 3s
  threshold: 9
storage: {filesystem: {rootdirectory: /r}}
health:
  storagedriver:
    <<: *check
    enabled: yes
    threshold: 2
";
    let expected = json!({"enabled": true, "interval": "3s", "threshold": 2});
    assert_eq!(at(&load(text, &[]), "health.storagedriver"), expected);
    assert_eq!(warnings(text, &[]), Vec::<String>::new());
}

#[test]
fn the_deprecated_level_counts_only_where_the_new_one_is_empty() {
    assert_eq!(at(&load(&with("loglevel: error"), &[]), "log.level"), json!("error"));
    let both = with("loglevel: error\nlog: {level: debug}");
    assert_eq!(at(&load(&both, &[]), "log.level"), json!("debug"));
}

#[test]
fn the_files_of_both_images_work_as_they_are() {
    let second = "version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
";
    let config = load(second, &[]);
    assert_eq!(at(&config, "health.storagedriver.threshold"), json!(3));
    assert_eq!(config, load(super::super::default_yaml(), &[]));
    let third = "version: 0.1
log:
  level: debug
  fields:
    service: registry
    environment: development
storage:
    delete:
      enabled: true
    cache:
        blobdescriptor: inmemory
    filesystem:
        rootdirectory: /var/lib/registry
    tag:
      concurrencylimit: 5
http:
    addr: :5000
    debug:
        addr: :5001
        prometheus:
            enabled: true
            path: /metrics
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
";
    let config = load(third, &[]);
    assert_eq!(at(&config, "http.debug.addr"), json!(":5001"));
    assert!(config.storage.delete.enabled);
    assert_eq!(warnings(third, &[]).len(), 1, "only that it is open");
}

#[test]
fn a_number_no_larger_than_zero_means_the_default_where_the_original_says_so() {
    let config = load(&with("catalog: {maxentries: -5}\ntags: {maxtags: 0}"), &[]);
    assert_eq!(config.catalog.max_entries, 1000);
    assert_eq!(config.tags.max_tags, 1000);
    let text = "version: 0.1\nstorage: {filesystem: {maxthreads: 3}}\n";
    assert_eq!(at(&load(text, &[]), "storage.filesystem.maxthreads"), json!(25));
}

#[test]
fn locations_are_paths_unless_a_host_or_absolute_urls_are_set() {
    let locations = |rest: &str| load(&with(rest), &[]).locations();
    assert_eq!(locations(""), Locations::Path);
    assert_eq!(locations("http: {relativeurls: false}"), Locations::Path);
    assert_eq!(locations("berth: {http: {absolute_urls: true}}"), Locations::AsRequested);
    let below = Locations::Below("https://a.example".to_owned());
    assert_eq!(locations("http: {relativeurls: true, host: 'https://a.example'}"), below);
}

#[test]
fn text_that_is_no_yaml_names_its_line() {
    let line = first_line("version: 0.1\nstorage: [a\n", &[]);
    assert!(line.starts_with("config.yml:") && line.contains("is no YAML"), "{line}");
    let text = error("- a\n- b\n", &[]);
    assert!(text.contains("the configuration: wants a section of keys, not a list"), "{text}");
}

#[test]
fn a_check_prints_its_warnings_and_a_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yml");
    let report = |rest: &str| {
        std::fs::write(&path, with(rest)).unwrap();
        let source = super::super::Source::Argument(path.clone());
        super::super::load(&source, [], true).unwrap().report()
    };
    let name = path.display();
    assert_eq!(report(""), format!("{name}: good, no warnings\n"));
    let expected = format!(
        "warning: {name}:3:1: reporting: has no effect: Berth reports to no outside service\n\
         {name}: good, 1 warning\n"
    );
    assert_eq!(report("reporting: {bugsnag: {apikey: k}}"), expected);
}

#[test]
fn the_strict_switch_of_the_environment_counts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yml");
    std::fs::write(&path, with("htpp: {}")).unwrap();
    let load = |value: &str| {
        let env = [("BERTH_STRICT".to_owned(), value.to_owned())];
        super::super::load(&super::super::Source::Argument(path.clone()), env, false)
    };
    assert!(load("1").is_err());
    assert!(load("0").is_ok());
}
