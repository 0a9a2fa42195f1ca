//! A store that loses requests, answers and bytes, and lies. What is acknowledged above it is there,
//! exactly; what cannot be read fails so that nobody takes it for the whole.

mod frozen;
mod silent;
mod stale;

use std::time::{Duration, Instant};

use clients::cluster::replica;
use clients::fault_proxy::{FAULTS, FaultProxy};
use clients::fixture;
use clients::http::{Answer, Client};
use clients::load::Load;
use clients::minio::Minio;
use clients::postgres::Postgres;
use clients::s3;

/// How long the store misbehaves.
const RAGE: Duration = Duration::from_secs(45);

/// Every second one is larger than a part of a multipart upload.
const SIZES: [usize; 6] = [40_000, 11_000_000, 400_000, 17_000_000, 3_000_000, 25_000_000];

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn nothing_is_acknowledged_over_a_faulty_store_that_is_not_there_exactly() {
    let (store, postgres) = (Minio::start(), Postgres::start());
    let proxy = FaultProxy::before(store.host(), 5);
    let registry = replica(&s3::section(&proxy.endpoint()), &postgres.url());
    let load = Load::new(&registry.url(), &SIZES);
    load.run(2, || {
        proxy.rage(true);
        std::thread::sleep(RAGE);
        proxy.rage(false);
        // What the faults left half done is now either finished or given up.
        load.recovery_after(std::time::Instant::now());
    });
    for fault in FAULTS {
        println!("{fault:?}: {}", proxy.struck(fault));
    }
    load.must_have_kept_every_promise();
    let spared: Vec<_> = FAULTS.into_iter().filter(|fault| proxy.struck(*fault) == 0).collect();
    assert!(spared.is_empty(), "never happened: {spared:?}");
}

fn push(client: &Client, repository: &str, tag: &str) -> fixture::Image {
    let image = fixture::image(7, 1, 2_000_000);
    for blob in &image.blobs {
        assert_eq!(client.push_blob(repository, blob).unwrap().status, 201);
    }
    let pushed = client.push_manifest(repository, tag, &image.manifest).unwrap();
    assert_eq!(pushed.status, 201);
    image
}

/// Asks until the answer is as it should be; within 30 s.
fn until(client: &Client, path: &str, fits: impl Fn(&Answer) -> bool) -> Answer {
    let began = Instant::now();
    loop {
        let answer = client.get(path);
        if fits(&answer) {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{path}: {answer:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
