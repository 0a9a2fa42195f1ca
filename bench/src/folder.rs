//! Where the data goes: a new folder for every server and round, all of them deleted at the very end,
//! because making files is slow for minutes after many were deleted.

use std::path::{Path, PathBuf};

use crate::Outcome;

/// The folder of one run; deleted with everything in it when dropped.
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    /// Makes the folder under `parent`, which must not lie in memory and must have `needed` bytes.
    pub(crate) fn create(parent: &Path, needed: u64) -> Outcome<Self> {
        create(parent)?;
        let failed = |error| format!("{}: {error}", parent.display());
        let parent = parent.canonicalize().map_err(failed)?;
        let statistics = rustix::fs::statfs(&parent)
            .map_err(|error| format!("{}: {error}", parent.display()))?;
        if file_system(&statistics) == "tmpfs" {
            return Err(format!(
                "{} lies in memory, where nothing is ever synced; name a folder on a disk with --dir",
                parent.display()
            ));
        }
        let free = free_bytes(&parent)?;
        if free < needed {
            return Err(format!(
                "{} has {:.1} GiB free, the run needs up to {:.1} GiB; name another folder with \
                 --dir, or fewer rounds, servers or work",
                parent.display(),
                gibibytes(free),
                gibibytes(needed),
            ));
        }
        let folder = parent.join(format!("run-{}", std::process::id()));
        create(&folder)?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The name of the file system that holds the data.
    pub(crate) fn file_system(&self) -> &'static str {
        rustix::fs::statfs(&self.0).map_or("an unknown file system", |found| file_system(&found))
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} is left over: {error}", self.0.display());
        }
    }
}

pub(crate) fn create(folder: &Path) -> Outcome<()> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

pub(crate) fn write(file: &Path, bytes: &[u8]) -> Outcome<()> {
    std::fs::write(file, bytes).map_err(|error| format!("{}: {error}", file.display()))
}

fn free_bytes(folder: &Path) -> Outcome<u64> {
    let found =
        rustix::fs::statvfs(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

fn gibibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

fn file_system(statistics: &rustix::fs::StatFs) -> &'static str {
    match statistics.f_type {
        0xef53 => "ext4",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x2fc1_2fc1 => "zfs",
        0x794c_7630 => "overlayfs",
        0x0102_1994 => "tmpfs",
        _ => "another file system",
    }
}
