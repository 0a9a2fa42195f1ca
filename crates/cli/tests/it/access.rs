//! Accounts and grants: commands without a server, beside one, and over the network.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use tempfile::TempDir;

use crate::process::{Server, berth, folder};

const PASSWORD: &str = "correct horse battery";
/// `ann:correct horse battery`
const ANN: &str = "Authorization: Basic YW5uOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==\r\n";
/// `bob:correct horse battery`
const BOB: &str = "Authorization: Basic Ym9iOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==\r\n";
const CONFIG_DIGEST: &str =
    "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn accounts() -> TempDir {
    folder("auth: berth\n")
}

/// Runs a command about the registry of `place`, with `input` as its standard input.
fn access(place: &Path, arguments: &[&str], input: &str) -> Output {
    let config = place.join("config.yml");
    let mut child = berth()
        .args(arguments)
        .arg("--config")
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The standard output of a command that works.
fn said(place: &Path, arguments: &[&str], input: &str) -> String {
    let done = access(place, arguments, input);
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{arguments:?}: {error}");
    String::from_utf8(done.stdout).unwrap()
}

/// The standard error of a command that does not.
fn refused(place: &Path, arguments: &[&str], input: &str) -> String {
    let done = access(place, arguments, input);
    assert_eq!(done.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(done.stderr).unwrap()
}

fn push(server: &Server, who: &str) -> u16 {
    let upload = format!("POST /v2/team/app/blobs/uploads/?digest={CONFIG_DIGEST}");
    let (status, _) = server.ask_with(&upload, who, b"{}");
    if status != 201 {
        return status;
    }
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
         \"config\":{{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\
         \"digest\":\"{CONFIG_DIGEST}\",\"size\":2}},\"layers\":[]}}"
    );
    server.ask_with("PUT /v2/team/app/manifests/v1", who, manifest.as_bytes()).0
}

#[test]
fn a_user_made_without_a_server_signs_in_and_is_refused_once_disabled() {
    let place = accounts();
    said(place.path(), &["user", "add", "ann", "--admin"], &format!("{PASSWORD}\n"));
    said(place.path(), &["user", "add", "bob"], PASSWORD);
    let server = Server::start(place.path());
    assert_eq!(server.ask("GET /v2/", b"").0, 401);
    assert_eq!(server.ask_with("GET /v2/", ANN, b"").0, 200);
    assert_eq!(server.ask_with("GET /v2/", BOB, b"").0, 200);
    said(place.path(), &["user", "disable", "bob"], "");
    assert_eq!(server.ask_with("GET /v2/", BOB, b"").0, 401);
    said(place.path(), &["user", "enable", "bob"], "");
    assert_eq!(server.ask_with("GET /v2/", BOB, b"").0, 200);
    said(place.path(), &["user", "remove", "bob"], "");
    assert_eq!(server.ask_with("GET /v2/", BOB, b"").0, 401);
    assert_eq!(server.ask_with("GET /v2/", ANN, b"").0, 200);
}

#[test]
fn grants_and_visibilities_decide_from_the_moment_they_are_made() {
    let place = accounts();
    let at = place.path();
    for name in ["ann", "bob"] {
        said(at, &["user", "add", name], PASSWORD);
    }
    said(at, &["team", "add", "web"], "");
    said(at, &["team", "member", "add", "web", "ann"], "");
    let server = Server::start(at);
    assert_eq!(push(&server, ANN), 403);
    said(at, &["grant", "team:web", "developer", "team/**"], "");
    assert_eq!(push(&server, ANN), 201);
    assert_eq!(push(&server, BOB), 403);
    let pull = "GET /v2/team/app/manifests/v1";
    assert_eq!(server.ask_with(pull, "", b"").0, 401);
    said(at, &["visibility", "team/**", "internal"], "");
    assert_eq!(server.ask_with(pull, BOB, b"").0, 200);
    assert_eq!(server.ask_with(pull, "", b"").0, 401);
    said(at, &["visibility", "team/app", "public"], "");
    assert_eq!(server.ask_with(pull, "", b"").0, 200);
    said(at, &["visibility", "team/app", "unset"], "");
    said(at, &["revoke", "team:web", "developer", "team/**"], "");
    assert_eq!(server.ask_with(pull, "", b"").0, 401);
    assert_eq!(push(&server, ANN), 403);
}

#[test]
fn can_i_says_why_and_ends_with_the_answer() {
    let place = accounts();
    let at = place.path();
    said(at, &["user", "add", "bob"], PASSWORD);
    said(at, &["grant", "user:bob", "developer", "team/**"], "");
    said(at, &["grant", "user:bob", "none", "team/secret"], "");
    let yes = said(at, &["can-i", "user:bob", "push", "team/app"], "");
    assert!(yes.starts_with("yes: user:bob has role developer on team/**"), "{yes}");
    let done = access(at, &["can-i", "user:bob", "pull", "team/secret", "--explain"], "");
    let no = String::from_utf8_lossy(&done.stdout);
    assert_eq!(done.status.code(), Some(1));
    assert!(no.starts_with("no: ") && no.contains("user:bob has role none on team/secret"), "{no}");
    let done = access(at, &["can-i", "anonymous", "pull", "x", "--json"], "");
    let json: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((done.status.code(), &json["allowed"]), (Some(1), &serde_json::json!(false)));
}

#[test]
fn json_is_printed_wherever_it_is_asked_for() {
    let place = accounts();
    let at = place.path();
    said(at, &["user", "add", "ann", "--admin"], PASSWORD);
    for arguments in [
        &["user", "list"][..],
        &["user", "show", "ann"],
        &["user", "add", "carol", "--generate"],
        &["team", "add", "web"],
        &["team", "list"],
        &["robot", "add", "ci", "--grant", "push:team/**", "--expires", "90d"],
        &["robot", "rotate", "robot$ci"],
        &["robot", "list"],
        &["token", "create", "laptop", "--user", "ann", "--scope", "pull:team/**"],
        &["token", "list", "--user", "ann"],
        &["role", "put", "tester", "pull", "delete"],
        &["role", "list"],
        &["grants"],
        &["grants", "robot:ci"],
        &["grants", "team/app"],
        &["visibility"],
        &["export-access"],
        &["audit"],
        &["audit", "verify"],
        &["whoami"],
    ] {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let text = said(at, &arguments, "");
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&text);
        assert!(parsed.is_ok_and(|json| json.is_object()), "{arguments:?}: {text}");
    }
}

