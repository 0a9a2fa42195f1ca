//! Spellings of environment variables beyond the plain one, and the cases that the original breaks.

use serde_json::{Value, json};

use super::{SMALLEST, at, error, first_line, load, warnings};

/// File, variables, dotted path of a setting, its value.
type Row = (&'static str, &'static [(&'static str, &'static str)], &'static str, Value);

#[test]
fn every_spelling_reaches_its_setting() {
    let rows: &[Row] = &[
        // Internal field names where they differ from the file's.
        (
            SMALLEST,
            &[("REGISTRY_HEALTH_FILECHECKERS_0_FILE", "/x")],
            "health.file.0.file",
            json!("/x"),
        ),
        (
            SMALLEST,
            &[("REGISTRY_HEALTH_HTTPCHECKERS", "[{uri: http://x}]")],
            "health.http.0.uri",
            json!("http://x"),
        ),
        (
            SMALLEST,
            &[("REGISTRY_HEALTH_TCPCHECKERS_0_ADDR", "x:1")],
            "health.tcp.0.addr",
            json!("x:1"),
        ),
        // A driver: the word replaces the section, then its keys apply.
        (
            "version: 0.1\nstorage: {s3: {bucket: b}}\n",
            &[
                ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/data"),
                ("REGISTRY_STORAGE", "filesystem"),
            ],
            "storage.filesystem.rootdirectory",
            json!("/data"),
        ),
        (
            "version: 0.1\nstorage: {filesystem: {rootdirectory: /a}}\n",
            &[("REGISTRY_STORAGE", "{filesystem: {rootdirectory: /b}}")],
            "storage.filesystem.rootdirectory",
            json!("/b"),
        ),
        (
            SMALLEST,
            &[
                ("REGISTRY_STORAGE", "s3"),
                ("REGISTRY_STORAGE_S3_BUCKET", "b"),
                ("REGISTRY_STORAGE_S3_REGION", "eu-west-1"),
                ("BERTH_METADATA_URL", "postgres://berth@db/berth"),
            ],
            "storage.s3.bucket",
            json!("b"),
        ),
        // The driver's other name, in the word, the variable and the file.
        (
            SMALLEST,
            &[
                ("REGISTRY_STORAGE", "s3aws"),
                ("REGISTRY_STORAGE_S3_BUCKET", "b"),
                ("REGISTRY_STORAGE_S3AWS_REGION", "eu-west-1"),
                ("REGISTRY_BERTH_METADATA_URL", "sqlite:/m"),
            ],
            "storage.s3.region",
            json!("eu-west-1"),
        ),
        (
            "version: 0.1\nstorage: {s3aws: {bucket: b}}\nberth: {metadata: {url: 'sqlite:/m'}}\n",
            &[("REGISTRY_STORAGE_S3_REGION", "r")],
            "storage.s3.region",
            json!("r"),
        ),
        // Keys with an underscore, and below a section with free names.
        (
            "version: 0.1\nstorage: {azure: {accountname: a, container: c}}\n",
            &[("REGISTRY_STORAGE_AZURE_MAX_RETRIES", "9"), ("BERTH_METADATA_URL", "sqlite:/m")],
            "storage.azure.max_retries",
            json!(9),
        ),
        (
            "version: 0.1\nstorage: {gcs: {bucket: b}}\n",
            &[
                ("REGISTRY_STORAGE_GCS_CREDENTIALS", "{client_email: a@b, private_key: k}"),
                ("REGISTRY_STORAGE_GCS_CREDENTIALS_TOKEN_URI", "https://t"),
                ("BERTH_METADATA_URL", "sqlite:/m"),
            ],
            "storage.gcs.credentials",
            json!({"client_email": "***", "private_key": "***", "token_uri": "***"}),
        ),
        (
            SMALLEST,
            &[("BERTH_ROLE", "workers"), ("BERTH_METADATA_URL", "postgres://berth@db/berth")],
            "berth.role",
            json!("workers"),
        ),
        (
            SMALLEST,
            &[
                ("REGISTRY_AUTH", "htpasswd"),
                ("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm 2"),
                ("REGISTRY_AUTH_HTPASSWD_PATH", "/auth/htpasswd"),
            ],
            "auth",
            json!({"htpasswd": {"realm": "Registry Realm 2", "path": "/auth/htpasswd", "log_password": false}}),
        ),
        (
            SMALLEST,
            &[
                ("REGISTRY_HTTP_TLS_CERTIFICATE", "/certs/domain.crt"),
                ("REGISTRY_HTTP_TLS_KEY", "/certs/domain.key"),
            ],
            "http.tls.certificate",
            json!("/certs/domain.crt"),
        ),
        // Broken in the original: an item of a list of texts.
        (
            "version: 0.1\nstorage: filesystem\nhttp: {tls: {certificate: c, key: k, clientcas: [/a]}}\n",
            &[("REGISTRY_HTTP_TLS_CLIENTCAS_1", "/c"), ("REGISTRY_HTTP_TLS_CLIENTCAS_0", "/b")],
            "http.tls.clientcas",
            json!(["/b", "/c"]),
        ),
        // Item 10 comes after item 9, and a gap closes.
        (
            SMALLEST,
            &[
                ("REGISTRY_POLICY_REPOSITORY_CLASSES_10", "c"),
                ("REGISTRY_POLICY_REPOSITORY_CLASSES_9", "b"),
                ("REGISTRY_POLICY_REPOSITORY_CLASSES_0", "a"),
            ],
            "policy.repository.classes",
            json!(["a", "b", "c"]),
        ),
        // Broken in the original: nested maps below the parameters of a section.
        (
            SMALLEST,
            &[("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true")],
            "storage.maintenance.readonly.enabled",
            json!(true),
        ),
        (
            "version: 0.1\nstorage: {filesystem: , maintenance: {readonly: {enabled: false}}}\n",
            &[("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true")],
            "storage.maintenance.readonly.enabled",
            json!(true),
        ),
        (
            SMALLEST,
            &[("REGISTRY_STORAGE_MAINTENANCE_READONLY", "{\"enabled\": true}")],
            "storage.maintenance.readonly.enabled",
            json!(true),
        ),
        // Names of headers keep the file's case; new ones are small, with dashes.
        (
            "version: 0.1\nstorage: filesystem\nhttp: {headers: {X-Content-Type-Options: [nosniff]}}\n",
            &[("REGISTRY_HTTP_HEADERS_X_CONTENT_TYPE_OPTIONS", "[other]")],
            "http.headers",
            json!({"X-Content-Type-Options": ["other"]}),
        ),
        (
            SMALLEST,
            &[("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin", "['*']")],
            "http.headers",
            json!({"access-control-allow-origin": ["*"]}),
        ),
        (
            SMALLEST,
            &[("REGISTRY_HTTP_HEADERS", "{X-A: [b]}")],
            "http.headers",
            json!({"X-A": ["b"]}),
        ),
        // Words of our keys may be joined or separated.
        (SMALLEST, &[("BERTH_HTTP_MAXCONNECTIONS", "5")], "berth.http.max_connections", json!(5)),
        (
            SMALLEST,
            &[("REGISTRY_BERTH_HTTP_MAX_CONNECTIONS", "5")],
            "berth.http.max_connections",
            json!(5),
        ),
    ];
    for (text, env, path, expected) in rows {
        assert_eq!(at(&load(text, env), path), *expected, "{env:?}");
    }
}

/// The original fails on these or cuts them; a text is a text here.
#[test]
fn a_text_is_taken_by_its_letters() {
    for (value, expected) in [
        ("@foo", "@foo"),
        ("abc #def", "abc #def"),
        ("a: b", "a: b"),
        ("12345", "12345"),
        ("true", "true"),
        ("  padded ", "padded"),
        ("'quoted: text'", "quoted: text"),
        ("\"a\" # \"", "\"a\" # \""),
        ("'a', 'b'", "'a', 'b'"),
        ("[a", "[a"),
        ("*x", "*x"),
        ("%x", "%x"),
    ] {
        let env = [("REGISTRY_AUTH_HTPASSWD_PATH", "/x"), ("REGISTRY_LOG_FIELDS_A", value)];
        let config = load(SMALLEST, &env);
        assert_eq!(at(&config, "log.fields.a"), json!(expected), "{value}");
        let config = load(SMALLEST, &[("REGISTRY_HTTP_SECRET", value)]);
        let secret = config.http.secret.as_ref().map(|secret| secret.reveal().to_owned());
        assert_eq!(secret.as_deref(), Some(expected));
    }
}

#[test]
fn an_empty_variable_leaves_the_default() {
    for value in ["", "~", "null"] {
        let config =
            load(SMALLEST, &[("REGISTRY_HTTP_HOST", value), ("REGISTRY_LOG_LEVEL", value)]);
        assert_eq!(config, load(SMALLEST, &[]), "{value:?}");
    }
}

#[test]
fn an_empty_variable_does_not_take_a_section_away() {
    let text = "version: 0.1\nstorage: filesystem\nauth: {htpasswd: {path: /p}}\n";
    let config = load(text, &[("REGISTRY_AUTH", ""), ("REGISTRY_STORAGE", " ")]);
    assert_eq!(config, load(text, &[]));
    let expected = "REGISTRY_AUTH: auth: is empty, ignored; write null to clear the section";
    assert_eq!(warnings(text, &[("REGISTRY_AUTH", "")]), [expected]);
    assert_eq!(at(&load(text, &[("REGISTRY_AUTH", "null")]), "auth"), json!("none"));
}

#[test]
fn what_kubernetes_injects_is_passed_over_in_silence() {
    let env = [
        ("REGISTRY_PORT", "tcp://10.0.0.1:5000"),
        ("REGISTRY_SERVICE_HOST", "10.0.0.1"),
        ("REGISTRY_SERVICE_PORT", "5000"),
        ("REGISTRY_SERVICE_PORT_HTTP", "5000"),
        ("REGISTRY_PORT_5000_TCP", "tcp://10.0.0.1:5000"),
        ("REGISTRY_PORT_5000_TCP_PROTO", "tcp"),
        ("REGISTRY_STORAGE_S3_SERVICE_HOST", "10.0.0.2"),
        ("BERTH_PORT", "tcp://10.0.0.1:5000"),
        ("BERTH_SERVICE_HOST", "10.0.0.1"),
        ("BERTH_PORT_5000_TCP_ADDR", "10.0.0.1"),
    ];
    assert_eq!(warnings(SMALLEST, &env), Vec::<String>::new());
}

#[test]
fn an_unknown_variable_of_the_original_is_a_warning_even_when_strict() {
    let env = [("REGISTRY_HTTP_ADR".to_owned(), ":1".to_owned())];
    let (_, warnings) = super::super::read("config.yml", SMALLEST, &env, true).unwrap();
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    let expected = "REGISTRY_HTTP_ADR: names no setting, ignored; did you mean REGISTRY_HTTP_ADDR?";
    assert_eq!(warnings, [expected]);
}

#[test]
fn an_unknown_variable_of_ours_is_an_error() {
    let expected =
        "BERTH_HTTP_TRUSTED_PROXY: names no setting; did you mean BERTH_HTTP_TRUSTED_PROXIES?";
    assert_eq!(error(SMALLEST, &[("BERTH_HTTP_TRUSTED_PROXY", "[]")]), expected);
}

#[test]
fn version_and_path_are_no_settings() {
    let env = [("REGISTRY_VERSION", "9"), ("REGISTRY_CONFIGURATION_PATH", "/x")];
    let expected = "REGISTRY_VERSION: has no effect; the version stands in the file only";
    assert_eq!(warnings(SMALLEST, &env), [expected]);
}

#[test]
fn a_bad_value_names_its_variable_and_its_key() {
    for (name, value, expected) in [
        (
            "REGISTRY_STORAGE_DELETE_ENABLED",
            "maybe",
            "REGISTRY_STORAGE_DELETE_ENABLED: storage.delete.enabled: wants true or false, not \"maybe\"",
        ),
        (
            "REGISTRY_HTTP_DRAINTIMEOUT",
            "5 minutes",
            "REGISTRY_HTTP_DRAINTIMEOUT: http.draintimeout: wants a duration such as 90s, 5m or 168h, not \"5 minutes\"",
        ),
        (
            "REGISTRY_HEALTH",
            "{a",
            "REGISTRY_HEALTH: health: wants a section of keys: unclosed bracket '{'; write it as YAML",
        ),
        (
            "BERTH_MANIFEST_MAX_BYTES",
            "4MB",
            "BERTH_MANIFEST_MAX_BYTES: berth.manifest_max_bytes: wants a number of bytes such as 4194304 or 4MiB, not \"4MB\"",
        ),
        (
            "REGISTRY_STORAGE_S3_BUCKET",
            "b",
            "REGISTRY_STORAGE_S3_BUCKET: storage.s3: is a second driver beside storage.filesystem; keep one; REGISTRY_STORAGE=s3 replaces the file's",
        ),
    ] {
        assert_eq!(first_line(SMALLEST, &[(name, value)]), expected);
    }
}
