//! Building older versions of Berth out of this repository's own history, for the tests of upgrades.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::{self, Outcome};
use crate::tools::{self, OlderBerth};
use crate::workspace;

/// Where older versions are built. What they depend on is largely the same, so it is compiled once for all.
pub(super) struct Yard {
    folder: PathBuf,
}

impl Yard {
    /// An empty one in the cache folder; an interrupted build has left nothing in it.
    pub(super) fn open() -> Outcome<Self> {
        let folder = tools::cache().join("older-berth.unfinished");
        remove(&folder)?;
        std::fs::create_dir_all(&folder).map_err(at(&folder))?;
        Ok(Self { folder })
    }

    /// Builds this version and keeps nothing but its binary.
    pub(super) fn build(&self, version: &OlderBerth) -> Outcome<()> {
        let source = self.folder.join(version.program);
        self.unpack(version, &source)?;
        let target = self.folder.join("target");
        let mut cargo = shell::cargo();
        cargo
            .current_dir(&source)
            // Without what only a debugger reads: it is most of the size.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_STRIP", "symbols")
            .env("CARGO_INCREMENTAL", "0")
            .args(["build", "--quiet", "--locked", "--package", "berth"])
            // As in `build_cargo`: these run for seconds.
            .args(["--config", "profile.dev.package.\"*\".opt-level=0", "--target-dir"])
            .arg(&target);
        shell::run(&mut cargo)?;
        let folder = version.folder();
        std::fs::create_dir_all(&folder).map_err(at(&folder))?;
        let built = target.join("debug/berth");
        std::fs::rename(&built, folder.join(version.program)).map_err(at(&built))?;
        remove(&source)
    }

    /// The tree of its commit, without a work tree of git's.
    fn unpack(&self, version: &OlderBerth, source: &Path) -> Outcome<()> {
        must_have(version)?;
        let archive = self.folder.join("source.tar");
        let mut git = git();
        git.args(["archive", "--format=tar", "--output"]).arg(&archive).arg(version.commit);
        shell::run(&mut git)?;
        let file = File::open(&archive).map_err(at(&archive))?;
        tar::Archive::new(file).unpack(source).map_err(at(source))?;
        std::fs::remove_file(&archive).map_err(at(&archive))
    }

    /// Removes all that was only needed to build.
    pub(super) fn close(self) -> Outcome<()> {
        remove(&self.folder)
    }
}

fn git() -> Command {
    let mut git = Command::new("git");
    git.current_dir(workspace::root());
    git
}

fn must_have(version: &OlderBerth) -> Outcome<()> {
    let commit = format!("{}^{{commit}}", version.commit);
    let mut look = git();
    look.args(["cat-file", "-e", &commit]).stderr(Stdio::null());
    if look.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(format!(
        "{} is built from commit {}, which this checkout does not have: its history is cut off \
         (`git fetch --unshallow` brings the rest) or it is no clone at all (then make one)",
        version.program, version.commit,
    ))
}

fn remove(folder: &Path) -> Outcome<()> {
    if folder.exists() { std::fs::remove_dir_all(folder).map_err(at(folder)) } else { Ok(()) }
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_is_not_in_the_checkout_is_named_with_the_way_out() {
        let commit = "0000000000000000000000000000000000000001";
        let refused = must_have(&OlderBerth { program: "berth-lost", commit });
        let said = refused.expect_err("there is no such commit");
        for word in ["berth-lost", commit, "git fetch --unshallow"] {
            assert!(said.contains(word), "{said}");
        }
    }
}
