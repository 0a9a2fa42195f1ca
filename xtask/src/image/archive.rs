//! The archive that `docker load` and `podman load` read: one layer, its configuration, and a list.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use super::rootfs::Entry;
use crate::shell::Outcome;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The moment that every file and the image itself bear, so that two builds of one commit are equal.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// The whole archive in memory: below the image's bound, so small.
pub(crate) fn docker_archive(entries: &BTreeMap<PathBuf, Entry>) -> Outcome<Vec<u8>> {
    let layer = tar_of(entries)?;
    let layer_digest = hex(&layer);
    let config = config(&layer_digest).to_string().into_bytes();
    let config_name = format!("{}.json", hex(&config));
    let layer_name = format!("{layer_digest}/layer.tar");
    let list = json!([{
        "Config": config_name,
        "RepoTags": [format!("berth:{VERSION}"), "berth:latest"],
        "Layers": [layer_name],
    }]);
    tar_of(&BTreeMap::from([
        (PathBuf::from(config_name), Entry::File(0o644, config)),
        (PathBuf::from(&layer_digest), Entry::Folder(0o755)),
        (PathBuf::from(layer_name), Entry::File(0o644, layer)),
        (PathBuf::from("manifest.json"), Entry::File(0o644, list.to_string().into_bytes())),
    ]))
}

/// Entry point, default command, port and volume are those of the original's image.
fn config(layer_digest: &str) -> serde_json::Value {
    json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "created": CREATED,
        "config": {
            "Env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "BERTH_RUN_AS_UID=10001",
                "BERTH_RUN_AS_GID=10001",
            ],
            "Entrypoint": ["/entrypoint.sh"],
            "Cmd": ["/etc/docker/registry/config.yml"],
            "ExposedPorts": { "5000/tcp": {} },
            "Volumes": { "/var/lib/registry": {} },
            "Labels": {
                "org.opencontainers.image.title": "berth",
                "org.opencontainers.image.version": VERSION,
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_digest}")] },
        "history": [{ "created": CREATED, "created_by": "cargo xtask image" }],
    })
}

fn tar_of(entries: &BTreeMap<PathBuf, Entry>) -> Outcome<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, entry) in entries {
        append(&mut tar, path, entry).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    tar.into_inner().map_err(|error| error.to_string())
}

fn append(tar: &mut tar::Builder<Vec<u8>>, path: &Path, entry: &Entry) -> std::io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    match entry {
        Entry::Folder(mode) => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(*mode);
            tar.append_data(&mut header, path, std::io::empty())
        }
        Entry::File(mode, bytes) => {
            header.set_entry_type(EntryType::Regular);
            header.set_mode(*mode);
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, path, bytes.as_slice())
        }
        Entry::Link(to) => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            tar.append_link(&mut header, path, to)
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_entries_give_the_same_bytes_and_the_layer_has_the_digest_that_the_config_names() {
        let entries = BTreeMap::from([
            (PathBuf::from("bin"), Entry::Folder(0o755)),
            (PathBuf::from("bin/berth"), Entry::File(0o755, b"program".to_vec())),
            (PathBuf::from("bin/registry"), Entry::Link("berth")),
        ]);
        let archive = docker_archive(&entries).unwrap();
        assert_eq!(archive, docker_archive(&entries).unwrap());
        let layer = hex(&tar_of(&entries).unwrap());
        let text = String::from_utf8_lossy(&archive).into_owned();
        assert!(text.contains(&format!("\"diff_ids\":[\"sha256:{layer}\"]")));
        assert!(text.contains(&format!("\"Layers\":[\"{layer}/layer.tar\"]")));
    }
}