#[test]
fn what_is_made_is_shown_once_and_works() {
    let place = accounts();
    let at = place.path();
    let password = said(at, &["user", "add", "ann", "--admin", "--generate"], "");
    assert!(password.trim().len() >= 16 && password.lines().count() == 1, "{password}");
    let token = said(at, &["token", "create", "laptop", "--user", "ann"], "");
    assert!(token.starts_with("bpat_"), "{token}");
    let list = said(at, &["token", "list", "--user", "ann"], "");
    assert!(list.contains("laptop") && !list.contains(token.trim()), "{list}");

    let server = Server::start(at);
    std::fs::write(at.join("token"), &token).unwrap();
    std::fs::write(at.join("password"), &password).unwrap();
    let url = format!("http://{}", server.address);
    let far = |arguments: &[&str]| {
        let done = berth().args(arguments).args(["--server", &url]).output().unwrap();
        let error = String::from_utf8_lossy(&done.stderr).into_owned();
        (done.status.success(), String::from_utf8_lossy(&done.stdout).into_owned(), error)
    };
    let token = at.join("token");
    let (worked, me, error) = far(&["whoami", "--token-file", token.to_str().unwrap()]);
    assert!(
        worked && me.starts_with("user:ann, by personal-token, an administrator"),
        "{me}{error}"
    );
    let (worked, checked, error) =
        far(&["audit", "verify", "--json", "--token-file", token.to_str().unwrap()]);
    let checked: serde_json::Value = serde_json::from_str(&checked).unwrap();
    assert!(worked && checked["broken"].is_null(), "{error}");
    assert!(checked["unsealed"].as_u64().unwrap() > 0, "{checked}");
    let file = at.join("password");
    let as_ann = ["--as", "ann", "--as-password-file", file.to_str().unwrap()];
    let (worked, users, error) = far(&[&["user", "list"][..], &as_ann].concat());
    assert!(worked && users.contains("ann"), "{users}{error}");
    let (worked, _, error) = far(&[&["user", "show", "nobody"][..], &as_ann].concat());
    assert!(!worked && error.contains("there is no user \"nobody\""), "{error}");
    let (worked, _, error) = far(&["user", "list"]);
    assert!(!worked && error.contains("--token-file"), "{error}");
    std::fs::write(&token, "bpat_wrong").unwrap();
    let (worked, _, error) = far(&["whoami", "--token-file", token.to_str().unwrap()]);
    assert!(!worked && !error.contains("bpat_wrong"), "{error}");
}

