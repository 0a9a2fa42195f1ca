//! A store that loses requests, answers and bytes, and lies. What is acknowledged above it is there,
//! exactly; what cannot be read fails so that nobody takes it for the whole.

use std::time::Duration;

use clients::cluster::replica;
use clients::fault_proxy::{FAULTS, FaultProxy};
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
