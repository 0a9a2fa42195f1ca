//! `berth config check` with servers behind it: what it says of good ones, and of what is wrong with others.

use std::fs;
use std::path::{Path, PathBuf};

use clients::command;
use clients::minio::Minio;
use clients::postgres::Postgres;
use clients::registry::{berth, free_port};
use clients::s3;
use clients::tree::files;
use tempfile::TempDir;

/// Writes a configuration with this driver and this database.
fn config(folder: &TempDir, storage: &str, metadata: &str) -> PathBuf {
    let path = folder.path().join("config.yml");
    let text = format!(
        "version: 0.1\nstorage:\n{storage}http:\n  addr: 127.0.0.1:5000\n  secret: s\nberth:\n  metadata:\n    url: '{metadata}'\n"
    );
    fs::write(&path, text).unwrap();
    path
}

/// What a check says that is content.
fn content(config: &Path) -> String {
    command::ok(berth().args(["config", "check"]).arg(config))
}

/// What a check says that is not.
fn complaint(config: &Path) -> String {
    command::refused(berth().args(["config", "check"]).arg(config))
}

fn line<'s>(said: &'s str, setting: &str) -> &'s str {
    let begin = format!("{setting}: ");
    said.lines().find(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("{said}"))
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn a_good_bucket_and_database_are_described_and_left_as_they_were() {
    let (store, postgres) = (Minio::start(), Postgres::start());
    let folder = tempfile::tempdir().unwrap();
    let said = content(&config(&folder, &store.section(), &postgres.url()));
    let bucket = line(&said, "storage.s3");
    for able in ["keeps what it is given", "writes under conditions", "signs addresses"] {
        assert!(bucket.contains(able), "{bucket}");
    }
    let database = line(&said, "berth.metadata.url");
    assert!(database.contains("PostgreSQL") && database.contains("no tables yet"), "{database}");
    let left = files(&store.root().join("data").join(s3::BUCKET), |_| true);
    assert!(left.is_empty(), "{left:?}");
    let tables = postgres.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
    assert_eq!(tables, "0");
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn a_broken_bucket_is_named_beside_a_database_that_is_described() {
    let (store, postgres) = (Minio::start(), Postgres::start());
    let folder = tempfile::tempdir().unwrap();
    let good = store.section();
    let closed = format!("http://127.0.0.1:{}", free_port());
    let broken = [
        (good.replace(&format!("bucket: {}", s3::BUCKET), "bucket: nowhere"), "no such bucket"),
        (good.replace(s3::SECRET_KEY, "another secret"), "check the secret key"),
        (good.replace(&store.endpoint(), &closed), "cannot be reached"),
    ];
    for (storage, why) in broken {
        let said = complaint(&config(&folder, &storage, &postgres.url()));
        assert!(line(&said, "storage.s3").contains(why), "{said}");
        assert!(line(&said, "berth.metadata.url").contains("PostgreSQL"), "{said}");
        assert!(!said.contains("another secret") && !said.contains(s3::SECRET_KEY), "{said}");
    }
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn a_refused_password_is_named_and_not_shown_beside_a_bucket_that_is_described() {
    let (store, postgres) = (Minio::start(), Postgres::start());
    postgres.query("CREATE ROLE berth LOGIN PASSWORD 'the right one'");
    let rules = postgres.query("SHOW hba_file");
    let old = fs::read_to_string(&rules).unwrap();
    fs::write(&rules, format!("host all berth 127.0.0.1/32 scram-sha-256\n{old}")).unwrap();
    let loaded = || postgres.query("SELECT pg_conf_load_time()");
    let before = loaded();
    postgres.query("SELECT pg_reload_conf()");
    // It answers before the rules are read again.
    assert!((0..500).any(|_| loaded() != before), "the rules were not read again");
    let folder = tempfile::tempdir().unwrap();
    let with = |password: &str| {
        let url =
            format!("postgres://berth:{password}@{}/postgres?sslmode=disable", postgres.host());
        config(&folder, &store.section(), &url)
    };
    let said = complaint(&with("hunter2"));
    let database = line(&said, "berth.metadata.url");
    assert!(database.contains("password authentication failed"), "{said}");
    assert!(database.contains(&postgres.host()) && !said.contains("hunter2"), "{said}");
    assert!(line(&said, "storage.s3").contains("keeps what it is given"), "{said}");
    let said = content(&with("the%20right%20one"));
    assert!(line(&said, "berth.metadata.url").contains("PostgreSQL"), "{said}");
}