#[test]
fn a_file_of_accounts_is_tried_applied_and_printed_as_it_was() {
    let place = accounts();
    let at = place.path();
    let file = at.join("access.yml");
    let text = "users:\n- {name: ann, admin: true}\n- {name: no}\nteams:\n- {name: web, members: [ann, no]}\n\
                robots:\n- {name: ci}\nroles:\n- {name: tester, actions: [pull, delete]}\n\
                grants:\n- {subject: team:web, role: tester, pattern: web/**}\n\
                visibility:\n- {pattern: public/**, visibility: public}\n";
    std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let tried = said(at, &["apply", "-f", path, "--dry-run"], "");
    assert!(tried.contains("user ann") && tried.contains("web/**"), "{tried}");
    assert!(!said(at, &["user", "list"], "").contains("ann"));
    assert_eq!(said(at, &["apply", "-f", path], ""), tried);
    let exported = said(at, &["export-access"], "");
    std::fs::write(&file, &exported).unwrap();
    assert_eq!(said(at, &["apply", "-f", path, "--prune", "--dry-run"], ""), "");
    assert!(exported.contains("name: \"no\""), "{exported}");
    let exported = said(at, &["export-access", "--json"], "");
    std::fs::write(&file, &exported).unwrap();
    assert_eq!(said(at, &["apply", "-f", path, "--prune", "--dry-run"], ""), "");

    std::fs::write(&file, "users:\n- {nmae: ann}\n").unwrap();
    let error = refused(at, &["apply", "-f", path], "");
    assert!(error.contains("nmae") && error.contains("export-access"), "{error}");
}

#[test]
fn the_file_of_the_handbook_is_applied_and_comes_back_over_the_network() {
    let place = accounts();
    let at = place.path();
    let handbook = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access.md");
    let handbook = std::fs::read_to_string(handbook).unwrap();
    let section = handbook.split("\n## Policy as a file\n").nth(1).unwrap();
    let example = section.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let file = at.join("access.yml");
    std::fs::write(&file, example).unwrap();
    let path = file.to_str().unwrap();
    let changes = said(at, &["apply", "-f", path], "");
    assert!(changes.contains("+ user bob, without a password, ends 2030-12-31T23:59:59Z"));
    assert_eq!(said(at, &["apply", "-f", path, "--prune"], ""), "");

    let token = said(at, &["token", "create", "t", "--user", "ann"], "");
    let server = Server::start(at);
    let who =
        format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", token.trim());
    let (status, exported) = server.ask_with("GET /api/v1/access", &who, b"");
    assert_eq!(status, 200);
    let exported = exported.split_once("\r\n\r\n").unwrap().1.as_bytes();
    let (status, applied) =
        server.ask_with("PUT /api/v1/access?dry_run=true&prune=true", &who, exported);
    assert_eq!(status, 200, "{applied}");
    assert!(applied.contains("\"changes\":[]"), "{applied}");
    std::fs::write(&file, exported).unwrap();
    assert_eq!(said(at, &["apply", "-f", path, "--prune"], ""), "");
    let (secret, url) = (at.join("token"), format!("http://{}", server.address));
    std::fs::write(&secret, token).unwrap();
    let far = berth()
        .args(["export-access", "--json", "--server", &url, "--token-file"])
        .arg(&secret)
        .output()
        .unwrap();
    std::fs::write(&file, &far.stdout).unwrap();
    assert_eq!(said(at, &["apply", "-f", path, "--prune"], ""), "");
}

