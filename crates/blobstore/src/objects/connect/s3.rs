//! Amazon S3 and its relatives.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{Attribute, Attributes};
use store::StoreError;

use super::endpoint::{is_plain, with_label, with_scheme};
use super::{MIB, chain, chunk_size, client_options, refused, retry, root, unusable};
use crate::objects::bucket::{Clients, PartCopy};
use crate::objects::settings::{S3Credentials, S3Settings};

const DRIVER: &str = "s3";

/// The most that one copy call takes.
const LARGEST_COPY: u64 = 5 << 30;

pub(super) fn clients(settings: &S3Settings) -> Result<Clients, StoreError> {
    check(settings)?;
    let address = address(settings)?;
    let store = Arc::new(build(settings, &address)?);
    let shown = match &settings.redirect_endpoint {
        Some(endpoint) => {
            let address = located(settings, with_scheme(endpoint, settings.secure));
            (Arc::new(build(settings, &address)?), address)
        }
        None => (store.clone(), address),
    };
    let class = settings.storage_class.as_deref().filter(|class| {
        !class.is_empty() && !["NONE", "STANDARD"].contains(&class.to_ascii_uppercase().as_str())
    });
    let attributes: Attributes =
        class.map(|class| (Attribute::StorageClass, class.to_owned())).into_iter().collect();
    Ok(Clients {
        objects: store.clone(),
        multipart: store.clone(),
        pages: Some(store.clone()),
        signer: Some(shown.0),
        public: super::is_public(&shown.1),
        root: root(DRIVER, &settings.root)?,
        part: chunk_size(DRIVER, settings.chunk_size)?,
        smallest_part: 5 * MIB,
        attributes,
        part_copy: Some(PartCopy {
            bucket: settings.bucket.clone(),
            signer: store,
            options: options(settings, true)?,
            chunk: settings.copy_chunk_size,
            concurrency: settings.copy_concurrency,
            threshold: settings.copy_threshold.min(LARGEST_COPY),
        }),
        name: format!("S3 bucket {}", settings.bucket),
    })
}

fn check(settings: &S3Settings) -> Result<(), StoreError> {
    let no = |key, why: &str| Err(refused(DRIVER, key, why));
    if settings.bucket.is_empty() {
        return no("bucket", "is empty");
    }
    if settings.region.is_none() && settings.region_endpoint.is_none() {
        return no("region", "is needed unless regionendpoint is set");
    }
    if !settings.v4_auth {
        return no(
            "v4auth",
            "false asks for signatures of version 2, which stores no longer take: leave it out",
        );
    }
    if settings.object_acl.as_deref().is_some_and(|acl| !acl.is_empty() && acl != "private") {
        return no(
            "objectacl",
            "only private can be set on objects: leave it out and let the bucket's policy decide",
        );
    }
    if settings.key_id.is_some() && !settings.encrypt {
        return no("keyid", "is set while encrypt is false: set encrypt, or leave keyid out");
    }
    if settings.accelerate && (settings.path_style || settings.region_endpoint.is_some()) {
        return no("accelerate", "does not go together with forcepathstyle or regionendpoint");
    }
    if settings.region_endpoint.is_some() && (settings.dual_stack || settings.fips) {
        let key = if settings.dual_stack { "usedualstack" } else { "usefipsendpoint" };
        return no(key, "chooses one of Amazon's names, but regionendpoint names another");
    }
    if settings.accelerate && settings.fips {
        return no("usefipsendpoint", "does not go together with accelerate");
    }
    if !(5 * MIB..=LARGEST_COPY).contains(&settings.copy_chunk_size) {
        return no("multipartcopychunksize", "is not between 5 MiB and 5 GiB");
    }
    if settings.copy_concurrency == 0 {
        return no("multipartcopymaxconcurrency", "is 0");
    }
    Ok(())
}

/// The address of the bucket's server, with the bucket in the host's name
/// unless it goes into the path.
fn address(settings: &S3Settings) -> Result<String, StoreError> {
    let named = settings.region_endpoint.as_ref();
    let url =
        named.map_or_else(|| amazon(settings), |endpoint| with_scheme(endpoint, settings.secure));
    if url.split_once("://").is_none_or(|(_, host)| host.is_empty()) {
        return Err(refused(
            DRIVER,
            "regionendpoint",
            format!("{} names no host", oci::quoted(&url)),
        ));
    }
    Ok(located(settings, url))
}

fn located(settings: &S3Settings, url: String) -> String {
    if settings.path_style { url } else { with_label(&url, &settings.bucket) }
}

