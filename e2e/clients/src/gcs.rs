//! fake-gcs-server: the JSON and XML interface of Google Cloud Storage over plain files.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::registry::free_port;
use crate::s3::{self, BUCKET};

/// A running server with an empty bucket.
#[derive(Debug)]
pub struct FakeGcs {
    _daemon: Daemon,
    endpoint: String,
    folder: TempDir,
}

impl FakeGcs {
    /// Starts it; for its file backend a folder is a bucket.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join(BUCKET)).unwrap();
        let port = free_port().to_string();
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut server = Command::new("fake-gcs-server");
        server
            .args(["-scheme", "http", "-host", "127.0.0.1", "-port", &port])
            .args(["-backend", "filesystem", "-external-url", &endpoint, "-filesystem-root"])
            .arg(&data);
        let daemon = Daemon::start(&server, &folder.path().join("log"), "KILL");
        let ready = format!("{endpoint}/storage/v1/b/{BUCKET}");
        daemon.wait_until("fake-gcs-server", || s3::answers(&ready));
        let server = Self { _daemon: daemon, endpoint, folder };
        std::fs::write(server.key(), server.key_text()).unwrap();
        server
    }

    /// The driver's lines of `storage`.
    pub fn section(&self) -> String {
        let key = self.key();
        format!("  gcs:\n    bucket: {BUCKET}\n    keyfile: {}\n", key.display())
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.json")
    }

    /// A key file may name another server than Google's and do without a token; nobody signs with it.
    fn key_text(&self) -> String {
        json!({
            "gcs_base_url": self.endpoint,
            "disable_oauth": true,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        })
        .to_string()
    }
}
