//! Replicas whose registry is moved away while they serve it.

use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};

use clients::balancer::Retry;
use clients::cluster::Cluster;
use clients::http::{Client, digest};
use clients::registry::{Program, Settings, berth};

use super::{push, until};

const REPOSITORY: &str = "team/app";

/// Pushes tags through one replica until it is told that there are no pushes any more; those that
/// were acknowledged.
fn push_on(client: &Client, number: usize, manifest: &[u8]) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for count in 0.. {
        let tag = format!("t-{number}-{count}");
        match client.push_manifest(REPOSITORY, &tag, manifest).unwrap().status {
            201 => acknowledged.push(tag),
            // What the database refuses before the replica has heard why.
            503 => {}
            405 => return acknowledged,
            status => panic!("{tag}: {status}"),
        }
    }
    acknowledged
}

fn move_to(target: &Path, source: &Path, more: &[&str]) -> Output {
    berth().arg("move").arg("--to").arg(target).arg(source).args(more).output().unwrap()
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn replicas_are_moved_while_they_serve_and_nothing_acknowledged_stays_behind() {
    let cluster = Cluster::start(2, Retry::Unseen);
    let clients: Vec<_> = cluster.replicas.iter().map(|one| Client::new(&one.url())).collect();
    let image = push(&clients[0], REPOSITORY, "first");
    let folder = tempfile::tempdir().unwrap();
    let (root, target) = (folder.path().join("data"), folder.path().join("new.yml"));
    let storage = format!("  filesystem:\n    rootdirectory: {}\n", root.display());
    std::fs::write(&target, format!("version: 0.1\nstorage:\n{storage}")).unwrap();
    let source = cluster.replicas[0].config();
    let over = AtomicBool::new(false);
    let acknowledged: Vec<String> = std::thread::scope(|scope| {
        let pushers = clients.iter().enumerate().map(|(number, client)| {
            let manifest = &image.manifest;
            scope.spawn(move || push_on(client, number, manifest))
        });
        let pushers = pushers.collect::<Vec<_>>();
        let puller = scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                for client in &clients {
                    assert_eq!(client.get("/v2/team/app/manifests/first").status, 200);
                }
            }
        });
        let moved = move_to(&target, source, &[]);
        assert!(moved.status.success(), "{}\n{}", said(&moved), cluster.logs());
        assert!(said(&moved).contains("next: stop the replicas"), "{}", said(&moved));
        let acknowledged = pushers.into_iter().flat_map(|one| one.join().unwrap()).collect();
        over.store(true, Ordering::SeqCst);
        puller.join().unwrap();
        acknowledged
    });
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    println!("{} pushes were acknowledged during the move", acknowledged.len());
    // Nothing is left to be moved, and the replicas say why they take no pushes.
    let again = move_to(&target, source, &["--resume"]);
    assert!(said(&again).contains("0 blobs (0 B) were copied"), "{}", said(&again));
    assert_eq!(clients[0].push_manifest(REPOSITORY, "late", &image.manifest).unwrap().status, 405);
    until(&clients[1], "/readyz", |answer| answer.json()["notes"]["move"].is_string());

    let server = Settings::of(Program::Berth).at(&root).start();
    let client = Client::new(&server.url());
    for tag in acknowledged.iter().map(String::as_str).chain(["first"]) {
        let found = client.get(&format!("/v2/{REPOSITORY}/manifests/{tag}"));
        assert_eq!((found.status, &found.body), (200, &image.manifest), "{tag} is lost");
    }
    for blob in &image.blobs {
        let found = client.get(&format!("/v2/{REPOSITORY}/blobs/{}", digest(blob)));
        assert_eq!(found.body, *blob);
    }
    drop(server);

    // The way back: the old stores take writes again, and what came since.
    let refused = move_to(source, &target, &[]);
    assert!(said(&refused).contains("its content has moved away"), "{}", said(&refused));
    let back = move_to(source, &target, &["--resume"]);
    assert!(back.status.success(), "{}", said(&back));
    for client in &clients {
        let thawed = || client.push_manifest(REPOSITORY, "back", &image.manifest).unwrap().status;
        until(client, "/readyz", |answer| answer.json()["notes"]["move"].is_null());
        assert_eq!(thawed(), 201);
    }
}
