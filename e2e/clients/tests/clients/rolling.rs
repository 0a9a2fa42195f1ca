//! One replica after the other is restarted, as an upgrade does it, and no client notices.

use clients::balancer::Retry;
use clients::cluster::Cluster;
use clients::load::Load;

const SIZES: [usize; 5] = [1 << 10, 60_000, 600_000, 3 << 20, 12 << 20];
/// How often every replica is restarted.
const ROUNDS: usize = 2;

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn a_rolling_restart_of_two_replicas_fails_no_request() {
    let mut cluster = Cluster::start(2, Retry::Unseen);
    let load = Load::new(&cluster.balancer.url(), &SIZES);
    load.run(4, || {
        for number in (0..cluster.replicas.len()).cycle().take(2 * ROUNDS) {
            load.recovery_after(std::time::Instant::now());
            cluster.replicas[number].stop();
            load.recovery_after(std::time::Instant::now());
            cluster.replicas[number].restart();
        }
    });
    load.must_have_kept_every_promise();
    let failed = load.excused();
    let some = &failed[..failed.len().min(20)];
    assert!(failed.is_empty(), "{} failed: {some:#?}\n{}", failed.len(), cluster.logs());
}
