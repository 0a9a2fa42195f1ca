//! Settings that stop the start, each with its exact text.

use super::{error, first_line};

fn with(rest: &str) -> String {
    format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: /r}}}}\n{rest}\n")
}

#[test]
fn what_does_not_work_is_refused_with_its_name_and_the_way_out() {
    let gone = "the original has dropped it; copy the objects to S3, gcs, azure or a filesystem";
    let storage = |driver: &str| format!("version: 0.1\nstorage:\n  {driver}:\n    bucket: b\n");
    let mut rows = vec![
        (with("auth: {ldap: {}}"), "config.yml:3:8: auth.ldap: unknown key; known are none, silly, htpasswd, token, berth".to_owned()),
        (with("auth: {htpaswd: {}}"), "config.yml:3:8: auth.htpaswd: unknown key; did you mean \"htpasswd\"?".to_owned()),
        (with("auth: {htpasswd: {realm: r}}"), "config.yml:3:18: auth.htpasswd.path: is missing; name the password file".to_owned()),
        (with("auth:\n  htpasswd:"), "config.yml:4:3: auth.htpasswd.path: is missing; name the password file".to_owned()),
        (with("auth: {htpasswd: {path: p, realm: 'a\"b'}}"), "config.yml:3:35: auth.htpasswd.realm: \"a\\\"b\" cannot stand in a challenge header; leave out quotes, backslashes and line breaks".to_owned()),
        (with("auth: {none: {}, htpasswd: {path: p}}"), "config.yml:3:28: auth.htpasswd: is a second way in beside auth.none; keep one; REGISTRY_AUTH=htpasswd replaces the file's".to_owned()),
        (with("proxy: {remoteurl: 'https://a'}"), "config.yml:3:9: proxy.remoteurl: is not supported; a pull-through mirror does not exist yet; take the proxy section out".to_owned()),
        (with("middleware: {storage: [{name: cloudfront}]}"), "config.yml:3:24: middleware.storage[0]: \"cloudfront\" has no address to change: clients get files of storage.filesystem from Berth alone; take it out".to_owned()),
        (with("compatibility: {schema1: {enabled: true}}"), "config.yml:3:36: compatibility.schema1.enabled: is not supported; set it to false; existing schema 1 manifests are served as they are".to_owned()),
        (with("http: {tls: {letsencrypt: {email: a@b}}}"), "config.yml:3:14: http.tls.letsencrypt: is not supported; fetch certificates with another program and name them in http.tls.certificate and http.tls.key; they are read again when they change".to_owned()),
        ("version: 0.1\nstorage: {filesystem: {}, inmemory: {}}\n".to_owned(), "config.yml:2:27: storage.inmemory: is a second driver beside storage.filesystem; keep one; REGISTRY_STORAGE=inmemory replaces the file's".to_owned()),
        ("version: 0.1\nstorage: inmemory\n".to_owned(), "config.yml:2:10: storage.inmemory: is not supported; use storage.filesystem with a rootdirectory on a tmpfs".to_owned()),
        ("version: 0.1\nstorage: {delete: {enabled: true}}\n".to_owned(), "config.yml:2:10: storage: names no driver; add storage.filesystem.rootdirectory, or storage.s3, gcs or azure".to_owned()),
        ("version: 0.1\n".to_owned(), "config.yml: storage: names no driver; add storage.filesystem.rootdirectory, or storage.s3, gcs or azure".to_owned()),
        ("storage: filesystem\n".to_owned(), "config.yml: version: is missing; write version: 0.1".to_owned()),
        ("version: 0.2\nstorage: filesystem\n".to_owned(), "config.yml:1:10: version: \"0.2\" is unknown; write version: 0.1".to_owned()),
    ];
    for driver in ["swift", "oss"] {
        let text = format!("config.yml:3:3: storage.{driver}: is not supported; {gone}");
        rows.push((storage(driver), text));
    }
    for (text, expected) in rows {
        let all = error(&text, &[]);
        assert!(
            all.lines().any(|line| line == expected),
            "{text}\nwanted {expected}\ngot    {all}"
        );
    }
}

