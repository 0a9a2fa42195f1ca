//! The arrows between our crates, read from what cargo itself resolves: an adapter that learns of the
//! domain, or a domain that learns of HTTP, is found here on the day it happens.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "cargo's own answer has the shape that cargo documents, or this test ends"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Each room and the rooms below it that it may know. The binary may know all.
const MAY_KNOW: [(&str, &[&str]); 9] = [
    ("oci", &[]),
    ("store", &["oci"]),
    ("blobstore", &["oci", "store"]),
    ("metastore", &["oci", "store"]),
    ("identity", &["oci", "store"]),
    ("registry", &["oci", "store", "identity"]),
    ("server", &["oci", "store", "identity", "registry"]),
    ("workers", &["oci", "store", "registry"]),
    (
        "berth",
        &["oci", "store", "blobstore", "metastore", "identity", "registry", "server", "workers"],
    ),
];

/// Crates that only these rooms may depend on: everything else asks them.
const WALLED: [(&str, &[&str]); 10] = [
    ("rusqlite", &["metastore"]),
    ("tokio-postgres", &["metastore"]),
    ("object_store", &["blobstore"]),
    ("hyper", &["server"]),
    ("argon2", &["identity"]),
    ("ldap3", &["identity"]),
    // The server asks others through one checked client; a command asks the server that its user names.
    ("reqwest", &["identity", "berth"]),
    // The database's and the directory's connections are encrypted by the same library as the clients'.
    ("rustls", &["server", "metastore", "identity"]),
    ("tokio-rustls", &["server", "metastore"]),
    ("prometheus-client", &["server"]),
];

/// Package name → what its Cargo.toml depends on outside of tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let done = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .filter(|package| package["manifest_path"].as_str().unwrap().contains("/crates/"))
        .map(|package| {
            let all = package["dependencies"].as_array().unwrap().iter();
            (
                name(package),
                all.filter(|one| one["kind"].as_str() != Some("dev")).map(name).collect(),
            )
        })
        .collect()
}

#[test]
fn every_crate_knows_only_the_rooms_below_it() {
    let dependencies = dependencies();
    let ours: BTreeSet<_> = MAY_KNOW.iter().map(|(room, _)| (*room).to_owned()).collect();
    for (room, may_know) in MAY_KNOW {
        let knows: BTreeSet<_> = dependencies[room].intersection(&ours).cloned().collect();
        let allowed = may_know.iter().map(|below| (*below).to_owned()).collect();
        let forbidden: Vec<_> = knows.difference(&allowed).collect();
        assert!(forbidden.is_empty(), "{room} must not know {forbidden:?}");
    }
}

#[test]
fn every_crate_has_its_place_among_the_arrows() {
    let mut placed: BTreeSet<_> = MAY_KNOW.iter().map(|(room, _)| (*room).to_owned()).collect();
    placed.insert("testkit".to_owned());
    assert_eq!(dependencies().into_keys().collect::<BTreeSet<_>>(), placed);
}

#[test]
fn the_test_kit_is_never_part_of_the_product() {
    for (room, knows) in dependencies() {
        assert!(!knows.contains("testkit"), "{room} depends on testkit outside of its tests");
    }
}

#[test]
fn the_database_and_the_socket_stand_behind_one_wall_each() {
    for (room, knows) in dependencies().into_iter().filter(|(room, _)| room != "testkit") {
        for (walled, keepers) in WALLED {
            let fine = keepers.contains(&room.as_str()) || !knows.contains(walled);
            assert!(fine, "{room} depends on {walled}, which belongs to {keepers:?} alone");
        }
    }
}