#[test]
fn one_document_tells_of_everybody_who_should_come_into_a_team() {
    let place = accounts();
    let at = place.path();
    for name in ["ann", "bob"] {
        said(at, &["user", "add", name], PASSWORD);
    }
    said(at, &["team", "add", "web"], "");
    let done = access(at, &["team", "member", "add", "web", "ann", "eve", "bob", "--json"], "");
    assert_eq!(done.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(told["answer"], "partly-done");
    assert_eq!(told["done"], serde_json::json!(["ann", "bob"]));
    assert_eq!(told["failed"][0]["user"], "eve");
    let error = String::from_utf8(done.stderr).unwrap();
    assert!(error.contains("eve: ") && error.contains("no user"), "{error}");
    let teams = said(at, &["team", "list"], "");
    assert!(teams.contains("ann") && teams.contains("bob"), "{teams}");
    let told = said(at, &["team", "member", "remove", "web", "ann", "bob", "--json"], "");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["answer"], "done");
    assert_eq!(told["failed"], serde_json::json!([]));
}

#[test]
fn the_record_says_who_did_what() {
    let place = accounts();
    let at = place.path();
    said(at, &["user", "add", "ann", "--admin"], PASSWORD);
    let mut server = Server::start(at);
    said(at, &["grant", "user:ann", "owner", "team/**"], "");
    assert_eq!(push(&server, ANN), 201);
    server.signal("TERM");
    assert!(server.ended().success());
    let lines = said(at, &["audit", "--json-lines"], "");
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |action: &str, actor: &str, via: &str| {
        lines
            .iter()
            .any(|line| line["action"] == action && line["actor"] == actor && line["via"] == via)
    };
    assert!(has("user.add", "operator", "command-line"), "{lines:#?}");
    assert!(has("grant.add", "operator", "control-socket"), "{lines:#?}");
    assert!(has("manifest.push", "user:ann", "password"), "{lines:#?}");
    assert!(!format!("{lines:?}").contains(PASSWORD));
    let pushes = said(at, &["audit", "--target", "team", "--action", "manifest"], "");
    assert!(pushes.lines().count() == 1 && pushes.contains("team/app:v1"), "{pushes}");
    assert_eq!(said(at, &["audit", "--until", "1h"], ""), "");
    let checked = said(at, &["audit", "verify"], "");
    assert!(checked.contains("as they were sealed"), "{checked}");
}

#[test]
fn a_first_start_tells_the_way_to_the_first_administrator() {
    let place = accounts();
    let mut server = Server::launch(place.path());
    let line = server.wait_for("setup_secret=");
    assert!(line.contains("berth user add NAME --admin"), "{line}");
    let secret = line.split("setup_secret=").nth(1).unwrap().split_whitespace().next().unwrap();
    server.wait_for("msg=ready");
    let body = format!(
        "{{\"secret\":{:?},\"name\":\"ann\",\"password\":{PASSWORD:?}}}",
        secret.trim_matches('"')
    );
    let json = "Content-Type: application/json\r\n";
    let (status, answer) = server.ask_with("POST /api/v1/setup", json, body.as_bytes());
    assert!((200..300).contains(&status), "{answer}");
    assert_eq!(server.ask_with("GET /v2/", ANN, b"").0, 200);
    let (status, answer) = server.ask_with("POST /api/v1/setup", json, body.as_bytes());
    assert!(status >= 400, "{answer}");
}

