//! One row per key that works: set in the file and in the environment, both give the same setting.

mod access;
mod buckets;

use serde_json::{Value, json};

use super::super::schema::{Key, Kind, ROOT, Standing};
use super::super::yaml::emit;
use super::{at, load};

/// A key, its value as written, and the setting that comes of it (where the dotted path of the
/// settings is the key's).
fn rows() -> Vec<(&'static str, &'static str, Value)> {
    let mut rows = general();
    rows.extend(access::providers());
    rows.extend(access::berth());
    rows.extend(access::sources());
    rows.extend(http());
    rows.extend(buckets::buckets());
    rows.extend(buckets::middleware());
    rows.extend(lists());
    rows.extend(berth());
    rows
}

fn general() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("log.level", "DEBUG", json!("debug")),
        ("log.formatter", "logstash", json!("logstash")),
        ("log.fields.service", "0123", json!("0123")),
        ("log.accesslog.disabled", "yes", json!(true)),
        ("log.reportcaller", "on", json!(true)),
        ("storage.filesystem.rootdirectory", "/data", json!("/data")),
        ("storage.filesystem.maxthreads", "50", json!(50)),
        ("storage.maintenance.uploadpurging.enabled", "false", json!(false)),
        ("storage.maintenance.uploadpurging.age", "1h30m", json!("1h30m")),
        ("storage.maintenance.uploadpurging.interval", "5000000000", json!("5s")),
        ("storage.maintenance.uploadpurging.dryrun", "true", json!(true)),
        ("storage.maintenance.readonly.enabled", "true", json!(true)),
        ("storage.delete.enabled", "true", json!(true)),
        ("storage.redirect.disable", "y", json!(true)),
        ("storage.tag.concurrencylimit", "5", json!(5)),
        ("health.storagedriver.enabled", "true", json!(true)),
        ("health.storagedriver.interval", "3s", json!("3s")),
        ("health.storagedriver.threshold", "4", json!(4)),
        ("catalog.maxentries", "7", json!(7)),
        ("tags.maxtags", "8", json!(8)),
        ("validation.disabled", "true", json!(true)),
        ("validation.manifests.urls.allow", "['^https?://a/']", json!(["^https?://a/"])),
        ("validation.manifests.urls.deny", "[b, c]", json!(["b", "c"])),
        ("validation.manifests.indexes.platforms", "none", json!("none")),
        ("policy.repository.classes", "[image, plugin]", json!(["image", "plugin"])),
    ]
}

fn http() -> Vec<(&'static str, &'static str, Value)> {
    let suite = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    vec![
        ("http.addr", ":6000", json!(":6000")),
        ("http.net", "unix", json!("unix")),
        ("http.host", "https://registry.example.org/", json!("https://registry.example.org")),
        ("http.prefix", "/a/b", json!("/a/b/")),
        ("http.secret", "s3cret", json!("***")),
        ("http.draintimeout", "1m", json!("1m")),
        ("http.tls.certificate", "/c.pem", json!("/c.pem")),
        ("http.tls.key", "/k.pem", json!("/k.pem")),
        ("http.tls.clientcas", "[/a.pem, /b.pem]", json!(["/a.pem", "/b.pem"])),
        ("http.tls.clientauth", "request-client-cert", json!("request-client-cert")),
        ("http.tls.minimumtls", "tls1.3", json!("tls1.3")),
        ("http.tls.ciphersuites", "[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]", json!([suite])),
        ("http.headers.x-foo", "[a, 1]", json!(["a", "1"])),
        ("http.debug.addr", "localhost:5001", json!("localhost:5001")),
        ("http.debug.prometheus.enabled", "true", json!(true)),
        ("http.debug.prometheus.path", "/m", json!("/m")),
        ("http.http2.disabled", "true", json!(true)),
        ("http.h2c.enabled", "true", json!(true)),
    ]
}

fn lists() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("health.file.0.file", "/down", json!("/down")),
        ("health.file.0.interval", "7s", json!("7s")),
        ("health.http.0.uri", "http://a/", json!("http://a/")),
        ("health.http.0.headers.x-a", "[b]", json!(["b"])),
        ("health.http.0.statuscode", "204", json!(204)),
        ("health.http.0.timeout", "2s", json!("2s")),
        ("health.http.0.interval", "7s", json!("7s")),
        ("health.http.0.threshold", "3", json!(3)),
        ("health.tcp.0.addr", "b:2", json!("b:2")),
        ("health.tcp.0.timeout", "2s", json!("2s")),
        ("health.tcp.0.interval", "7s", json!("7s")),
        ("health.tcp.0.threshold", "3", json!(3)),
        ("validation.manifests.indexes.platformlist.0.architecture", "arm64", json!("arm64")),
        ("validation.manifests.indexes.platformlist.0.os", "plan9", json!("plan9")),
        ("berth.repositories.0.match", "team/**", json!("team/**")),
        ("berth.repositories.0.sparse", "true", json!(true)),
    ]
}

