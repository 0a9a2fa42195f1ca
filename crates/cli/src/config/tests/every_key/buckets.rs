//! The rows of object stores and what stands on the way to them.

use serde_json::{Value, json};

pub(super) fn buckets() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("storage.s3.accesskey", "A", json!("***")),
        ("storage.s3.secretkey", "S", json!("***")),
        ("storage.s3.region", "eu-central-1", json!("eu-central-1")),
        ("storage.s3.regionendpoint", "'http://minio:9000/'", json!("http://minio:9000")),
        ("storage.s3.forcepathstyle", "true", json!(true)),
        ("storage.s3.bucket", "b", json!("b")),
        ("storage.s3.encrypt", "true", json!(true)),
        ("storage.s3.keyid", "arn:aws:kms:k", json!("arn:aws:kms:k")),
        ("storage.s3.skipverify", "true", json!(true)),
        ("storage.s3.chunksize", "5242880", json!(5 << 20)),
        ("storage.s3.rootdirectory", "/a/b/", json!("a/b")),
        ("storage.s3.storageclass", "standard_ia", json!("STANDARD_IA")),
        ("storage.s3.useragent", "docker", json!("docker")),
        ("storage.s3.redirectendpoint", "https://s3.example", json!("https://s3.example")),
        ("storage.s3.accelerate", "true", json!(true)),
        ("storage.s3.usedualstack", "true", json!(true)),
        ("storage.s3.usefipsendpoint", "true", json!(true)),
        ("storage.s3.multipartcopychunksize", "5MiB", json!(5 << 20)),
        ("storage.s3.multipartcopymaxconcurrency", "4", json!(4)),
        ("storage.s3.multipartcopythresholdsize", "0", json!(0)),
        ("storage.gcs.bucket", "b", json!("b")),
        ("storage.gcs.keyfile", "/key.json", json!("/key.json")),
        ("storage.gcs.credentials.project_id", "p", json!("***")),
        ("storage.gcs.rootdirectory", "a", json!("a")),
        ("storage.gcs.chunksize", "8MiB", json!(8 << 20)),
        ("storage.gcs.useragent", "docker", json!("docker")),
        ("storage.azure.accountname", "b", json!("b")),
        ("storage.azure.accountkey", "a2V5", json!("***")),
        ("storage.azure.container", "b", json!("b")),
        ("storage.azure.serviceurl", "http://az:1/acc", json!("http://az:1/acc")),
        ("storage.azure.credentials.type", "client_secret", json!("client_secret")),
        ("storage.azure.credentials.clientid", "b", json!("b")),
        ("storage.azure.credentials.tenantid", "b", json!("b")),
        ("storage.azure.credentials.secret", "b", json!("***")),
        ("storage.azure.rootdirectory", "a", json!("a")),
        ("storage.azure.max_retries", "7", json!(7)),
        ("storage.azure.retry_delay", "1s", json!("1s")),
        ("storage.azure.skipverify", "true", json!(true)),
    ]
}

pub(super) fn middleware() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("middleware.storage.0.options.baseurl", "https://cdn/b", json!("https://cdn/b")),
        ("middleware.storage.0.options.scheme", "https", json!("https")),
        ("middleware.storage.0.options.host", "'cdn:8443'", json!("cdn:8443")),
        ("middleware.storage.0.options.trimpathprefix", "/bucket", json!("/bucket")),
        ("middleware.storage.0.options.privatekey", "/key.pem", json!("/key.pem")),
        ("middleware.storage.0.options.keypairid", "K1", json!("K1")),
        ("middleware.storage.0.options.duration", "5m", json!("5m")),
        ("middleware.storage.0.options.ipfilteredby", "AWS", json!("aws")),
        ("middleware.storage.0.options.awsregion", "'US-West-2, b'", json!("us-west-2,b")),
        ("middleware.storage.0.options.updatefrequency", "1h", json!("1h")),
        ("middleware.storage.0.options.iprangesurl", "http://a/b", json!("http://a/b")),
    ]
}

/// An item of `middleware.storage` that has the key's place.
pub(super) fn item(key: &str) -> Value {
    let option = key.rsplit('.').next().unwrap_or_default();
    match option {
        "baseurl" => json!({"name": "redirect", "options": {"baseurl": "http://x"}}),
        "scheme" | "host" | "trimpathprefix" => {
            json!({"name": "rewrite", "options": {"scheme": "http"}})
        }
        _ => {
            let filter = if option == "awsregion" { "awsregion" } else { "none" };
            let options = json!({"baseurl": "http://x", "privatekey": "/x", "keypairid": "x",
                "ipfilteredby": filter, "awsregion": "x"});
            json!({"name": "cloudfront", "options": options})
        }
    }
}

/// A store that is whole, save for the key.
pub(super) fn bucket(key: &str) -> Value {
    let email = "client_email";
    match key {
        "storage.s3.keyid" => json!({"s3": {"bucket": "x", "region": "x", "encrypt": true}}),
        "storage.s3.accesskey" => json!({"s3": {"bucket": "x", "region": "x", "secretkey": "x"}}),
        "storage.s3.secretkey" => json!({"s3": {"bucket": "x", "region": "x", "accesskey": "x"}}),
        _ if key.starts_with("storage.s3") => json!({"s3": {"bucket": "x", "region": "x"}}),
        _ if key.contains("gcs.credentials") => {
            json!({"gcs": {"bucket": "x", "credentials": {email: "x", "private_key": "x"}}})
        }
        _ if key.starts_with("storage.gcs") => json!({"gcs": {"bucket": "x"}}),
        _ if key.contains("azure.credentials") => {
            let kind = if key.ends_with("type") { "default_credentials" } else { "client_secret" };
            let secret = if key.ends_with("secret") { Value::Null } else { json!("x") };
            let secret = json!({"type": kind, "clientid": "x", "tenantid": "x", "secret": secret});
            json!({"azure": {"accountname": "x", "container": "x", "credentials": secret}})
        }
        _ => json!({"azure": {"accountname": "x", "container": "x"}}),
    }
}
