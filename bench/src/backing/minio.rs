//! MinIO on a folder of its own, with one empty bucket.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::Calls;
use crate::process::{Process, answers, free_port};
use crate::servers::on_path;
use crate::{Outcome, folder};

pub(super) const ACCESS_KEY: &str = "benchmark";
pub(super) const SECRET_KEY: &str = "a secret of the benchmark";
pub(super) const REGION: &str = "us-east-1";
pub(super) const BUCKET: &str = "registry";

/// Answers 200 once requests are served.
pub(crate) const READY: &str = "/minio/health/ready";

/// A running store.
pub(crate) struct Minio {
    process: Process,
    address: SocketAddr,
}

impl Minio {
    pub(super) fn start(folder: &Path) -> Outcome<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut server = command(&program()?, folder, address.port())?;
        let mut process = Process::spawn("minio", &mut server, folder.join("log"), Signal::TERM)?;
        process.wait_until(|| answers(address, READY))?;
        Ok(Self { process, address })
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    /// The driver's lines of `storage`, the same for every registry. Both generations of the original
    /// take these keys, each passing over what it does not know.
    pub(crate) fn section(&self) -> String {
        format!(
            "  s3:\n    accesskey: {ACCESS_KEY}\n    secretkey: {SECRET_KEY}\n    region: {REGION}\n\
             \x20   regionendpoint: http://{}\n    bucket: {BUCKET}\n    forcepathstyle: true\n\
             \x20   secure: false\n  redirect:\n    disable: true\n",
            self.address,
        )
    }

    /// The calls that it has answered since its start.
    pub(crate) async fn calls(&self) -> Outcome<Calls> {
        Calls::settled(self.address).await
    }
}

/// The command that serves `folder` on `port`.
pub(crate) fn command(program: &Path, folder: &Path, port: u16) -> Outcome<Command> {
    let data = folder.join("data");
    // A folder of the drive is a bucket.
    folder::create(&data.join(BUCKET))?;
    let mut server = Command::new(program);
    server
        .args(["server", "--quiet", "--address", &format!("127.0.0.1:{port}")])
        .arg(&data)
        .env("HOME", folder)
        .env("MINIO_ROOT_USER", ACCESS_KEY)
        .env("MINIO_ROOT_PASSWORD", SECRET_KEY)
        .env("MINIO_REGION", REGION)
        .env("MINIO_PROMETHEUS_AUTH_TYPE", "public")
        .env("MINIO_BROWSER", "off")
        .env("MINIO_UPDATE", "off");
    Ok(server)
}

pub(super) fn program() -> Outcome<PathBuf> {
    on_path("minio").ok_or_else(|| "minio is missing (`cargo xtask tools --install`)".into())
}
