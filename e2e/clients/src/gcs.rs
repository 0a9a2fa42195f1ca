//! A bucket as Google Cloud Storage speaks of it. The XML interface, which knows uploads in parts, is
//! S3's with other words for credentials, so MinIO answers it where nobody has to sign. (fake-gcs-server
//! has no uploads in parts.)

use serde_json::json;

use crate::cluster::settings;
use crate::minio::Minio;
use crate::registry::Registry;
use crate::s3::{self, BUCKET};

/// A running server with an empty bucket that is open to all.
#[derive(Debug)]
pub struct OpenBucket(Minio);

impl OpenBucket {
    /// Starts it.
    pub fn start() -> Self {
        let store = Minio::start();
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": ["*"] },
                "Action": ["s3:*"],
                "Resource": [format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*")],
            }],
        });
        s3::open_to_all(&store.endpoint(), &policy.to_string());
        Self(store)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    /// A registry on it, which finds it as Google's own libraries find an emulator.
    pub fn registry(&self, metadata: &str) -> Registry {
        let section = format!("  gcs:\n    bucket: {BUCKET}\n    rootdirectory: /images\n");
        let settings = settings(&section, metadata);
        settings.with_variable("STORAGE_EMULATOR_HOST", &self.0.endpoint()).start()
    }
}
