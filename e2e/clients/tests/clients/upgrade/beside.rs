//! An old and a new replica on one bucket and one database at the same time, as every rolling upgrade has
//! them for a while.

use std::time::{Duration, Instant};

use clients::balancer::{Balancer, Retry};
use clients::cluster::settings_of;
use clients::fixture::noise;
use clients::http::{Client, closing, digest};
use clients::load::Load;
use clients::minio::Minio;
use clients::postgres::Postgres;
use clients::registry::{Program, Registry, free_port};

use crate::replicas::{
    REPOSITORY, UPLOADS, answered, begin, path, say_at_once_what_the_other_acknowledged, send,
    upload_by_turns,
};

const SCHEMA: &str = "SELECT schema FROM meta";
/// The schema that the older version knows.
const OLD_SCHEMA: &str = "1";

const SIZES: [usize; 5] = [1 << 10, 60_000, 600_000, 3 << 20, 12 << 20];
/// How long the load goes on with the old version alone, and with both.
const WHILE: Duration = Duration::from_secs(8);

/// What both replicas stand on.
struct Ground {
    store: Minio,
    postgres: Postgres,
}

impl Ground {
    fn new() -> Self {
        Self { store: Minio::start(), postgres: Postgres::start() }
    }

    fn start(&self, program: Program) -> Registry {
        self.start_on(program, free_port())
    }

    fn start_on(&self, program: Program, port: u16) -> Registry {
        let settings = settings_of(program, &self.store.section(), &self.postgres.url());
        settings.on_port(port).start()
    }

    /// An old replica, and a new one that started beside it.
    fn old_and_new(&self) -> [Registry; 2] {
        let old = self.start(Program::BerthCluster);
        assert_eq!(self.postgres.query(SCHEMA), OLD_SCHEMA);
        let new = self.start(Program::Berth);
        assert_ne!(self.postgres.query(SCHEMA), OLD_SCHEMA, "nothing was migrated");
        [old, new]
    }
}

#[test]
#[ignore = "needs older versions: cargo xtask test"]
fn chunks_of_one_upload_go_to_an_old_and_a_new_replica_by_turns() {
    let ground = Ground::new();
    let replicas = ground.old_and_new();
    let mut clients = replicas.each_ref().map(|replica| Client::new(&replica.url()));
    for first in 0..2 {
        for (seed, (length, size)) in UPLOADS.into_iter().enumerate() {
            upload_by_turns(&clients, &noise(8_000 + 100 * first + seed as u64, length), || size);
        }
        clients.reverse();
    }
}

#[test]
#[ignore = "needs older versions: cargo xtask test"]
fn what_an_old_or_a_new_replica_acknowledged_the_other_one_says_at_once() {
    let ground = Ground::new();
    let replicas = ground.old_and_new();
    let mut clients = replicas.each_ref().map(|replica| Client::new(&replica.url()));
    for _ in 0..2 {
        say_at_once_what_the_other_acknowledged(&clients);
        for length in [2_000, 300_000, 12 << 20] {
            let bytes = noise(length as u64, length);
            let place = send(&clients[0], &begin(&clients[0]), 0, &bytes);
            let close = closing(&place, &digest(&bytes));
            let closed = clients.each_ref().map(|one| one.send("PUT", &close, &[], &[]).unwrap());
            assert_eq!(closed.each_ref().map(|answer| answer.status), [201, 201], "{length}");
            assert_eq!(path(&closed[0]), path(&closed[1]));
        }
        clients.reverse();
    }
}

#[test]
#[ignore = "needs older versions: cargo xtask test"]
fn an_upload_goes_on_at_the_new_version_after_the_old_one_was_killed() {
    let ground = Ground::new();
    let [mut old, new] = ground.old_and_new();
    let (before, after) = (Client::new(&old.url()), Client::new(&new.url()));
    let halves = [300_000, 7_000_003, 24 << 20].map(|length| {
        let bytes = noise(length as u64, 2 * length);
        let place = send(&before, &begin(&before), 0, &bytes[..length]);
        (place, bytes)
    });
    old.kill();
    for (place, bytes) in halves {
        let half = bytes.len() / 2;
        let place = send(&after, &place, half, &bytes[half..]);
        let close = closing(&place, &digest(&bytes));
        assert_eq!(after.send("PUT", &close, &[], &[]).unwrap().status, 201);
        let read = after.get(&format!("/v2/{REPOSITORY}/blobs/{}", digest(&bytes)));
        assert_eq!((read.status, digest(&read.body)), (200, digest(&bytes)));
    }
}

#[test]
#[ignore = "needs older versions: cargo xtask test"]
fn a_new_replica_starts_beside_an_old_one_under_load_and_no_request_fails() {
    let ground = Ground::new();
    let mut old = ground.start(Program::BerthCluster);
    let port = free_port();
    let new = format!("127.0.0.1:{port}");
    let balancer = Balancer::before([old.host(), &new], Retry::Unseen);
    let load = Load::new(&balancer.url(), &SIZES);
    let new = load.run(5, || {
        go_on(&load);
        assert_eq!(ground.postgres.query(SCHEMA), OLD_SCHEMA);
        let new = ground.start_on(Program::Berth, port);
        assert_ne!(ground.postgres.query(SCHEMA), OLD_SCHEMA, "nothing was migrated");
        go_on(&load);
        new
    });
    for replica in [&old, &new] {
        assert!(answered(replica, "PATCH"), "a replica was left out:\n{}", replica.log());
    }
    load.must_have_kept_every_promise();
    let failed = load.excused();
    let some = &failed[..failed.len().min(20)];
    let logs = [&old, &new].map(Registry::last_words).join("\n--- new\n");
    assert!(failed.is_empty(), "{} failed: {some:#?}\n--- old\n{logs}", failed.len());
    // The new one alone knows everything.
    old.stop();
    load.must_have_kept_every_promise();
}

/// Lets the load work for a while, and until a push and a pull have succeeded after that.
fn go_on(load: &Load) {
    std::thread::sleep(WHILE);
    load.recovery_after(Instant::now());
}
