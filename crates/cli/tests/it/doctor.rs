//! What `berth doctor` says, and that it says the way out.

use std::os::unix::fs::chown;
use std::path::Path;

use crate::process::{Server, folder, run};

/// Whether the doctor was content, its lines, and its verdict.
fn doctor(folder: &Path) -> (bool, String, String) {
    let done = run(&["doctor", folder.join("config.yml").to_str().unwrap()]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.success(), text(&done.stdout), text(&done.stderr))
}

fn line<'l>(lines: &'l str, name: &str) -> &'l str {
    lines.lines().find(|line| line.get(6..).is_some_and(|rest| rest.starts_with(name))).unwrap()
}

/// Replaces the address of the configuration in `folder`.
fn listen_at(folder: &Path, address: &str) {
    let path = folder.join("config.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("127.0.0.1:0", address)).unwrap();
}

#[test]
fn one_problem_and_one_warning_are_said_in_the_singular() {
    let folder = folder("lgo: {}\nauth:\n  htpasswd:\n    realm: r\n    path: /\n");
    let (content, lines, verdict) = doctor(folder.path());
    assert!(!content && verdict.trim() == "1 problem", "{verdict}");
    assert!(line(&lines, "configuration").contains("1 warning;"), "{lines}");
}

#[test]
fn the_accounts_line_names_the_key_and_the_way_out() {
    let bare = folder("");
    listen_at(bare.path(), ":0");
    let (content, lines, _) = doctor(bare.path());
    let said = line(&lines, "accounts");
    assert!(content && said.starts_with("note"), "{lines}");
    assert!(said.contains("auth.htpasswd.path") && said.contains("`berth htpasswd"), "{said}");

    let place = tempfile::tempdir().unwrap();
    let accounts = place.path().join("htpasswd");
    let with =
        folder(&format!("auth:\n  htpasswd:\n    realm: r\n    path: {}\n", accounts.display()));
    for (content, is_bad) in [(None, false), (Some("ann:$apr1$x$y\n"), true)] {
        if let Some(content) = content {
            std::fs::write(&accounts, content).unwrap();
        }
        let (content, lines, _) = doctor(with.path());
        let said = line(&lines, "accounts");
        assert_eq!(!content && said.starts_with("BAD"), is_bad, "{lines}");
        assert!(said.contains("auth.htpasswd.path") && said.contains("`berth htpasswd"), "{said}");
    }
    std::fs::write(&accounts, "ann:$2b$04$x\n").unwrap();
    let (content, lines, _) = doctor(with.path());
    assert!(content && line(&lines, "accounts").contains("1 user in"), "{lines}");
}

#[test]
fn the_port_of_the_running_server_is_no_problem_and_a_stranger_s_is() {
    let folder = folder("");
    let server = Server::start(folder.path());
    listen_at(folder.path(), &server.address);
    let (content, lines, verdict) = doctor(folder.path());
    assert!(content && line(&lines, "address").contains("in use by the running"), "{verdict}");
    drop(server);
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = stranger.local_addr().unwrap().to_string();
    let text = std::fs::read_to_string(folder.path().join("config.yml")).unwrap();
    let own = text.lines().find_map(|line| line.trim().strip_prefix("addr: ")).unwrap().to_owned();
    std::fs::write(folder.path().join("config.yml"), text.replace(&own, &taken)).unwrap();
    let (content, lines, _) = doctor(folder.path());
    assert!(!content && line(&lines, "address").contains("http.addr"), "{lines}");
}

/// Only root can make files of two users; for everybody else the texts are tested beside the code.
#[test]
fn files_of_two_users_are_a_problem_with_a_way_out_and_the_doctor_makes_none() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = folder("");
    // The temporary directory is its maker's alone, and the doctor becomes user 1000.
    chown(folder.path(), Some(1000), Some(1000)).unwrap();
    let (data, own) = (folder.path().join("data"), folder.path().join("data/berth"));
    std::fs::create_dir_all(&own).unwrap();
    for path in [&data, &own] {
        chown(path, Some(1000), Some(1000)).unwrap();
    }
    let (content, lines, verdict) = doctor(folder.path());
    assert!(content, "{lines}{verdict}");
    assert!(line(&lines, "owner").starts_with("ok"), "{lines}");
    let again = doctor(folder.path());
    assert!(again.0, "the doctor left a file of root: {}", again.1);

    std::fs::write(own.join("of-root"), "").unwrap();
    let (content, lines, _) = doctor(folder.path());
    let said = line(&lines, "owner");
    assert!(!content && said.starts_with("BAD"), "{lines}");
    assert!(said.contains("of-root to 0") && said.contains("chown -R 1000"), "{said}");

    let path = folder.path().join("config.yml");
    let text = std::fs::read_to_string(&path).unwrap() + "berth:\n  run_as:\n    uid: 2000\n";
    std::fs::write(&path, text).unwrap();
    let (_, lines, _) = doctor(folder.path());
    let said = line(&lines, "owner");
    assert!(said.contains("`berth adopt`") && said.contains("2000"), "{said}");
}