#[test]
fn the_first_administrator_is_made_from_afar_with_the_one_time_secret() {
    let place = accounts();
    let mut server = Server::launch(place.path());
    let line = server.wait_for("setup_secret=");
    let secret = line.split("setup_secret=").nth(1).unwrap().split_whitespace().next().unwrap();
    server.wait_for("msg=ready");
    let file = place.path().join("secret");
    let set_up = |secret: &str| {
        std::fs::write(&file, secret).unwrap();
        let mut child = berth()
            .args(["setup", "ann", "--server", &format!("http://{}", server.address)])
            .arg("--setup-secret-file")
            .arg(&file)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (made, error) = set_up("bset_wrong");
    assert!(!made && error.contains("setup secret is wrong"), "{error}");
    let (made, error) = set_up(secret.trim_matches('"'));
    assert!(made, "{error}");
    assert_eq!(server.ask_with("GET /v2/", ANN, b"").0, 200);
}

#[test]
fn accounts_are_chosen_by_the_environment_alone() {
    let place = folder("");
    let mut server = Server::launch_with(place.path(), &[("REGISTRY_AUTH", "berth")]);
    server.wait_for("msg=ready");
    let (status, answer) = server.ask_with("GET /v2/", "", b"");
    assert_eq!(status, 401);
    let realm = format!("realm=\"http://{}/auth/token\"", server.address);
    assert!(
        answer.to_lowercase().contains("www-authenticate: bearer ") && answer.contains(&realm),
        "{answer}"
    );
    let error = refused(place.path(), &["user", "list"], "");
    assert!(error.contains("REGISTRY_AUTH=berth"), "{error}");
}

#[test]
fn wrong_input_is_answered_with_the_way_out() {
    let place = accounts();
    let at = place.path();
    for (arguments, input, text) in [
        (&["user", "add", "a:b"][..], PASSWORD, "a:b"),
        (&["user", "add", "ann"], "", "--generate"),
        (&["user", "show", "ann"], "", "there is no user \"ann\""),
        (&["robot", "rotate", "ci"], "", "there is no robot"),
        (&["grant", "user:ann", "developer", "**"], "", "no user"),
        (&["grant", "anonymous", "emperor", "**"], "", "emperor"),
        (&["token", "create", "x", "--user", "ann"], "", "no user"),
        (&["apply", "-f", "/nowhere"], "", "/nowhere"),
        (&["user", "list", "--token-file", "/x"], "", "--server"),
    ] {
        let error = refused(at, arguments, input);
        assert!(error.contains(text), "{arguments:?}: {error}");
    }
    for (arguments, text) in [
        (&["grant", "alice", "developer", "**"][..], "user:NAME"),
        (&["grant", "user:ann", "developer", "Team/**"], "a to z"),
        (&["can-i", "user:ann", "read", "x"], "pull, push"),
        (&["visibility", "x", "open"], "public, internal or private"),
        (&["visibility", "x"], "VISIBILITY"),
        (&["robot", "add", "ci", "--expires", "soon"], "90d"),
        (&["robot", "add", "ci", "--grant", "push"], "ROLE:PATTERN"),
        (&["token", "create", "x", "--scope", "fly:**"], "ACTION:PATTERN"),
        (&["audit", "--since", "yesterday"], "2026-01-31"),
        (&["user", "add", "ann", "--generate", "--password-stdin"], "cannot be used with"),
    ] {
        let done = access(at, arguments, "");
        let error = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(text), "{arguments:?}: {error}");
    }
}

#[test]
fn a_server_that_waits_for_its_turn_lets_nobody_in_before_it_knows_its_accounts() {
    let place = accounts();
    said(place.path(), &["user", "add", "ann", "--admin"], PASSWORD);
    let mut first = Server::start(place.path());
    let mut second = Server::launch(place.path());
    second.wait_for("another server owns");
    assert_eq!(second.ask_with("GET /v2/", ANN, b"").0, 503);
    assert_eq!(second.ask_with("GET /v2/", "", b"").0, 503);
    first.signal("TERM");
    assert!(first.ended().success());
    second.wait_for("msg=ready");
    // Whoever still stands at the door is told to come back, or sees it close.
    let until_it_answers = |who: &str| loop {
        match second.ask_with("GET /v2/", who, b"").0 {
            0 | 503 => std::thread::yield_now(),
            status => return status,
        }
    };
    assert_eq!(until_it_answers(""), 401);
    assert_eq!(until_it_answers(ANN), 200);
}
