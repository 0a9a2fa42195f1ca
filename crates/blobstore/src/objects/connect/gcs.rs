//! Google Cloud Storage.

use std::sync::Arc;
use std::time::Duration;

use object_store::Attributes;
use object_store::gcp::GoogleCloudStorageBuilder;
use store::StoreError;

use super::endpoint::{is_plain, with_scheme};
use super::{MIB, chunk_size, client_options, refused, retry, root, unusable};
use crate::objects::bucket::Clients;
use crate::objects::settings::{GcsCredentials, GcsSettings};

const DRIVER: &str = "gcs";

pub(super) fn clients(settings: &GcsSettings) -> Result<Clients, StoreError> {
    if settings.bucket.is_empty() {
        return Err(refused(DRIVER, "bucket", "is empty"));
    }
    if !settings.chunk_size.is_multiple_of(256 << 10) {
        let why = format!("{} is no multiple of 256 KiB", settings.chunk_size);
        return Err(refused(DRIVER, "chunksize", why));
    }
    let endpoint = settings.endpoint.as_deref().map(|endpoint| with_scheme(endpoint, true));
    let plain = endpoint.as_deref().is_some_and(is_plain);
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&settings.bucket)
        .with_retry(retry(8, Duration::from_millis(100)))
        .with_client_options(client_options(DRIVER, settings.user_agent.as_deref(), false, plain)?);
    if let Some(endpoint) = &endpoint {
        builder = builder.with_base_url(endpoint);
    }
    builder = match &settings.credentials {
        GcsCredentials::KeyFile(path) => builder.with_service_account_path(path),
        GcsCredentials::Key(json) => builder.with_service_account_key(json.reveal()),
        GcsCredentials::Default => builder,
        GcsCredentials::Anonymous => {
            builder.with_service_account_key(NOBODY).with_skip_signature(true)
        }
    };
    let store = Arc::new(builder.build().map_err(|error| unusable(DRIVER, &error))?);
    let can_sign = !matches!(settings.credentials, GcsCredentials::Anonymous);
    Ok(Clients {
        objects: store.clone(),
        multipart: store.clone(),
        pages: Some(store.clone()),
        signer: can_sign.then_some(store as _),
        public: endpoint.as_deref().is_none_or(super::is_public),
        root: root(DRIVER, &settings.root)?,
        part: chunk_size(DRIVER, settings.chunk_size)?,
        smallest_part: 5 * MIB,
        attributes: Attributes::new(),
        part_copy: None,
        name: format!("Google Cloud Storage bucket {}", settings.bucket),
    })
}

/// An account without a key: keeps the library from looking for another one.
const NOBODY: &str =
    r#"{"private_key":"","private_key_id":"","client_email":"","disable_oauth":true}"#;
