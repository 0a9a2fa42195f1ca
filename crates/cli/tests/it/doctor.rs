//! What `berth doctor` says, and that it says the way out.

use std::os::unix::fs::chown;
use std::path::Path;

use crate::database::PostgresServer;
use crate::process::{Server, berth, folder, run};

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

#[test]
fn the_database_beside_files_is_tried() {
    let url = "postgres://berth:wrong@127.0.0.1:1/berth";
    let place = folder(&format!("berth:\n  metadata:\n    url: {url}\n"));
    let (content, lines, _) = doctor(place.path());
    let said = line(&lines, "database");
    assert!(!content && said.starts_with("BAD "), "{lines}");
    assert!(said.contains("berth.metadata.url") && !said.contains("wrong"), "{said}");
}

#[test]
fn copies_of_the_record_that_cannot_be_written_stop_the_start_and_both_checks() {
    let missing = "/nowhere/at/all/audit.jsonl";
    let place = folder(&format!("auth:\n  berth:\n    audit: {{file: {missing}}}\n"));
    let (content, lines, _) = doctor(place.path());
    let said = line(&lines, "audit");
    assert!(!content && said.contains(&format!("auth.berth.audit.file: {missing}")), "{lines}");
    let config = place.path().join("config.yml");
    for command in [&["config", "check"][..], &["serve"]] {
        let done = run(&[command, &[config.to_str().unwrap()]].concat());
        let told = [done.stdout, done.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(!done.status.success() && told.contains("make the directory"), "{told}");
    }
    let syslog = folder("auth:\n  berth:\n    audit: {syslog: /nowhere/log}\n");
    let (content, lines, _) = doctor(syslog.path());
    assert!(!content && line(&lines, "audit").contains("auth.berth.audit.syslog"), "{lines}");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_database_server_is_described_and_asked_for_administrators() {
    let database = PostgresServer::start();
    let more = format!("auth: berth\nberth:\n  metadata:\n    url: {}\n", database.url());
    let place = folder(&more);
    let (content, lines, verdict) = doctor(place.path());
    assert!(content && line(&lines, "database").contains("no tables yet"), "{lines}{verdict}");
    drop(Server::start(place.path()));
    let (_, lines, _) = doctor(place.path());
    assert!(line(&lines, "database").starts_with("ok    database"), "{lines}");
    assert!(line(&lines, "accounts").contains("nobody administers"), "{lines}");
    let config = place.path().join("config.yml");
    let made = berth()
        .args(["user", "add", "ann", "--admin", "--generate", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let (content, lines, _) = doctor(place.path());
    assert!(content && line(&lines, "accounts").contains("1 administrator"), "{lines}");
}
