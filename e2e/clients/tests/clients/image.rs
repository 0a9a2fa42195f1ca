//! The container image under the engine, with the lines that tutorials for the original teach.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clients::command::{self, run};
use clients::engine::Docker;
use clients::fixture;
use clients::registry::{PASSWORD, USER, repository};
use tempfile::TempDir;

const IMAGE: &str = "berth:latest";

/// The tutorials all name port 5000, so these tests take turns.
pub(crate) fn port_5000() -> MutexGuard<'static, ()> {
    static TAKEN: Mutex<()> = Mutex::new(());
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A container named `registry` on port 5000, removed with its volumes at the end.
struct Container {
    docker: Docker,
    _turn: MutexGuard<'static, ()>,
}

impl Container {
    /// `docker run -d -p 5000:5000 --name registry OPTIONS IMAGE`, then waits for an answer.
    fn run(options: &[&str]) -> Self {
        let turn = port_5000();
        let docker = Docker::shared();
        load(&docker);
        let container = Self { docker, _turn: turn };
        let line = ["run", "-d", "-p", "5000:5000", "--name", "registry"];
        container.docker.run(&[&line[..], options, &[IMAGE]].concat());
        container.wait_until_ready();
        container
    }

    fn wait_until_ready(&self) {
        for _ in 0..300 {
            if ready("http://localhost:5000/v2/") || ready("https://localhost:5000/v2/") {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("no answer on port 5000 within 30 s\n{}", self.said());
    }

    /// Pushes the greeting image, removes it, pulls it and runs it.
    fn serves(&self) {
        let image = "localhost:5000/greeting:1";
        self.push(image);
        self.docker.run(&["rmi", image]);
        self.pull(image);
    }

    fn push(&self, image: &str) {
        crate::docker::build(&self.docker, image);
        self.docker.run(&["push", image]);
    }

    fn pull(&self, image: &str) {
        self.docker.run(&["pull", image]);
        assert_eq!(self.docker.run(&["run", "--rm", image]), fixture::GREETING);
        self.docker.run(&["rmi", image]);
    }

    /// The line that says under which user the server serves, and the user that it really has.
    fn serving_as(&self, words: &str) -> (String, u32) {
        let said = self.said();
        let line = said.lines().find(|line| line.contains(words));
        let line = line.unwrap_or_else(|| panic!("{words:?} is not in the log:\n{said}"));
        let pid = self.docker.run(&["inspect", "--format", "{{.State.Pid}}", "registry"]);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
        let uids: Vec<u32> = uids.split_whitespace().map(|uid| uid.parse().unwrap()).collect();
        assert!(uids.iter().all(|uid| *uid == uids[0]), "real, effective, saved: {uids:?}");
        (line.to_owned(), uids[0])
    }

    /// The server gave up root for good, and said so.
    fn serves_without_root(&self) {
        let (line, uid) = self.serving_as("serving as an unprivileged user");
        assert!(uid != 0 && line.contains(&format!("uid={uid}")), "{line}: {uid}");
    }

    /// The server stayed root, and said what hands the folder over.
    fn stays_root(&self) {
        let (line, uid) = self.serving_as("serving as root");
        assert!(uid == 0 && line.contains("berth adopt"), "{line}: {uid}");
    }

    fn said(&self) -> String {
        let mut logs = self.docker.command();
        let output = logs.args(["logs", "registry"]).output().unwrap();
        let parts = [output.stdout, output.stderr];
        parts.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.said());
        }
        let _ = self.docker.command().args(["rm", "--force", "--volumes", "registry"]).output();
    }
}

fn load(docker: &Docker) {
    let archive = std::env::var("BERTH_IMAGE")
        .map_or_else(|_| repository().join("target/image/berth.tar"), std::path::PathBuf::from);
    docker.run(&["load", "--input", archive.to_str().expect("cargo xtask image")]);
}

