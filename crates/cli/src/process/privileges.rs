//! From root to an ordinary user.
//!
//! Volumes and keys of the original belong to root, so a container starts as
//! root. What needs root is done first (ports, keys); then the process serves
//! as the user of `berth.run_as`. A tree that root owns and that nobody said to
//! hand over stays with root, and so does the process: going back to the
//! original must not fail on file owners.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

use crate::config::berth::RunAs;
use crate::process::lock::own_directory;

/// What became of the process' user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing was asked for, or the process is not root.
    Unchanged,
    /// The process is now this user.
    Became(u32),
    /// The process stays root; why.
    StaysRoot(String),
}

/// Becomes the user of `run_as` if the directory that holds the registry's data
/// allows it; `None` if none does. `readable` are files that will be read again
/// later.
pub(crate) fn drop_to(
    run_as: Option<&RunAs>,
    root: Option<&Path>,
    readable: &[&Path],
) -> Result<Outcome, String> {
    let Some(run_as) = run_as else { return Ok(Outcome::Unchanged) };
    if !nix::unistd::geteuid().is_root() {
        return Ok(Outcome::Unchanged);
    }
    if let Some(reason) = obstacle(run_as, root, readable)? {
        return Ok(Outcome::StaysRoot(reason));
    }
    match become_user(run_as.uid, run_as.gid) {
        Ok(()) => Ok(Outcome::Became(run_as.uid)),
        // Without the capability (`--cap-drop ALL`) root has nothing left to lose.
        Err(nix::errno::Errno::EPERM) => {
            Ok(Outcome::StaysRoot("the container may not change users".to_owned()))
        }
        Err(error) => Err(format!("berth.run_as: becoming user {}: {error}", run_as.uid)),
    }
}

/// Who owns what lies in `directory`: each user with one path as an example. Looks at no more than
/// `most` entries and follows no links; a directory that is not there has no owners.
pub(crate) fn owners(directory: &Path, most: usize) -> std::io::Result<BTreeMap<u32, PathBuf>> {
    let mut owners = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    for _ in 0..most {
        let Some(path) = open.pop() else { break };
        let metadata = match std::fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            // A running server removes files at any moment.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            let entries = std::fs::read_dir(&path)?.take(most.saturating_sub(open.len()));
            open.extend(entries.flatten().map(|entry| entry.path()));
        }
        owners.entry(metadata.uid()).or_insert(path);
    }
    Ok(owners)
}

/// Becomes the owner of the storage directory, if root runs this on a tree that
/// was handed over: files of root in it would lock the server out.
pub(crate) fn follow_owner(root: &Path) -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    match serving_user(root) {
        None | Some((0, _)) => Ok(()),
        Some((uid, gid)) => become_user(uid, gid).map_err(|error| {
            let shown = root.display();
            format!("{shown} belongs to user {uid}, who this command cannot become: {error}")
        }),
    }
}

/// User and group of the server of this directory, as far as its files tell; `None` if there are none.
pub(crate) fn serving_user(root: &Path) -> Option<(u32, u32)> {
    // What a server wrote says who it is; the top may be somebody else's mount point.
    let own = own_directory(root);
    let places = [own.join("berth.db"), own, root.join("docker"), root.to_owned()];
    let metadata = places.iter().find_map(|path| std::fs::metadata(path).ok())?;
    Some((metadata.uid(), metadata.gid()))
}

fn obstacle(
    run_as: &RunAs,
    root: Option<&Path>,
    readable: &[&Path],
) -> Result<Option<String>, String> {
    for path in readable {
        if let Ok(metadata) = std::fs::metadata(path)
            && metadata.uid() != run_as.uid
            && metadata.mode() & 0o004 == 0
        {
            return Ok(Some(format!("{} is readable for root only", path.display())));
        }
    }
    let Some(root) = root else { return Ok(None) };
    let shown = root.display();
    std::fs::create_dir_all(root)
        .map_err(|e| format!("storage.filesystem.rootdirectory: {shown}: {e}"))?;
    let owner = std::fs::metadata(root).map_err(|e| format!("{shown}: {e}"))?.uid();
    let adopted = owner == run_as.uid;
    if !adopted && !is_empty(root) && !run_as.adopt {
        return Ok(Some(format!(
            "{shown} belongs to user {owner}; `berth adopt` or berth.run_as.adopt hands it over"
        )));
    }
    if !adopted && let Err(error) = hand_over(root, run_as.uid, run_as.gid) {
        return Ok(Some(format!("{shown} cannot be handed over: {error}")));
    }
    Ok(None)
}

/// Nothing in it, or only what Berth itself left there as root a moment ago.
fn is_empty(root: &Path) -> bool {
    let own = own_directory(root);
    std::fs::read_dir(root).is_ok_and(|entries| {
        entries.flatten().all(|entry| entry.path() == own && !own.join("berth.db").exists())
    })
}

/// Gives a tree to a user, without following links. The top comes last: its
/// owner says that everything below has changed hands.
pub(crate) fn hand_over(root: &Path, uid: u32, gid: u32) -> std::io::Result<u64> {
    let mut changed = 0;
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        if path != root {
            changed += give(&path, uid, gid)?;
        }
        if std::fs::symlink_metadata(&path)?.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        }
    }
    Ok(changed + give(root, uid, gid)?)
}

fn give(path: &Path, uid: u32, gid: u32) -> std::io::Result<u64> {
    let metadata = std::fs::symlink_metadata(path)?;
    if metadata.uid() == uid && metadata.gid() == gid {
        return Ok(0);
    }
    lchown(path, Some(uid), Some(gid))?;
    Ok(1)
}

fn become_user(uid: u32, gid: u32) -> nix::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    setgroups(&[gid])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)
}