fn berth() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("berth.manifest_max_bytes", "8MiB", json!(8 << 20)),
        ("berth.http.trusted_proxies", "[10.0.0.0/8, '::1']", json!(["10.0.0.0/8", "::1/128"])),
        ("berth.http.absolute_urls", "true", json!(true)),
        ("berth.http.max_connections", "10", json!(10)),
        ("berth.limits.head_timeout", "11s", json!("11s")),
        ("berth.limits.keepalive_timeout", "12s", json!("12s")),
        ("berth.limits.upload_stall", "13s", json!("13s")),
        ("berth.limits.download_stall", "14s", json!("14s")),
        ("berth.upload.checkpoint_bytes", "1MiB", json!(1 << 20)),
        ("berth.upload.memory", "1GiB", json!(1 << 30)),
        ("berth.role", "http", json!("http")),
        ("berth.metadata.url", "postgres://u:p@h/d", json!("postgres://u:***@h/d")),
        ("berth.metadata.password", "p", json!("***")),
        ("berth.metadata.password_file", "/run/p", json!("/run/p")),
        ("berth.metadata.max_connections", "40", json!(40)),
        ("berth.metadata.prepared_statements", "false", json!(false)),
        ("berth.metadata.stale_reads", "2m", json!("2m")),
        ("berth.redirect.enabled", "never", json!("never")),
        ("berth.redirect.expires", "2m", json!("2m")),
        ("berth.redirect.networks", "[10.0.0.0/8]", json!(["10.0.0.0/8"])),
        ("berth.storage.cache.directory", "/cache", json!("/cache")),
        ("berth.storage.cache.size", "1GiB", json!(1 << 30)),
        ("berth.storage.cache.smallest_blob", "64KiB", json!(64 << 10)),
        ("berth.storage.cache.largest_blob", "1GiB", json!(1 << 30)),
        ("berth.import.auto", "false", json!(false)),
        ("berth.import.verify_rate", "0", json!(0)),
        ("berth.run_as.uid", "1000", json!(1000)),
        ("berth.run_as.gid", "1001", json!(1001)),
        ("berth.run_as.adopt", "true", json!(true)),
    ]
}

/// What must be there beside the key so that the file is whole.
fn base(key: &str) -> Value {
    let mut base = json!({"version": "0.1", "storage": {"filesystem": {"rootdirectory": "/r"}}});
    let rest = match key {
        _ if key.starts_with("http.tls") => {
            json!({"http": {"tls": {"certificate": "/x", "key": "/x", "clientcas": ["/x"]}}})
        }
        "http.net" => json!({"http": {"addr": "/run/registry.sock"}}),
        _ if key.starts_with("auth.") => access::base(key),
        _ if key.starts_with("health.file") => json!({"health": {"file": [{"file": "/x"}]}}),
        _ if key.starts_with("health.http") => json!({"health": {"http": [{"uri": "http://x"}]}}),
        _ if key.starts_with("health.tcp") => json!({"health": {"tcp": [{"addr": "x:1"}]}}),
        _ if key.contains("platformlist") => {
            let list = json!([{"architecture": "x", "os": "x"}]);
            json!({"validation": {"manifests": {"indexes": {"platformlist": list}}}})
        }
        _ if key.starts_with("berth.repositories") => {
            json!({"berth": {"repositories": [{"match": "x"}]}})
        }
        _ if ["storage.s3", "storage.gcs", "storage.azure"]
            .iter()
            .any(|name| key.starts_with(name)) =>
        {
            let metadata = json!({"metadata": {"url": "sqlite:/m"}});
            json!({"storage": buckets::bucket(key), "berth": metadata})
        }
        _ if key.starts_with("middleware") => {
            json!({
                "storage": buckets::bucket("storage.s3"),
                "middleware": {"storage": [buckets::item(key)]},
                "berth": {"metadata": {"url": "sqlite:/m"}},
            })
        }
        _ if key.starts_with("berth.storage") => json!({
            "storage": buckets::bucket("storage.s3"),
            "berth": {"metadata": {"url": "sqlite:/m"}, "storage": {"cache": {"directory": "/x"}}},
        }),
        "berth.role" | "berth.metadata.password" | "berth.metadata.password_file" => {
            json!({"berth": {"metadata": {"url": "postgres://x@x/x"}}})
        }
        _ if key.starts_with("berth.run_as") => json!({"berth": {"run_as": {"uid": 7}}}),
        _ => json!({}),
    };
    let (Value::Object(base_map), Value::Object(rest)) = (&mut base, rest) else { panic!() };
    base_map.extend(rest);
    base
}

