//! The README's walk-through is run as it stands, so that a reader's first five minutes always work.

use clients::command::{self, ok};
use clients::engine::Docker;
use clients::registry::{repository, without_settings};

use crate::image::port_5000;

/// The lines of every `sh` block that follows the comment `<!-- run by a test -->`.
fn lines_to_run(readme: &str) -> String {
    readme
        .split("<!-- run by a test -->")
        .skip(1)
        .map(|part| {
            let block = part.trim_start().strip_prefix("```sh\n").expect("an sh block follows");
            block.split("```").next().unwrap_or_default()
        })
        .collect()
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn every_line_of_the_walk_through_works() {
    let (docker, _port) = (Docker::shared(), port_5000());
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let lines = lines_to_run(&readme);
    assert!(lines.contains("docker push"), "the walk-through pushes nothing:\n{lines}");
    // What the walk-through starts in the background ends with it.
    let script = format!("trap 'kill $! 2>/dev/null || true' EXIT\n{lines}");
    let mut shell = command::command("sh");
    without_settings(&mut shell);
    shell.current_dir(repository()).env("DOCKER_HOST", docker.address());
    shell.env("DOCKER_CONFIG", docker.config()).env("CARGO_NET_OFFLINE", "true");
    ok(shell.args(["-e", "-x", "-c", &script]));
}

#[test]
fn only_marked_blocks_are_run() {
    let readme = "```sh\nno\n```\n<!-- run by a test -->\n```sh\nyes\n```\nno\n";
    assert_eq!(lines_to_run(readme), "yes\n");
}
