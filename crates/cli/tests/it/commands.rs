//! Commands beside a server and without one.

use crate::process::{Server, folder, run};

const CONFIG: &[u8] = b"{}";
const CONFIG_DIGEST: &str =
    "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Pushes an image of nothing but a configuration.
fn push(server: &Server, tag: &str) {
    let upload = format!("POST /v2/team/app/blobs/uploads/?digest={CONFIG_DIGEST}");
    assert_eq!(server.ask(&upload, CONFIG).0, 201);
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
         \"config\":{{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\
         \"digest\":\"{CONFIG_DIGEST}\",\"size\":2}},\"layers\":[]}}"
    );
    let (status, text) =
        server.ask(&format!("PUT /v2/team/app/manifests/{tag}"), manifest.as_bytes());
    assert_eq!(status, 201, "{text}");
}

#[test]
fn work_is_handed_to_a_running_server() {
    let folder = folder("");
    let config = folder.path().join("config.yml");
    let config = config.to_str().unwrap();
    let mut server = Server::start(folder.path());
    push(&server, "v1");
    for command in ["garbage-collect", "export", "import"] {
        let done = run(&[command, config]);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{command}: {said}");
        server.wait_for("work was handed over");
    }
    let tree = folder.path().join("data/docker/registry/v2/repositories/team/app");
    let link = std::fs::read_to_string(tree.join("_manifests/tags/v1/current/link")).unwrap();
    assert!(link.starts_with("sha256:"), "{link}");
    assert_eq!(server.ask("GET /v2/team/app/manifests/v1", b"").0, 200);
}

#[test]
fn what_was_exported_is_imported_by_a_server_without_metadata() {
    let folder = folder("");
    let config = folder.path().join("config.yml");
    let mut server = Server::start(folder.path());
    push(&server, "v1");
    server.signal("TERM");
    assert!(server.ended().success());
    assert!(run(&["export", config.to_str().unwrap()]).status.success());
    std::fs::remove_dir_all(folder.path().join("data/berth")).unwrap();
    let server = Server::start(folder.path());
    assert_eq!(server.ask("GET /v2/team/app/manifests/v1", b"").0, 200);
    let (status, body) = server.ask(&format!("GET /v2/team/app/blobs/{CONFIG_DIGEST}"), b"");
    assert_eq!((status, body.as_str()), (200, "{}"));
}

#[test]
fn a_check_names_the_unknown_key_and_fails() {
    let folder = folder("lgo:\n  level: info\n");
    let checked = run(&["config", "check", folder.path().join("config.yml").to_str().unwrap()]);
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(!checked.status.success() && said.contains("lgo") && said.contains("log"), "{said}");
}

#[test]
fn the_htpasswd_line_is_one_that_signs_in() {
    let made = run(&["htpasswd", "-Bbn", "-C", "4", "ann", "secret"]);
    let line = String::from_utf8(made.stdout).unwrap();
    let hash = line.trim().strip_prefix("ann:").unwrap();
    assert!(bcrypt::verify("secret", hash).unwrap());
}