/// The base with `value` written at `key`, as text.
fn file_with(key: &str, value: &str) -> String {
    let mut tree = base(key);
    let mut node = &mut tree;
    for part in key.split('.') {
        node = match part.parse::<usize>() {
            Ok(index) => &mut node[index],
            Err(_) => &mut node[part],
        };
    }
    *node = json!("@@");
    emit(&tree).replace("\"@@\"", value)
}

#[test]
fn every_key_works_in_the_file() {
    for (key, value, expected) in rows() {
        let text = file_with(key, value);
        assert_eq!(at(&load(&text, &[]), key), expected, "{text}");
    }
}

#[test]
fn every_key_works_in_the_environment() {
    for (key, value, expected) in rows() {
        let name = match key.strip_prefix("berth.") {
            Some(rest) => format!("BERTH_{}", rest.replace('.', "_").to_uppercase()),
            None => format!("REGISTRY_{}", key.replace(['.', '-'], "_").to_uppercase()),
        };
        // A base that fails alone (`http.net` needs an address) has nothing to compare with.
        let text = emit(&base(key));
        let alone = [
            "http.net",
            "storage.s3.accesskey",
            "storage.s3.secretkey",
            "storage.azure.credentials.secret",
        ];
        if !alone.contains(&key) && !access::ALONE.contains(&key) {
            assert_ne!(
                at(&load(&text, &[]), key),
                expected,
                "{key} is no proof: it is the default"
            );
        }
        assert_eq!(at(&load(&text, &[(&name, value)]), key), expected, "{name}={value}");
    }
}

#[test]
fn every_key_of_the_schema_has_a_row() {
    let rows = rows();
    let known = |path: &str| rows.iter().any(|(key, ..)| key.replace(".0", "") == path);
    let mut missing = Vec::new();
    leaves(ROOT.keys(), "", &mut |path| {
        if !known(path) {
            missing.push(path.to_owned());
        }
    });
    // These work by what they refuse or warn about, which `refused` and `odd_files` show.
    let elsewhere = [
        "version",
        "loglevel",
        "log.hooks.disabled",
        "log.hooks.type",
        "log.hooks.levels",
        "log.hooks.options.smtp.addr",
        "log.hooks.options.smtp.username",
        "log.hooks.options.smtp.password",
        "log.hooks.options.smtp.insecure",
        "log.hooks.options.from",
        "log.hooks.options.to",
        "storage.cache.blobdescriptor",
        "storage.cache.layerinfo",
        "storage.cache.blobdescriptorsize",
        "storage.s3.secure",
        "storage.s3.v4auth",
        "storage.s3.objectacl",
        "storage.s3.loglevel",
        "storage.azure.realm",
        "storage.azure.connectionstring",
        "auth.none",
        "auth.berth.sources.type",
        "http.relativeurls",
        "health.file.threshold",
        "validation.enabled",
        "compatibility.schema1.enabled",
        "compatibility.schema1.signingkeyfile",
        "proxy.username",
        "proxy.password",
        "proxy.exec.command",
        "proxy.exec.lifetime",
        "proxy.ttl",
        "proxy.cachewritetimeout",
    ];
    let sections = ["middleware.", "notifications."];
    missing.retain(|path| {
        !elsewhere.contains(&path.as_str())
            && !sections.iter().any(|section| path.starts_with(section))
    });
    assert_eq!(missing, Vec::<String>::new());
}

/// Calls `visit` with every key that is neither refused, ignored nor a section.
fn leaves(keys: &[Key], path: &str, visit: &mut impl FnMut(&str)) {
    for key in keys {
        let path = super::super::check::join(path, key.name);
        if !matches!(key.standing, Standing::Honoured) {
            continue;
        }
        match &key.kind {
            Kind::Fields(inner) | Kind::Drivers(inner) => leaves(inner, &path, visit),
            Kind::List(Kind::Fields(inner)) => leaves(inner, &path, visit),
            Kind::Table(_) => {}
            _ => visit(&path),
        }
    }
}
