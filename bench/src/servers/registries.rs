//! Berth and its peers. The two generations of the original get the configuration of Berth and, as in
//! their own images, an in-memory cache of blob descriptors.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Server;
use crate::Outcome;
use crate::folder;

pub(super) fn write_config(server: Server, folder: &Path, port: u16) -> Outcome<PathBuf> {
    let data = folder.join("data");
    folder::create(&data)?;
    let cache = match server {
        Server::DockerRegistry | Server::Distribution => "  cache:\n    blobdescriptor: inmemory\n",
        Server::Berth | Server::Olareg | Server::Nginx => "",
    };
    let text = format!(
        "version: 0.1\n\
         log:\n  level: error\n  accesslog:\n    disabled: true\n\
         storage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n{cache}\
         http:\n  addr: 127.0.0.1:{port}\n",
        // A JSON string is a YAML string, whatever the path holds.
        serde_json::Value::from(data.to_string_lossy()),
    );
    let config = folder.join("config.yml");
    folder::write(&config, text.as_bytes())?;
    Ok(config)
}

pub(super) fn olareg(command: &mut Command, folder: &Path, port: u16) -> Outcome<()> {
    let data = folder.join("data");
    folder::create(&data)?;
    command.args(["serve", "--addr", "127.0.0.1", "--verbosity", "error", "--api-delete"]);
    command.arg("--port").arg(port.to_string()).arg("--dir").arg(data);
    Ok(())
}