/// Whether anything but "not yet" is answered, whoever asks: a login may be wanted.
fn ready(url: &str) -> bool {
    let code = ["-sk", "-o", "/dev/null", "-w", "%{http_code}", url];
    let done = std::process::Command::new("curl").args(code).output().unwrap();
    matches!(String::from_utf8_lossy(&done.stdout).trim(), "200" | "401")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `-v FOLDER:PLACE`.
fn mount(folder: &TempDir, place: &str) -> String {
    format!("{}:{place}", text(folder.path()))
}

/// A file that belongs to root alone, as keys and password files do.
fn secret(folder: &TempDir, name: &str, content: &str) {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn the_first_line_of_every_tutorial_gives_a_registry_that_survives_a_restart() {
    let container = Container::run(&["--restart=always"]);
    let image = "localhost:5000/ubuntu";
    container.push(image);
    container.docker.run(&["rmi", image]);
    container.docker.run(&["restart", "registry"]);
    container.wait_until_ready();
    container.pull(image);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn the_lines_that_operators_type_into_a_running_container_work() {
    let container = Container::run(&["--restart=always"]);
    container.push("localhost:5000/greeting:1");
    let docker = &container.docker;
    let config = "/etc/docker/registry/config.yml";
    docker.run(&["exec", "registry", "bin/registry", "garbage-collect", config]);
    docker.run(&["exec", "registry", "registry", "garbage-collect", "--dry-run", config]);
    let size = docker.run(&["exec", "registry", "du", "-sh", "/var/lib/registry"]);
    assert!(size.ends_with("/var/lib/registry"), "{size}");
    docker.run(&["exec", "registry", "registry", "--version"]);
    container.docker.run(&["rmi", "localhost:5000/greeting:1"]);
    container.pull("localhost:5000/greeting:1");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn docker_stop_is_answered_before_the_engine_kills() {
    let container = Container::run(&[]);
    container.docker.run(&["stop", "registry"]);
    let state = ["inspect", "--format", "{{.State.ExitCode}}", "registry"];
    assert_eq!(container.docker.run(&state), "0");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_mounted_folder_keeps_the_data_over_containers() {
    let data = tempfile::tempdir().unwrap();
    let volume = mount(&data, "/var/lib/registry");
    {
        let container = Container::run(&["-v", &volume]);
        container.push("localhost:5000/kept:1");
        container.docker.run(&["rmi", "localhost:5000/kept:1"]);
    }
    assert!(std::fs::read_dir(data.path()).unwrap().next().is_some());
    Container::run(&["-v", &volume]).pull("localhost:5000/kept:1");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_folder_of_another_user_with_files_of_root_stays_with_root_also_offline() {
    let data = tempfile::tempdir().unwrap();
    chown(data.path(), Some(1000), Some(1000)).unwrap();
    std::fs::write(data.path().join("of-root"), "x").unwrap();
    let volume = mount(&data, "/var/lib/registry");
    let config = "/etc/docker/registry/config.yml";
    {
        let container = Container::run(&["-v", &volume]);
        container.push("localhost:5000/kept:1");
        container.stays_root();
        let collect = ["exec", "registry", "bin/registry", "garbage-collect", config];
        container.docker.run(&collect);
        container.docker.run(&["rmi", "localhost:5000/kept:1"]);
    }
    {
        let (docker, _turn) = (Docker::shared(), port_5000());
        load(&docker);
        docker.run(&["run", "--rm", "-v", &volume, "--entrypoint", "berth", IMAGE, "export"]);
    }
    Container::run(&["-v", &volume]).pull("localhost:5000/kept:1");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_folder_of_root_stays_with_root_until_it_is_adopted() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("of-root"), "x").unwrap();
    let volume = mount(&data, "/var/lib/registry");
    {
        let container = Container::run(&["-v", &volume]);
        container.stays_root();
        container.push("localhost:5000/kept:1");
        container.docker.run(&["rmi", "localhost:5000/kept:1"]);
    }
    {
        let (docker, _turn) = (Docker::shared(), port_5000());
        load(&docker);
        docker.run(&["run", "--rm", "-v", &volume, "--entrypoint", "berth", IMAGE, "adopt"]);
    }
    let container = Container::run(&["-v", &volume]);
    container.serves_without_root();
    container.pull("localhost:5000/kept:1");
    container.serves();
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_password_file_and_two_variables_ask_for_a_login() {
    let auth = tempfile::tempdir().unwrap();
    {
        let (docker, _turn) = (Docker::shared(), port_5000());
        load(&docker);
        let make = ["run", "--rm", "--entrypoint", "berth", IMAGE, "htpasswd", "-Bbn"];
        secret(&auth, "htpasswd", &(docker.run(&[&make[..], &[USER, PASSWORD]].concat()) + "\n"));
    }
    let container = Container::run(&[
        "-v",
        &mount(&auth, "/auth"),
        "-e",
        "REGISTRY_AUTH=htpasswd",
        "-e",
        "REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm",
        "-e",
        "REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd",
    ]);
    crate::docker::build(&container.docker, "localhost:5000/greeting:1");
    container.docker.refused(&["push", "localhost:5000/greeting:1"]);
    let login = ["login", "--username", USER, "--password", PASSWORD, "localhost:5000"];
    container.docker.run(&login);
    container.serves();
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_certificate_and_two_variables_speak_tls() {
    let certs = tempfile::tempdir().unwrap();
    let at = |name: &str| certs.path().join(name);
    let (key, certificate) = (at("domain.key"), at("domain.crt"));
    let new = ["req", "-newkey", "rsa:2048", "-nodes", "-sha256", "-x509", "-days", "2"];
    let whose = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    let files = ["-keyout", text(&key), "-out", text(&certificate)];
    run("openssl", &[&new[..], &whose, &files].concat());
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let container = Container::run(&[
        "-v",
        &mount(&certs, "/certs"),
        "-e",
        "REGISTRY_HTTP_TLS_CERTIFICATE=/certs/domain.crt",
        "-e",
        "REGISTRY_HTTP_TLS_KEY=/certs/domain.key",
    ]);
    let checked = ["-sSf", "--cacert", text(&certificate), "https://localhost:5000/v2/"];
    run("curl", &checked);
    // The key is root's alone: it was read before root was given up.
    container.serves_without_root();
    container.serves();
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_configuration_mounted_at_either_place_is_read() {
    for place in ["/etc/docker/registry/config.yml", "/etc/distribution/config.yml"] {
        let folder = tempfile::tempdir().unwrap();
        let lines = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /var/lib/registry\nhttp:\n  addr: :5000\n  headers:\n    X-Mounted: [\"yes\"]\n";
        std::fs::write(folder.path().join("config.yml"), lines).unwrap();
        let file = format!("{}:{place}", text(&folder.path().join("config.yml")));
        let _container = Container::run(&["-v", &file]);
        let headers = run("curl", &["-sS", "-D", "-", "http://localhost:5000/v2/"]);
        assert!(headers.to_lowercase().contains("x-mounted: yes"), "{place}: {headers}");
    }
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn the_entry_point_takes_the_originals_arguments() {
    let (docker, _turn) = (Docker::shared(), port_5000());
    load(&docker);
    let version = docker.run(&["run", "--rm", IMAGE, "--version"]);
    assert!(version.contains("registry"), "{version}");
    docker.run(&["run", "--rm", IMAGE, "help"]);
    let config = "/etc/docker/registry/config.yml";
    docker.run(&["run", "--rm", IMAGE, "garbage-collect", "--dry-run", config]);
    let listed = docker.run(&["run", "--rm", IMAGE, "du", "-s", "/etc/docker"]);
    assert!(listed.ends_with("/etc/docker"), "{listed}");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn the_container_runs_under_any_user() {
    for (user, owner) in [("1000:1000", (1000, 1000)), ("54321", (54321, 0))] {
        let data = tempfile::tempdir().unwrap();
        chown(data.path(), Some(owner.0), Some(owner.1)).unwrap();
        let mounted = Container::run(&["--user", user, "-v", &mount(&data, "/var/lib/registry")]);
        mounted.serves();
        drop(mounted);
        Container::run(&["--user", user]).serves();
    }
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn the_container_runs_with_less_than_it_is_usually_given() {
    let less: [&[&str]; 3] = [
        &["--read-only"],
        &["--cap-drop", "ALL"],
        &["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
    ];
    for options in less {
        Container::run(options).serves();
    }
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn the_server_gives_up_root_on_a_new_volume() {
    let data = tempfile::tempdir().unwrap();
    let container = Container::run(&["-v", &mount(&data, "/var/lib/registry")]);
    container.serves();
    container.serves_without_root();
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn names_resolve_inside_of_the_image() {
    let (docker, _turn) = (Docker::shared(), port_5000());
    load(&docker);
    docker.run(&["network", "create", "names"]);
    let idle = ["run", "-d", "--network", "names", "--name", "neighbour", IMAGE];
    docker.run(&idle);
    // The image has no program that only asks for a name, so the machine's own is lent to it.
    let lent = ["-v", "/usr/bin/getent:/bin/getent:ro", "--entrypoint", "/bin/getent"];
    let ask = |options: &[&str], name: &str| {
        let mut docker = docker.command();
        docker.args(["run", "--rm", "--network", "names"]).args(lent).args(options);
        command::ok(docker.args([IMAGE, "hosts", name]))
    };
    assert!(ask(&["--add-host", "listed:10.1.2.3"], "listed").starts_with("10.1.2.3"));
    assert!(ask(&[], "neighbour").contains("neighbour"));
    docker.run(&["rm", "--force", "--volumes", "neighbour"]);
    docker.run(&["network", "rm", "names"]);
}
