//! A server whose disk is full, all of it: tables and log.
//!
//! Needs the right to mount.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use store::{ContentStore, StoreError, WriteError};

use super::*;

/// A mounted file system in memory. It goes with this value.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf, size: &str) -> Self {
        std::fs::create_dir(&at).unwrap();
        run(Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(&at));
        Self(at)
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Fills it to the last block.
    fn fill(&self) {
        let mut file = File::create(self.ballast()).unwrap();
        for size in [1 << 20, 4096] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        run(Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A server that has moved to a disk of its own.
fn on_a_small_disk() -> (Small, PostgresServer) {
    let server = PostgresServer::with("min_wal_size = 32MB\nmax_wal_size = 32MB\n");
    let (data, aside) = (server.directory().join("data"), server.directory().join("first"));
    let disk = Small::mount(server.directory().join("small"), "size=112m");
    server.stop();
    std::fs::rename(&data, &aside).unwrap();
    run(Command::new("cp").arg("-a").arg(&aside).arg(disk.0.join("data")));
    std::os::unix::fs::symlink(disk.0.join("data"), &data).unwrap();
    server.start_again();
    (disk, server)
}

/// A manifest of some 100 KB that does not get smaller.
fn large(name: &str) -> String {
    let lines = (0..1600).map(|line| sha256(&format!("{name} {line}")).hex());
    lines.collect::<Vec<_>>().join("\n")
}

async fn put(store: &Postgres, name: &str) -> Result<(), StoreError> {
    let command = push("a", &large(name), &[], &[name]);
    store.put_manifest(command, Box::new(|_| Ok(()))).await.map_err(|error| match error {
        WriteError::Store(error) => error,
        WriteError::Refused(refusal) => panic!("{refusal:?}"),
    })
}

async fn are_there(store: &Postgres, names: &[String]) {
    for name in names {
        let found = store.manifest(&repository("a"), &by_tag(name)).await.unwrap();
        let found = found.unwrap_or_else(|| panic!("{name} is lost"));
        assert_eq!(found.bytes, large(name).as_bytes());
    }
}

fn is_known(error: &StoreError) -> bool {
    matches!(error, StoreError::Full(_) | StoreError::Busy(_))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_full_disk_of_the_server_refuses_pushes_serves_pulls_and_heals() {
    // Unmounted before the server goes, however this ends.
    let (disk, server) = on_a_small_disk();
    let store = open(&server.url()).await;
    let mut acknowledged = Vec::new();
    for number in 0..20 {
        let name = format!("before-{number}");
        put(&store, &name).await.unwrap();
        acknowledged.push(name);
    }
    // The log gets a new segment, so that it has room when the tables have none:
    // a server that cannot write its log stops, which is an outage like others.
    server.sql("postgres", "CHECKPOINT; SELECT pg_switch_wal()");
    put(&store, "last").await.unwrap();
    disk.fill();
    let mut refused = Vec::new();
    for number in 0..40 {
        let name = format!("meanwhile-{number}");
        match put(&store, &name).await {
            Ok(()) => acknowledged.push(name),
            Err(error) => {
                assert!(is_known(&error), "{error:?}");
                refused.push((name, error));
            }
        }
        if refused.len() == 10 {
            break;
        }
    }
    assert!(refused.iter().any(|(_, error)| matches!(error, StoreError::Full(_))), "{refused:?}");
    are_there(&store, &acknowledged).await;
    disk.make_room();
    for (name, _) in refused {
        let healed = async {
            while put(&store, &name).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), healed).await.expect("it heals");
        acknowledged.push(name);
    }
    server.restart();
    let store = open(&server.url()).await;
    are_there(&store, &acknowledged).await;
}
