//! Accounts that move along: whoever could sign in can, and may do what they might.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use super::*;
use crate::process::berth;

const PASSWORD: &str = "correct horse battery";

fn base64(bytes: &[u8]) -> String {
    let digit = |bits: u32| match u8::try_from(bits & 63).unwrap() {
        digit @ 0..26 => char::from(b'A' + digit),
        digit @ 26..52 => char::from(b'a' + digit - 26),
        digit @ 52..62 => char::from(b'0' + digit - 52),
        62 => '+',
        _ => '/',
    };
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |number: usize| u32::from(three.get(number).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.extend((0..=three.len()).map(|place| digit(bits >> (18 - 6 * place))));
        text.extend((three.len()..3).map(|_| '='));
    }
    text
}

/// The header of somebody who signs in.
fn basic(name: &str, secret: &str) -> String {
    format!("Authorization: Basic {}\r\n", base64(format!("{name}:{secret}").as_bytes()))
}

/// Runs a command about the accounts of the registry in `place`.
pub(super) fn access(place: &Path, arguments: &[&str], input: &str) -> Output {
    let config = place.join("config.yml");
    let mut command = berth();
    command.args(arguments).arg("--config").arg(config);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What a command says that works.
pub(super) fn said(place: &Path, arguments: &[&str], input: &str) -> String {
    let done = access(place, arguments, input);
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{arguments:?}: {error}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// What people and programs hold in their hands.
pub(super) struct Secrets {
    personal: String,
    robot: String,
    /// A token of the registry, good for half an hour.
    bearer: String,
}

impl Secrets {
    /// Makes Ann, who administers, Bob, who may do nothing, and a robot for `team`.
    pub(super) fn made_in(place: &Path) -> Self {
        said(place, &["user", "add", "ann", "--admin"], PASSWORD);
        said(place, &["user", "add", "bob"], PASSWORD);
        let robot = said(place, &["robot", "add", "ci", "--grant", "developer:team/**"], "");
        let personal = said(place, &["token", "create", "laptop", "--user", "ann"], "");
        Self { personal, robot, bearer: String::new() }
    }

    /// Fetches the registry's token.
    pub(super) fn fetch(&mut self, server: &Server) {
        let scope = "repository:team/app:pull,push";
        let request = format!("GET /auth/token?service=berth&scope={scope}");
        let (status, answer) = server.ask_with(&request, &self.as_robot(), b"");
        assert_eq!(status, 200, "{answer}");
        let token = answer.split("\"token\":\"").nth(1).unwrap().split('"').next().unwrap();
        self.bearer = format!("Authorization: Bearer {token}\r\n");
    }

    fn as_robot(&self) -> String {
        basic("robot$ci", &self.robot)
    }

    /// Everybody may do what they might, and no more.
    pub(super) fn work(&self, server: &Server) {
        let status = |request: &str, who: &str| server.ask_with(request, who, b"").0;
        assert_eq!(status("GET /v2/", &basic("ann", PASSWORD)), 200, "a password");
        assert_eq!(status("GET /v2/", &basic("ann", "wrong")), 401);
        assert_eq!(status("GET /v2/", &basic("ann", &self.personal)), 200, "a personal token");
        let pull = "GET /v2/team/app/manifests/v1";
        for (who, expected) in [
            (basic("ann", &self.personal), 200),
            (basic("bob", PASSWORD), 403),
            (self.as_robot(), 200),
            (self.bearer.clone(), 200),
            (String::new(), 401),
        ] {
            assert_eq!(status(pull, &who), expected, "{who}");
        }
    }

    /// Pushes as the robot; the status of the last step.
    pub(super) fn push(&self, server: &Server, repository: &str, tag: &str) -> u16 {
        let who = self.as_robot();
        for bytes in [CONFIG, &*layer()] {
            let digest = Digest::sha256(bytes);
            let request = format!("POST /v2/{repository}/blobs/uploads/?digest={digest}");
            let (status, _) = server.ask_with(&request, &who, bytes);
            if status != 201 {
                return status;
            }
        }
        server.ask_with(&put(repository, tag), &who, manifest().as_bytes()).0
    }
}

/// The lines of the record about pushes by the robot.
pub(super) fn pushes(place: &Path) -> Vec<String> {
    let text = said(place, &["audit", "--action", "manifest.push", "--json-lines"], "");
    text.lines().filter(|line| line.contains("robot:ci")).map(str::to_owned).collect()
}

#[test]
fn accounts_tokens_grants_and_the_record_move_there_and_back() {
    let (first, second) = (folder("auth: berth\n"), folder("auth: berth\n"));
    let mut secrets = Secrets::made_in(first.path());
    let server = Server::start(first.path());
    assert_eq!(secrets.push(&server, "team/app", "v1"), 201);
    assert_eq!(secrets.push(&server, "other/app", "v1"), 403);
    secrets.fetch(&server);
    secrets.work(&server);
    stop(server);
    let (done, out, error) = move_to(&first, &second, &[]);
    assert!(done, "{out}{error}");
    assert!(out.contains(", 2 links of blobs, 3 accounts, 1 grants, "), "{out}");
    assert!(out.contains(" audit lines; 2 blobs"), "{out}");
    let record = said(first.path(), &["audit", "--json-lines"], "");
    assert_eq!(said(second.path(), &["audit", "--json-lines"], ""), record);

    let server = Server::start(second.path());
    secrets.work(&server);
    assert_eq!(secrets.push(&server, "team/app", "v2"), 201);
    assert_eq!(secrets.push(&server, "other/app", "v1"), 403);
    said(second.path(), &["user", "remove", "bob"], "");
    said(second.path(), &["user", "add", "bob", "--admin"], "another password");
    stop(server);
    // The first one has not changed since, so it takes what is new, and what is gone goes.
    let (done, out, error) = move_to(&second, &first, &["--resume"]);
    assert!(done, "{out}{error}");
    let server = Server::start(first.path());
    let ask = |who: &str| server.ask_with("GET /v2/team/app/manifests/v2", who, b"").0;
    assert_eq!(ask(&basic("bob", PASSWORD)), 401);
    assert_eq!(ask(&basic("bob", "another password")), 200);
    assert_eq!(ask(&secrets.bearer), 200);
    stop(server);
    assert_eq!(pushes(first.path()).len(), 2);
    let checked = said(first.path(), &["audit", "verify"], "");
    assert!(checked.contains("as they were sealed"), "{checked}");
}

#[test]
fn accounts_of_a_server_that_is_moved_away_stand_still() {
    let (first, second) = (folder("auth: berth\n"), folder("auth: berth\n"));
    let mut secrets = Secrets::made_in(first.path());
    let server = Server::start(first.path());
    assert_eq!(secrets.push(&server, "team/app", "v1"), 201);
    secrets.fetch(&server);
    let (done, out, error) = move_to(&first, &second, &[]);
    assert!(done, "{out}{error}");
    // Who is known signs in and pulls; nobody comes or goes.
    secrets.work(&server);
    assert_eq!(secrets.push(&server, "team/app", "v2"), 405);
    let refused = access(first.path(), &["user", "add", "carol"], PASSWORD);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("try again"), "{error}");
    stop(server);
    // What was acknowledged is in the record, although it was written down after the freeze.
    let lines = pushes(second.path());
    assert!(lines.len() == 1 && lines[0].contains("team/app:v1"), "{lines:?}");
    let server = Server::start(second.path());
    secrets.work(&server);
    said(second.path(), &["user", "add", "carol"], PASSWORD);
    stop(server);
    let (done, out, error) = move_to(&first, &second, &["--resume"]);
    assert!(!done && error.contains("has changed since"), "{out}{error}");
}

#[test]
fn a_target_with_accounts_of_its_own_is_refused() {
    let (first, second) = (folder("auth: berth\n"), folder("auth: berth\n"));
    for (place, name) in [(&first, "ann"), (&second, "own")] {
        said(place.path(), &["user", "add", name], PASSWORD);
    }
    let (done, out, error) = move_to(&first, &second, &[]);
    let refused = "the target already has accounts or an audit log of its own, user own for one";
    assert!(!done && error.contains(refused), "{out}{error}");
    let (done, out, error) = move_to(&first, &second, &["--resume"]);
    assert!(!done && error.contains("did not come from this source"), "{out}{error}");
}
