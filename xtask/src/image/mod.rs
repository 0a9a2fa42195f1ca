//! The container image, from scratch: the binary and what it needs, written without a container engine
//! and without the network. The same inputs give the same bytes.

mod archive;
mod libraries;
mod rootfs;

use std::path::PathBuf;

use crate::shell::{self, Outcome};
use crate::workspace;

/// The image has no shell and no distribution, so it stays small; growth is a mistake in the making.
const LARGEST: u64 = 45 * 1000 * 1000;

/// What the task `image` is asked for: nothing yet.
#[derive(clap::Args)]
pub(crate) struct Options {}

/// Builds the image and says how to load it.
pub(crate) fn run(_: &Options) -> Outcome<()> {
    build()?;
    println!("docker load --input {}", archive().display());
    Ok(())
}

/// Where the archive for `docker load` is left.
pub(crate) fn archive() -> PathBuf {
    workspace::target().join("image/berth.tar")
}

/// Builds the release binary, then the archive around it.
pub(crate) fn build() -> Outcome<()> {
    shell::run(shell::cargo().args(["build", "--release", "--package", "berth"]))?;
    let entries = rootfs::entries(&workspace::berth())?;
    let bytes = archive::docker_archive(&entries)?;
    let path = archive();
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(&path, &bytes).map_err(failed)?;
    let size = bytes.len() as u64;
    println!("{}: {:.1} MB", path.display(), size as f64 / 1e6);
    if size > LARGEST {
        return Err(format!("the image has {size} bytes, more than {LARGEST}"));
    }
    Ok(())
}
