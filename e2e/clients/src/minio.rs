//! MinIO on a folder of its own: the S3 store that most people run themselves.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::registry::free_port;
use crate::s3;

/// A running server with an empty bucket.
#[derive(Debug)]
pub struct Minio {
    daemon: Daemon,
    host: String,
    folder: TempDir,
}

impl Minio {
    /// Starts it and makes the bucket.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = format!("127.0.0.1:{}", free_port());
        let mut server = Command::new("minio");
        server
            .args(["server", "--quiet", "--address", &host])
            .arg(folder.path().join("data"))
            .env("HOME", folder.path())
            .env("MINIO_ROOT_USER", s3::ACCESS_KEY)
            .env("MINIO_ROOT_PASSWORD", s3::SECRET_KEY)
            .env("MINIO_REGION", s3::REGION)
            .env("MINIO_BROWSER", "off")
            .env("MINIO_UPDATE", "off");
        let daemon = Daemon::start(&server, &folder.path().join("log"), "KILL");
        let store = Self { daemon, host, folder };
        store.daemon.wait_until("minio", || s3::make_bucket(&store.endpoint()));
        store
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.host)
    }

    /// The folder of its data. A folder in it stands for an object, and bears its name.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The driver's lines of `storage`.
    pub fn section(&self) -> String {
        s3::section(&self.endpoint())
    }

    /// Holds the process: connections are taken by the kernel and nobody answers.
    pub fn pause(&self) {
        self.daemon.signal("STOP");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.daemon.signal("CONT");
    }
}
