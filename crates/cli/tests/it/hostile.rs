//! Hostile configurations and environments, through the whole binary: it says what is wrong and how it
//! ends, and never breaks.

use std::process::{Command, Output};

use fuzz::{config, hostile, hostile_text};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::process::{berth, folder};

const EXAMPLES: &[&str] = &[
    "version: 0.1\nlog:\n  level: info\n  fields: {service: registry}\nstorage:\n  filesystem:\n    \
     rootdirectory: /tmp/x\n    maxthreads: 100\n  delete: {enabled: true}\nhttp:\n  addr: :5000\n  \
     headers:\n    X-Content-Type-Options: [nosniff]\n  draintimeout: 5s\n",
    "version: '0.1'\nx-common: &c {enabled: yes}\nstorage: {filesystem: {}, delete: {<<: *c}}\n\
     validation: {manifests: {urls: {allow: ['^https?://([^/]+\\.)*a\\.com/'], deny: []}}}\n",
    "version: 0.1\nstorage: filesystem\nauth:\n  htpasswd: {realm: \"a: b\", path: /nowhere}\n\
     http:\n  addr: '[::1]:5000'\n  tls: {certificate: /a, key: /b, ciphersuites: [X]}\n\
     berth:\n  run_as: {uid: 1, gid: 2}\n  repositories: [{match: a/**, sparse: true}]\n",
    "version: 0.1\nstorage: filesystem\nhealth:\n  file: [{file: /x, interval: 1h}]\n  \
     tcp:\n  - {addr: \"a:1\", timeout: 3s}\ncatalog: {maxentries: 0x10}\ntags: {maxtags: 1_000}\n",
];

const NAMES: &[&str] = &[
    "REGISTRY_HTTP_ADDR",
    "REGISTRY_HTTP_HEADERS_X_A_0",
    "REGISTRY_STORAGE",
    "REGISTRY_STORAGE_DELETE_ENABLED",
    "REGISTRY_HEALTH_FILECHECKERS_0_INTERVAL",
    "REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW",
    "BERTH_REPOSITORIES_1_MATCH",
    "BERTH_HTTP_TRUSTED_PROXIES",
];

const VALUES: &[&str] =
    &["true", "[a, {b: c}]", "{enabled: false}", "5s", "@x", "a: b #c", "\"q\"", "4MiB", "0x1f"];

/// What a command said, which must be an answer and no accident.
fn ended(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert!(matches!(status.code(), Some(0 | 1)), "{status}: {said}");
    assert!(stderr.len() < 64 << 10, "{} bytes", stderr.len());
    assert!(status.success() || !said.trim().is_empty(), "no reason given");
    (status.success(), if status.success() { String::from_utf8(stdout).unwrap() } else { said })
}

fn written(content: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yml"), content).unwrap();
    folder
}

/// `berth config VERB` of the file in `folder`.
fn look(verb: &str, folder: &TempDir) -> Command {
    let mut command = berth();
    command.args(["config", verb]).arg(folder.path().join("config.yml"));
    command
}

fn examples() -> Vec<Vec<u8>> {
    EXAMPLES.iter().map(|example| example.as_bytes().to_vec()).collect()
}

/// A variable that may name a setting; what no environment can hold is taken out.
fn variable() -> impl Strategy<Value = (String, String)> {
    (hostile_text(NAMES), hostile_text(VALUES)).prop_map(|(name, value)| {
        let name = name.replace(['=', '\0'], "");
        let ours = name.starts_with("REGISTRY_") || name.starts_with("BERTH_");
        let name = if ours { name } else { format!("REGISTRY_{name}") };
        (name, value.replace('\0', ""))
    })
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn a_hostile_file_is_refused_with_its_place_or_shown_as_it_is_understood(
        content in hostile(examples()),
    ) {
        let folder = written(content);
        let (understood, text) = ended(&mut look("show", &folder));
        if understood {
            let (again, said) = ended(&mut look("show", &written(&text)));
            prop_assert!(again && said == text, "{}\n---\n{}", text, said);
        } else {
            prop_assert!(text.contains("config.yml"), "{}", text);
        }
    }

    #[test]
    fn a_hostile_environment_is_refused_by_its_name_or_taken(
        variables in proptest::collection::vec(variable(), 1..4),
    ) {
        let folder = folder("");
        let (understood, text) = ended(look("show", &folder).envs(variables.iter().cloned()));
        let named = variables.iter().any(|(name, _)| {
            // Without what a message may have escaped.
            let plain = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
            plain.is_some_and(|plain| text.contains(plain))
        });
        prop_assert!(understood || named, "{:?}: {}", variables, text);
    }
}
