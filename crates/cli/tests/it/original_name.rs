//! The binary under the original's name: what scripts and people know from `registry`.

use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use crate::process::{berth, folder};

/// The binary under the name that the image gives it.
fn registry() -> Command {
    let mut command = berth();
    command.arg0("/bin/registry");
    command
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn without_arguments_it_prints_its_usage_on_standard_error_and_succeeds() {
    let output = registry().output().unwrap();
    let (out, err) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(out.is_empty() && err.contains("Usage: registry"), "{out}{err}");
    for word in ["serve", "garbage-collect", "completion", "help", "-h, --help", "-v, --version"] {
        assert!(err.contains(word), "{word}: {err}");
    }
    assert_eq!(berth().output().unwrap().status.code(), Some(2), "our own name is stricter");
}

#[test]
fn help_goes_to_standard_output_under_the_name_it_was_asked_by() {
    for arguments in [&["--help"][..], &["help"]] {
        let output = registry().args(arguments).output().unwrap();
        let (out, err) = said(&output);
        assert!(output.status.success() && err.is_empty(), "{err}");
        assert!(out.contains("Usage: registry") && !out.contains("Usage: berth"), "{out}");
    }
    let output = registry().args(["serve", "--help"]).output().unwrap();
    assert!(said(&output).0.contains("Usage: registry serve"), "{output:?}");
}

#[test]
fn a_command_without_a_configuration_is_refused_in_the_words_of_the_original() {
    for command in ["serve", "garbage-collect"] {
        let output = registry().arg(command).output().unwrap();
        let (out, err) = said(&output);
        assert_eq!(output.status.code(), Some(1), "{err}");
        let first = "configuration error: configuration path unspecified";
        assert!(out.is_empty() && err.starts_with(first), "{out}{err}");
        assert!(err.contains(&format!("registry {command} <config>")), "{err}");
    }
}

#[test]
fn the_path_in_the_environment_is_configuration_enough() {
    let folder = folder("");
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let mut collect = registry();
    collect
        .arg("garbage-collect")
        .env("REGISTRY_CONFIGURATION_PATH", folder.path().join("config.yml"));
    let output = collect.output().unwrap();
    assert!(output.status.success(), "{}", said(&output).1);
}

#[test]
fn completions_are_for_the_name_that_is_asked() {
    for (shell, mark) in [
        ("bash", "complete -F _registry"),
        ("zsh", "#compdef registry"),
        ("fish", "complete -c registry"),
    ] {
        for verb in ["completion", "completions"] {
            let output = registry().args([verb, shell]).output().unwrap();
            let (out, err) = said(&output);
            assert!(output.status.success() && out.contains(mark), "{shell}: {out}{err}");
            assert!(!out.contains("berth "), "{shell}: {out}");
        }
    }
    let own = berth().args(["completions", "bash"]).output().unwrap();
    assert!(said(&own).0.contains("complete -F _berth"));
}
