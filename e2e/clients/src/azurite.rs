//! Azurite: Microsoft's own stand-in for Azure Blob Storage.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tempfile::TempDir;

use crate::command;
use crate::daemon::Daemon;
use crate::registry::free_port;
use crate::s3;

/// The account and key that every installation of it knows; they are printed in its manual.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const CONTAINER: &str = "registry";
const VERSION: &str = "2021-08-06";

/// A running server with an empty container.
#[derive(Debug)]
pub struct Azurite {
    _daemon: Daemon,
    endpoint: String,
    _folder: TempDir,
}

impl Azurite {
    /// Starts it and makes the container.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port().to_string();
        let mut server = Command::new("azurite-blob");
        server
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port, "--silent"])
            .args(["--skipApiVersionCheck", "--disableTelemetry", "--location"])
            .arg(folder.path());
        let daemon = Daemon::start(&server, &folder.path().join("log"), "KILL");
        let endpoint = format!("http://127.0.0.1:{port}/{ACCOUNT}");
        daemon.wait_until("azurite", || s3::answers(&endpoint));
        make_container(&endpoint);
        Self { _daemon: daemon, endpoint, _folder: folder }
    }

    /// Where it is and who may use it, for the adapter's own tests.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("BERTH_TEST_AZURE", self.endpoint.clone()),
            ("BERTH_TEST_AZURE_CONTAINER", CONTAINER.to_owned()),
            ("BERTH_TEST_AZURE_ACCOUNT", ACCOUNT.to_owned()),
            ("BERTH_TEST_AZURE_KEY", KEY.to_owned()),
        ]
    }

    /// The driver's lines of `storage`.
    pub fn section(&self) -> String {
        let endpoint = &self.endpoint;
        format!(
            "  azure:\n    accountname: {ACCOUNT}\n    accountkey: {KEY}\n    container: {CONTAINER}\n    serviceurl: {endpoint}\n"
        )
    }
}

/// One request under the account's key, as Azure signs them ("Shared Key").
fn make_container(endpoint: &str) {
    let mut clock = command::command("date");
    let date = command::ok(clock.env("LC_ALL", "C").args(["-u", "+%a, %d %b %Y %H:%M:%S GMT"]));
    let headers = format!("x-ms-date:{date}\nx-ms-version:{VERSION}\n");
    let resource = format!("/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container");
    // Eleven standard headers, none of which is sent, stand between the method and our own.
    let to_sign = format!("PUT{}{headers}{resource}", "\n".repeat(12));
    let mut signature = Hmac::<Sha256>::new_from_slice(&BASE64.decode(KEY).unwrap()).unwrap();
    signature.update(to_sign.as_bytes());
    let signature = BASE64.encode(signature.finalize().into_bytes());
    ureq::put(&format!("{endpoint}/{CONTAINER}?restype=container"))
        .header("x-ms-date", &date)
        .header("x-ms-version", VERSION)
        .header("Authorization", &format!("SharedKey {ACCOUNT}:{signature}"))
        .send_empty()
        .unwrap();
}
