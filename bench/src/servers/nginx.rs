//! nginx with static files under the paths of a registry: what the machine can do without one.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::content::LargeBlob;
use crate::folder;
use crate::seed;

/// Where the static manifest is served.
pub(crate) const MANIFEST_TARGET: &str = "/v2/bench/image/manifests/latest";

/// Where the large blob is served.
pub(crate) const BLOB_TARGET: &str = "/v2/bench/large/blobs/large";

pub(super) fn configure(command: &mut Command, folder: &Path, port: u16) -> Outcome<()> {
    let manifest = folder.join("www").join(MANIFEST_TARGET.trim_start_matches('/'));
    folder::create(manifest.parent().unwrap_or(folder))?;
    folder::write(&manifest, &seed::Image::new().manifest)?;
    folder::create(&folder.join("temporary"))?;
    let config = folder.join("nginx.conf");
    folder::write(&config, text(port).as_bytes())?;
    command.arg("-p").arg(folder).arg("-c").arg(config).arg("-e").arg(folder.join("error.log"));
    Ok(())
}

/// Writes the large blob where nginx serves it, synced.
pub(crate) fn write_blob(folder: &Path, blob: &LargeBlob) -> Outcome<()> {
    let path = folder.join("www").join(BLOB_TARGET.trim_start_matches('/'));
    folder::create(path.parent().unwrap_or(folder))?;
    let write = || {
        let mut file = std::fs::File::create(&path)?;
        for _ in 0..blob.blocks {
            file.write_all(&blob.block)?;
        }
        file.sync_all()
    };
    write().map_err(|error| format!("{}: {error}", path.display()))
}

/// Debian's settings for sending files, two workers, no access log, and no end of a connection after
/// some thousand requests.
pub(crate) fn text(port: u16) -> String {
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path temporary/{kind};\n"))
        .concat();
    format!(
        "{user}daemon off;\nworker_processes 2;\npid nginx.pid;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n{temporary}  access_log off;\n  sendfile on;\n  tcp_nopush on;\n\
         \x20 keepalive_requests 1000000000;\n\
         \x20 server {{\n    listen 127.0.0.1:{port};\n    root www;\n\
         \x20   default_type {};\n    location = /v2/ {{ return 200 '{{}}'; }}\n  }}\n}}\n",
        seed::IMAGE_MANIFEST,
    )
}
