//! The power is cut under a load of four clients, again and again. What was acknowledged must be on the
//! disk, whole; what was not may be there or not.

use std::time::Duration;

use clients::crash;
use clients::disk::Disk;
use clients::http::Client;
use clients::journal::Journal;
use clients::registry::Settings;

const CUTS: u64 = 20;

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn everything_acknowledged_survives_twenty_power_cuts() {
    let mut disk = Disk::new("8G");
    let journal = Journal::default();
    let mut registry = Settings::default().at(&disk.path().join("registry")).start();
    let client = Client::new(&registry.url());
    for cut in 0..CUTS {
        let url = registry.url();
        let at_most = Duration::from_millis(1_500);
        crash::load_until(&url, &journal, 1_000 + cut, 4, at_most, || {
            disk.cut();
            registry.kill();
        });
        disk.revive();
        registry.restart();
        let broken = journal.broken(&client, 0);
        let all = journal.len();
        let first = broken.first();
        assert!(broken.is_empty(), "cut {cut}: {} of {all}, first {first:?}", broken.len());
    }
    registry.kill();
    println!("{CUTS} power cuts, {} promises kept", journal.len());
    assert!(journal.len() as u64 > 4 * CUTS, "only {} acknowledged", journal.len());
}
