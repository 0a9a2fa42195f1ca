//! versitygw: S3 over plain files, with other habits than MinIO's.

use std::process::Command;

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::registry::free_port;
use crate::s3;

/// A running gateway with an empty bucket.
#[derive(Debug)]
pub struct VersityGateway {
    _daemon: Daemon,
    host: String,
    _folder: TempDir,
}

impl VersityGateway {
    /// Starts it; for its file backend a folder is a bucket.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join(s3::BUCKET)).unwrap();
        let host = format!("127.0.0.1:{}", free_port());
        let mut server = Command::new("versitygw");
        server
            .args(["--access", s3::ACCESS_KEY, "--secret", s3::SECRET_KEY])
            .args(["--region", s3::REGION, "--port", &host, "--quiet", "posix"])
            .arg(&data);
        let daemon = Daemon::start(&server, &folder.path().join("log"), "KILL");
        let endpoint = format!("http://{host}");
        daemon.wait_until("versitygw", || s3::answers(&endpoint));
        Self { _daemon: daemon, host, _folder: folder }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The driver's lines of `storage`.
    pub fn section(&self) -> String {
        s3::section(&format!("http://{}", self.host))
    }
}
