//! The server is killed in the middle of pushes, at seeded moments, again and again. What it had
//! acknowledged must be there after each restart, and the next push must work.

use std::time::Duration;

use clients::crash;
use clients::engine::Docker;
use clients::fixture;
use clients::http::Client;
use clients::journal::Journal;
use clients::registry::Registry;
use clients::tree;

const KILLS: u64 = 60;

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn everything_acknowledged_survives_sixty_kills_in_the_middle_of_pushes() {
    let mut registry = Registry::start();
    let journal = Journal::default();
    let client = Client::new(&registry.url());
    for kill in 0..KILLS {
        let (url, before) = (registry.url(), journal.len());
        let at_most = Duration::from_millis(400);
        crash::load_until(&url, &journal, kill + 1, 4, at_most, || registry.kill());
        registry.restart();
        let broken = journal.broken(&client, before);
        assert!(broken.is_empty(), "after kill {kill}: {broken:#?}\n{}", registry.log());
    }
    let broken = journal.broken(&client, 0);
    assert!(broken.is_empty(), "of {}: {broken:#?}", journal.len());
    println!("{KILLS} kills, {} promises kept", journal.len());
    // A load that never got to an answer would keep every promise.
    assert!(journal.len() as u64 > KILLS, "only {} acknowledged", journal.len());
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_docker_push_that_lost_its_server_succeeds_when_it_is_run_again() {
    let (mut registry, docker) = (Registry::start(), Docker::shared());
    let image = registry.image("cut:1");
    let context = tempfile::tempdir().unwrap();
    fixture::context(context.path());
    std::fs::write(context.path().join("data"), fixture::noise(7, 200 << 20)).unwrap();
    docker.build(&image, context.path());
    let mut push = docker.command();
    push.args(["push", &image]).stdout(std::process::Stdio::null());
    let mut push = push.stderr(std::process::Stdio::null()).spawn().unwrap();
    while tree::size(registry.root()) < 20 << 20 {
        std::thread::sleep(Duration::from_millis(5));
    }
    registry.restart();
    // The engine tries again by itself; whether that push or the next one ends well is its own affair.
    push.wait().unwrap();
    docker.run(&["push", &image]);
    docker.run(&["rmi", &image]);
    docker.run(&["pull", &image]);
    assert_eq!(docker.run(&["run", "--rm", &image]), fixture::GREETING);
    docker.run(&["rmi", &image]);
}
