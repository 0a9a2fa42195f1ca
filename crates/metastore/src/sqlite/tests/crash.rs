//! A process that is killed while it writes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use store::ContentStore;

use super::*;

/// Names the directory; its presence makes this process the one that is killed.
const CHILD: &str = "METASTORE_CRASH_DIRECTORY";

fn open_durably(directory: &Path) -> Arc<Sqlite> {
    let path = directory.join("berth");
    Sqlite::open(OpenOptions { path, synchronous_off: false }).unwrap()
}

/// Pushes on and on, and prints each tag after it was acknowledged.
#[tokio::test]
async fn the_process_that_is_killed() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let store = open_durably(Path::new(&directory));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for number in 0..5000 {
                let name = format!("t{writer}-{number}");
                store.put_manifest(push(&name, &[], &[&name]), Box::new(|_| Ok(()))).await.unwrap();
                let line = format!("\nacknowledged {name}\n");
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    writers.join_all().await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let directory = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sqlite::tests::crash::the_process_that_is_killed", "--nocapture"])
        .env(CHILD, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some(tag) = line.unwrap().strip_prefix("acknowledged ") {
            acknowledged.push(tag.to_owned());
        }
        if acknowledged.len() == 300 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= 300);
    let store = open_durably(directory.path());
    for tag in acknowledged {
        let found = store.manifest(&repository("a"), &by_tag(&tag)).await.unwrap();
        assert_eq!(found.map(|manifest| manifest.digest), Some(sha256(&tag)), "{tag}");
    }
    let work = |connection: &rusqlite::Connection| {
        let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        Ok(check)
    };
    assert_eq!(store.write_soft(work).await.unwrap(), "ok");
}
