//! A disk whose power can be cut: ext4 on a loop device, shut down without flushing its log, so that
//! everything that was not synced is gone as after a real cut.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::command::run;

/// A mounted file system in a file of its own.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
    mounted: bool,
}

impl Disk {
    /// Makes one of `size` (as `truncate` reads it) and mounts it.
    pub fn new(size: &str) -> Self {
        let mut disk = Self { folder: tempfile::tempdir().unwrap(), mounted: false };
        std::fs::create_dir(disk.path()).unwrap();
        run("truncate", &["--size", size, &disk.file()]);
        run("mkfs.ext4", &["-q", &disk.file()]);
        disk.mount();
        disk
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Cuts the power: from now on every write and sync fails. Nobody is told beforehand.
    pub fn cut(&self) {
        run("xfs_io", &["-x", "-c", "shutdown", text(&self.path())]);
    }

    /// Switches it on again: what the log holds is replayed, the rest is lost.
    pub fn revive(&mut self) {
        self.unmount();
        self.mount();
    }

    fn file(&self) -> String {
        text(&self.folder.path().join("image")).to_owned()
    }

    fn mount(&mut self) {
        run("mount", &["-o", "loop", &self.file(), text(&self.path())]);
        self.mounted = true;
    }

    fn unmount(&mut self) {
        if std::mem::take(&mut self.mounted) {
            run("umount", &[text(&self.path())]);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A panic here would hide the test's own; the namespaces of the run take the mount with them.
        if self.mounted {
            let _ = std::process::Command::new("umount").arg("--lazy").arg(self.path()).status();
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
