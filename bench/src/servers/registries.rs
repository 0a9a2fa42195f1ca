//! Berth and its peers. The two generations of the original get the configuration of Berth and, as in
//! their own images, an in-memory cache of blob descriptors.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Server;
use crate::Outcome;
use crate::backing::{Backing, Minio};
use crate::folder;

pub(super) fn write_config(
    server: Server,
    folder: &Path,
    port: u16,
    backing: &Backing,
) -> Outcome<PathBuf> {
    let cache = match server {
        Server::DockerRegistry | Server::Distribution => "  cache:\n    blobdescriptor: inmemory\n",
        _ => "",
    };
    let driver = match &backing.minio {
        Some(minio) => Minio::section(minio),
        None => filesystem(&folder.join("data"))?,
    };
    let own = berth_section(backing);
    let text = format!(
        "version: 0.1\n\
         log:\n  level: error\n  accesslog:\n    disabled: true\n\
         storage:\n{driver}  delete:\n    enabled: true\n{cache}\
         http:\n  addr: 127.0.0.1:{port}\n{own}"
    );
    let config = folder.join("config.yml");
    folder::write(&config, text.as_bytes())?;
    Ok(config)
}

/// What only Berth reads; nothing for the others.
fn berth_section(backing: &Backing) -> String {
    let Some(url) = backing.metadata_url() else { return String::new() };
    let cache = backing.cache.as_ref().map(|folder| {
        let folder = serde_json::Value::from(folder.to_string_lossy());
        format!("  storage:\n    cache:\n      directory: {folder}\n")
    });
    let url = serde_json::Value::from(url);
    format!("berth:\n  metadata:\n    url: {url}\n{}", cache.unwrap_or_default())
}

fn filesystem(data: &Path) -> Outcome<String> {
    folder::create(data)?;
    // A JSON string is a YAML string, whatever the path holds.
    let data = serde_json::Value::from(data.to_string_lossy());
    Ok(format!("  filesystem:\n    rootdirectory: {data}\n"))
}

pub(super) fn olareg(command: &mut Command, folder: &Path, port: u16) -> Outcome<()> {
    let data = folder.join("data");
    folder::create(&data)?;
    command.args(["serve", "--addr", "127.0.0.1", "--verbosity", "error", "--api-delete"]);
    command.arg("--port").arg(port.to_string()).arg("--dir").arg(data);
    Ok(())
}