fn amazon(settings: &S3Settings) -> String {
    let region = settings.region.as_deref().unwrap_or("us-east-1");
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let dual = if settings.dual_stack { ".dualstack" } else { "" };
    let host = if settings.accelerate {
        format!("s3-accelerate{dual}.{domain}")
    } else {
        let fips = if settings.fips { "-fips" } else { "" };
        format!("s3{fips}{dual}.{region}.{domain}")
    };
    with_scheme(&host, settings.secure)
}

fn options(
    settings: &S3Settings,
    allow_http: bool,
) -> Result<object_store::ClientOptions, StoreError> {
    client_options(DRIVER, settings.user_agent.as_deref(), settings.skip_verify, allow_http)
}

fn build(settings: &S3Settings, address: &str) -> Result<AmazonS3, StoreError> {
    let plain = is_plain(address);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&settings.bucket)
        .with_region(settings.region.as_deref().unwrap_or("us-east-1"))
        .with_endpoint(address)
        .with_virtual_hosted_style_request(!settings.path_style)
        .with_allow_http(plain)
        // Inside of TLS the body needs no signature of its own.
        .with_unsigned_payload(!plain)
        // One request for each object: the call for many is missing in some stores.
        .with_disable_bulk_delete(true)
        .with_retry(retry(8, Duration::from_millis(100)))
        .with_client_options(options(settings, plain)?);
    if settings.encrypt {
        builder = match &settings.key_id {
            Some(key) => builder.with_sse_kms_encryption(key),
            None => {
                let kind: AmazonS3ConfigKey = "aws_server_side_encryption"
                    .parse()
                    .map_err(|error| unusable(DRIVER, &error))?;
                builder.with_config(kind, "AES256")
            }
        };
    }
    let builder = match &settings.credentials {
        S3Credentials::Keys { access_key, secret_key, session_token } => {
            let builder =
                builder.with_access_key_id(access_key).with_secret_access_key(secret_key.reveal());
            session_token.iter().fold(builder, |builder, token| builder.with_token(token.reveal()))
        }
        S3Credentials::Chain => chain::add(builder)?,
    };
    builder.build().map_err(|error| unusable(DRIVER, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> S3Settings {
        S3Settings { region: Some("eu-west-1".into()), ..S3Settings::new("b") }
    }

    #[test]
    fn amazon_names_follow_the_switches() {
        let cases: [(S3Settings, &str); 6] = [
            (settings(), "https://b.s3.eu-west-1.amazonaws.com"),
            (
                S3Settings { path_style: true, secure: false, ..settings() },
                "http://s3.eu-west-1.amazonaws.com",
            ),
            (
                S3Settings { dual_stack: true, ..settings() },
                "https://b.s3.dualstack.eu-west-1.amazonaws.com",
            ),
            (S3Settings { fips: true, ..settings() }, "https://b.s3-fips.eu-west-1.amazonaws.com"),
            (
                S3Settings { accelerate: true, dual_stack: true, ..settings() },
                "https://b.s3-accelerate.dualstack.amazonaws.com",
            ),
            (
                S3Settings { region: Some("cn-north-1".into()), ..settings() },
                "https://b.s3.cn-north-1.amazonaws.com.cn",
            ),
        ];
        for (settings, expected) in cases {
            assert_eq!(address(&settings).unwrap(), expected);
        }
    }

    #[test]
    fn an_endpoint_is_used_in_path_style_or_with_the_bucket_in_its_name() {
        let named = S3Settings { region_endpoint: Some("http://minio:9000/".into()), ..settings() };
        assert_eq!(address(&named).unwrap(), "http://b.minio:9000");
        let path = S3Settings { path_style: true, ..named };
        assert_eq!(address(&path).unwrap(), "http://minio:9000");
    }

    #[test]
    fn settings_that_cannot_be_honoured_are_refused_by_name() {
        let cases: [(S3Settings, &str); 8] = [
            (S3Settings { region: None, ..settings() }, "storage.s3.region"),
            (S3Settings { v4_auth: false, ..settings() }, "storage.s3.v4auth"),
            (
                S3Settings { object_acl: Some("public-read".into()), ..settings() },
                "storage.s3.objectacl",
            ),
            (S3Settings { key_id: Some("k".into()), ..settings() }, "storage.s3.keyid"),
            (S3Settings { chunk_size: 1, ..settings() }, "storage.s3.chunksize"),
            (
                S3Settings { copy_concurrency: 0, ..settings() },
                "storage.s3.multipartcopymaxconcurrency",
            ),
            (S3Settings { user_agent: Some("a\nb".into()), ..settings() }, "storage.s3.useragent"),
            (S3Settings { root: "a//b".into(), ..settings() }, "storage.s3.rootdirectory"),
        ];
        for (settings, key) in cases {
            let error = clients(&settings).err().map(|error| error.to_string());
            assert!(error.as_ref().is_some_and(|text| text.contains(key)), "{key}: {error:?}");
        }
    }
}
