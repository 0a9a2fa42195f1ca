//! Everything fails once, again and again, under a mixed load: replicas are killed, PostgreSQL is restarted
//! without a goodbye, the store stands still. Nothing acknowledged is lost or altered, no tag goes back,
//! and service is back within seconds.

use std::time::{Duration, Instant};

use clients::balancer::Retry;
use clients::cluster::Cluster;
use clients::load::Load;

/// How long the storm lasts, in seconds, unless `CLIENTS_STORM_SECONDS` says otherwise; each fault
/// happens at least once.
const SECONDS: u64 = 180;
/// The longest time from the end of a fault to the first success.
const RECOVERY: Duration = Duration::from_secs(10);
/// How long the store stands still.
const AWAY: Duration = Duration::from_secs(20);
/// How long a dead replica or database stays dead.
const DEAD: Duration = Duration::from_secs(3);

/// Mostly small ones, as in real images.
const SIZES: [usize; 12] = [
    1 << 10,
    5_000,
    20_000,
    20_000,
    60_000,
    60_000,
    200_000,
    600_000,
    1 << 20,
    3 << 20,
    9 << 20,
    20 << 20,
];

#[derive(Clone, Copy, Debug)]
enum Fault {
    ReplicaKilled(usize),
    PostgresRestarted,
    StoreAway,
}

const REPLICAS: usize = 3;
const FAULTS: [Fault; 5] = [
    Fault::ReplicaKilled(0),
    Fault::PostgresRestarted,
    Fault::ReplicaKilled(2),
    Fault::StoreAway,
    Fault::ReplicaKilled(1),
];

impl Fault {
    /// Does it, and answers the moment from which on all parts may work again.
    fn strike(self, cluster: &mut Cluster) -> Instant {
        match self {
            Self::ReplicaKilled(number) => {
                cluster.replicas[number].kill();
                std::thread::sleep(DEAD);
                let ended = Instant::now();
                cluster.replicas[number].restart();
                ended
            }
            Self::PostgresRestarted => {
                cluster.postgres.stop();
                std::thread::sleep(DEAD);
                cluster.postgres.start_again();
                Instant::now()
            }
            Self::StoreAway => {
                cluster.store.pause();
                std::thread::sleep(AWAY);
                cluster.store.go_on();
                Instant::now()
            }
        }
    }
}

fn seconds() -> u64 {
    let set = std::env::var("CLIENTS_STORM_SECONDS").ok();
    set.map_or(SECONDS, |text| text.parse().expect("CLIENTS_STORM_SECONDS is a number"))
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn nothing_acknowledged_is_lost_and_no_tag_goes_back_in_a_storm_of_faults() {
    let length = Duration::from_secs(seconds());
    let mut cluster = Cluster::start(REPLICAS, Retry::Never);
    let load = Load::new(&cluster.balancer.url(), &SIZES);
    let begun = Instant::now();
    let recoveries = load.run(3, || {
        let mut recoveries = Vec::new();
        for fault in FAULTS.into_iter().cycle() {
            if recoveries.len() >= FAULTS.len() && begun.elapsed() > length {
                break;
            }
            let ended = fault.strike(&mut cluster);
            recoveries.push((fault, load.recovery_after(ended)));
        }
        recoveries
    });
    println!("{:.0} s, recovered after: {recoveries:.1?}", begun.elapsed().as_secs_f32());
    load.must_have_kept_every_promise();
    let late: Vec<_> = recoveries.iter().filter(|(_, time)| *time > RECOVERY).collect();
    assert!(late.is_empty(), "{late:?}\n{}", cluster.logs());
}