#[test]
fn a_value_out_of_place_is_refused_with_its_name_and_the_way_out() {
    for (rest, expected) in [
        (
            "http: {addr: '5000'}",
            "config.yml:3:14: http.addr: \"5000\" is no address; write host:port, :port for every address, or add net: unix for a file",
        ),
        (
            "http: {net: unix}",
            "config.yml:3:7: http.addr: is missing; with net: unix, name the socket file",
        ),
        ("http: {net: udp}", "config.yml:3:13: http.net: wants one of tcp, unix, not \"udp\""),
        (
            "http: {host: registry.example.org}",
            "config.yml:3:14: http.host: \"registry.example.org\" is no base address; write it as https://registry.example.org",
        ),
        (
            "http: {prefix: '/a b/'}",
            "config.yml:3:16: http.prefix: \"/a b/\" is no path; write it as /registry/",
        ),
        (
            "http: {tls: {certificate: c}}",
            "config.yml:3:13: http.tls.key: is missing beside http.tls.certificate; name the private key's file",
        ),
        (
            "http: {tls: {key: k}}",
            "config.yml:3:13: http.tls.certificate: is missing beside http.tls.key; name the certificate's file",
        ),
        (
            "http: {tls: {clientcas: [a]}}",
            "config.yml:3:25: http.tls.clientcas: would ask nobody for a certificate without TLS; add http.tls.certificate and http.tls.key",
        ),
        (
            "http: {tls: {minimumtls: tls1.0}}",
            "config.yml:3:26: http.tls.minimumtls: \"tls1.0\" is not supported; use tls1.2 or tls1.3",
        ),
        (
            "http: {tls: {ciphersuites: [TLS_AES_128_GCM_SHA265]}}",
            "config.yml:3:29: http.tls.ciphersuites: \"TLS_AES_128_GCM_SHA265\" is unknown; did you mean TLS_AES_128_GCM_SHA256?",
        ),
        (
            "http: {headers: {X-A: b}}",
            "config.yml:3:23: http.headers.X-A: wants a list such as [a, b], not \"b\"; write [b]",
        ),
        (
            "http: {headers: {'X A': [b]}}",
            "config.yml:3:18: http.headers.X A: is no name of a header",
        ),
        (
            "http: {headers: {X-A: [\"b\\nc\"]}}",
            "config.yml:3:24: http.headers.X-A: is no value of a header; take out line breaks and other control characters",
        ),
        (
            "http: {relativeurls: true}\nberth: {http: {absolute_urls: true}}",
            "config.yml:3:22: http.relativeurls: contradicts berth.http.absolute_urls; take one of them out",
        ),
        ("http: [a]", "config.yml:3:7: http: wants a section of keys, not a list"),
        (
            "log: {level: loud}",
            "config.yml:3:14: log.level: wants one of error, warn, info, debug, not \"loud\"",
        ),
        (
            "health: {storagedriver: {interval: -5s}}",
            "config.yml:3:36: health.storagedriver.interval: wants a duration such as 90s, 5m or 168h, not \"-5s\"",
        ),
        (
            "health: {http: [{}]}",
            "config.yml:3:17: health.http[0].uri: is missing; name the address to ask",
        ),
        (
            "health: {tcp: [{addr: x}]}",
            "config.yml:3:23: health.tcp[0].addr: \"x\" is no host:port",
        ),
        (
            "tags: {maxtags: -1}",
            "config.yml:3:17: tags.maxtags: -1 is out of range; use 0 to 4294967295",
        ),
        (
            "validation: {manifests: {urls: {allow: ['(']}}}",
            "config.yml:3:41: validation.manifests.urls.allow[0]: \"(\" is no regular expression; unclosed group",
        ),
        ("berth: {max: 1}", "config.yml:3:9: berth.max: unknown key"),
        (
            "berth: {manifest_max_byte: 1}",
            "config.yml:3:9: berth.manifest_max_byte: unknown key; did you mean \"manifest_max_bytes\"?",
        ),
        (
            "berth: {import: {verify_rate: 1}}",
            "config.yml:3:31: berth.import.verify_rate: 1 is out of range; use 1KiB to 1TiB, or 0 for no limit",
        ),
        (
            "berth: {manifest_max_bytes: 1GiB}",
            "config.yml:3:29: berth.manifest_max_bytes: 1073741824 is out of range; use 1KiB to 64MiB",
        ),
        (
            "berth: {repositories: [{match: 'A*'}]}",
            "config.yml:3:32: berth.repositories[0].match: \"A*\" holds 'A', which no name holds; name repositories, such as team/** or library/*",
        ),
        (
            "berth: {http: {trusted_proxies: [10.0.0.0/33]}}",
            "config.yml:3:34: berth.http.trusted_proxies: \"10.0.0.0/33\" is no network; write it as 10.0.0.0/8 or fd00::/8",
        ),
        (
            "berth: {limits: {upload_stall: 0}}",
            "config.yml:3:32: berth.limits.upload_stall: must be longer than 0s; leave it out for the default",
        ),
        (
            "berth: {upload: {memory: 32MiB}}",
            "config.yml:3:26: berth.upload.memory: 33554432 is out of range; use 64MiB to 1TiB",
        ),
        (
            "berth: {role: http}",
            "config.yml:3:15: berth.role: divides the work among processes, and SQLite is for one; set berth.metadata.url: postgres://…, or take the role out",
        ),
        (
            "berth: {redirect: {expires: 1s}}",
            "config.yml:3:29: berth.redirect.expires: 1s is out of range; use 10s to 1h",
        ),
        (
            "berth: {redirect: {networks: [x]}}",
            "config.yml:3:31: berth.redirect.networks: \"x\" is no network; write it as 10.0.0.0/8 or fd00::/8",
        ),
        (
            "berth: {redirect: {enabled: always}}",
            "config.yml:3:29: berth.redirect.enabled: always: clients cannot fetch files from storage.filesystem; take it out",
        ),
        (
            "berth: {metadata: {url: 'mysql://u:hunter2@h/d'}}",
            "config.yml:3:25: berth.metadata.url: must begin with postgres:// (or sqlite:); write sqlite:/var/lib/berth or postgres://user@host/database",
        ),
        (
            "berth: {metadata: {url: 'sqlite://host'}}",
            "config.yml:3:25: berth.metadata.url: names no directory; write sqlite:/var/lib/berth",
        ),
        (
            "berth: {metadata: {url: 'postgres://u:hunter2@h:x/d'}}",
            "config.yml:3:25: berth.metadata.url: has a port that is no number from 1 to 65535; an @, / or : inside of a password is written %40, %2F or %3A; write sqlite:/var/lib/berth or postgres://user@host/database",
        ),
        (
            "berth: {metadata: {url: 'postgres://u:p@h/d', password_file: /p}}",
            "config.yml:3:62: berth.metadata.password_file: is a second password beside berth.metadata.url; keep one",
        ),
        (
            "berth: {metadata: {password: hunter2}}",
            "config.yml:3:30: berth.metadata.password: has no server to be for; set berth.metadata.url",
        ),
        (
            "berth: {metadata: {stale_reads: 16m}}",
            "config.yml:3:33: berth.metadata.stale_reads: 16m is out of range; use 0s (never) to 15m",
        ),
        (
            "berth: {metadata: {url: 'postgres://u@h/d', max_connections: 0}}",
            "config.yml:3:62: berth.metadata.max_connections: 0 is out of range; use 1 to 1000",
        ),
        (
            "middleware: {storage: [{name: redirect, options: {baseurl: 'http://cdn'}}]}",
            "config.yml:3:24: middleware.storage[0]: \"redirect\" has no address to change: clients get files of storage.filesystem from Berth alone; take it out",
        ),
        (
            "middleware: {storage: [{name: rewrite, options: {host: cdn}}]}",
            "config.yml:3:24: middleware.storage[0]: \"rewrite\" has no address to change: clients get files of storage.filesystem from Berth alone; take it out",
        ),
        (
            "middleware: {storage: [{name: bunny}]}",
            "config.yml:3:24: middleware.storage[0]: \"bunny\" is not supported; known are cloudfront, redirect and rewrite",
        ),
        (
            "middleware: {registry: [{name: x}]}",
            "config.yml:3:25: middleware.registry[0]: \"x\" is not supported; take it out or set disabled: true",
        ),
        (
            "berth: {run_as: {gid: 5}}",
            "config.yml:3:17: berth.run_as.uid: is missing; name the user by number",
        ),
    ] {
        assert_eq!(first_line(&with(rest), &[]), expected);
    }
}

#[test]
fn the_line_is_shown_with_a_mark_under_the_column() {
    let text = "version: 0.1\nstorage:\n  oss:\n    bucket: b\n";
    let expected = "config.yml:3:3: storage.oss: is not supported; the original has dropped it; \
                    copy the objects to S3, gcs, azure or a filesystem\n  \
                    3 |   oss:\n    |   ^";
    assert_eq!(error(text, &[]), expected);
}

#[test]
fn all_errors_are_shown_in_order_and_at_most_twenty() {
    let text = with("proxy: {remoteurl: x}\nhttp: {addr: x}\ntags: {maxtags: x}");
    let all = error(&text, &[]);
    let lines: Vec<_> = all.lines().filter(|line| line.starts_with("config.yml")).collect();
    assert_eq!(lines.len(), 3, "{all}");
    assert!(lines.is_sorted(), "{all}");
    let many: String = (0..30).map(|n| format!("  k{n}: 1\n")).collect();
    let all = error(&with(&format!("berth:\n{many}")), &[]);
    assert_eq!(all.lines().filter(|line| line.starts_with("config.yml")).count(), 20);
    assert!(all.ends_with("\nand 10 more"), "{all}");
}

#[test]
fn a_secret_is_not_shown_in_a_snippet() {
    for line in [
        "password_file: x, password: hunter2",
        "secret: hunter2",
        "\"secret\" : hunter2",
        "tls: {}, secret: hunter2",
    ] {
        let text = with(&format!("http: {{addr: x, {line}}}"));
        let all = error(&text, &[]);
        assert!(!all.contains("hunter2") && all.contains("***"), "{all}");
    }
    for url in ["postgres://u:hunter2@h/a/b", "mysql://u:hunter2@h/d", "postgres:u:hun@ter2@h"] {
        let text = with(&format!("berth: {{metadata: {{url: '{url}'}}}}"));
        let all = error(&text, &[]);
        assert!(!all.contains("ter2") && all.contains("***"), "{all}");
    }
}
