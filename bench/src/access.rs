//! What signing in costs: the same manifest read without credentials, with a password and with a
//! token, and the rate of the token endpoint beside nginx checking a password.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::process::Signal;

use crate::backing::StoreKind;
use crate::drive::{Worker, drive};
use crate::folder::{self, RunFolder};
use crate::http::{Connection, request};
use crate::options::Options;
use crate::process::{Process, answers, free_port};
use crate::report::median;
use crate::running::Running;
use crate::seed::{self, IMAGE_REPOSITORY};
use crate::servers::{self, Server};
use crate::{Outcome, machine};

const CONNECTIONS: usize = 16;
const USER: &str = "bench";
const PASSWORD: &str = "a password for a benchmark";

/// One way to ask: its name, where, and the whole request.
struct Way {
    title: &'static str,
    address: SocketAddr,
    request: String,
    rates: Vec<f64>,
}

/// Measures and prints a table.
pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let sizes = options.sizes();
    let folder = RunFolder::create(&options.folder(), 1 << 30)?;
    let berth = Server::Berth.find()?;
    let store = folder.path().join("berth");
    let config = prepare(&berth, &store).await?;
    let (_berth, address) = serve(&berth, &config, &store)?;
    let (_nginx, nginx) = serve_nginx(&folder.path().join("nginx"))?;
    let basic = format!("Authorization: Basic {}\r\n", BASE64.encode(format!("{USER}:{PASSWORD}")));
    let token = format!("/auth/token?service=berth&scope=repository:{IMAGE_REPOSITORY}:pull");
    let bearer = format!("Authorization: Bearer {}\r\n", ask_token(address, &token, &basic).await?);
    let manifest = |fields: &str| request("GET", servers::MANIFEST_TARGET, fields);
    let way = |title, address, request| Way { title, address, request, rates: Vec::new() };
    let mut ways = [
        way("manifest GET, anonymous", address, manifest("")),
        way("manifest GET, Basic", address, manifest(&basic)),
        way("manifest GET, Bearer", address, manifest(&bearer)),
        way("token endpoint, Basic", address, request("GET", &token, &basic)),
        way("nginx, file behind auth_basic", nginx, manifest(&basic)),
    ];
    for _ in 0..sizes.rounds {
        for way in &mut ways {
            let rate = measure(way, &sizes).await?;
            eprintln!("  {:<32} {rate:>10.0} requests/s", way.title);
            way.rates.push(rate);
        }
    }
    println!("{}", table(&ways, sizes.rounds, folder.file_system()));
    Ok(())
}

/// A store with the image, an account, and the image public; its configuration with accounts.
async fn prepare(berth: &Path, folder: &Path) -> Outcome<PathBuf> {
    {
        let (running, _) = Running::start(Server::Berth, StoreKind::Files, berth, folder)?;
        seed::push_image(running.address, IMAGE_REPOSITORY).await?;
    }
    let config = folder.join("config.yml");
    let text = std::fs::read_to_string(&config).map_err(|error| format!("config.yml: {error}"))?;
    folder::write(&config, (text + "auth:\n  berth:\n    service: berth\n").as_bytes())?;
    operator(berth, &config, &["user", "add", USER, "--password-stdin"])?;
    operator(berth, &config, &["grant", &format!("user:{USER}"), "guest", "bench/**"])?;
    operator(berth, &config, &["visibility", "bench/**", "public"])?;
    Ok(config)
}

fn operator(berth: &Path, config: &Path, arguments: &[&str]) -> Outcome<()> {
    let failed = |error| format!("{arguments:?}: {error}");
    let mut command = Command::new(berth);
    command.args(arguments).env("REGISTRY_CONFIGURATION_PATH", config).env_remove("BERTH_BIN");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // A command that asks for nothing does not read it.
        let _ = input.write_all(PASSWORD.as_bytes());
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("{arguments:?}: {status}")) }
}

/// Serves the prepared store where its configuration says.
fn serve(berth: &Path, config: &Path, folder: &Path) -> Outcome<(Process, SocketAddr)> {
    let port = free_port()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut command = Command::new(berth);
    command.env_remove("BERTH_BIN").env_remove("BERTH_TOOLS_DIR");
    command.arg("serve").arg(config).env("REGISTRY_HTTP_ADDR", address.to_string());
    let log = folder.join("log");
    let mut process = Process::spawn("berth", &mut command, log, Signal::TERM)?;
    process.wait_until(|| answers(address, "/readyz"))?;
    Ok((process, address))
}

/// nginx with the manifest as a file behind a password, hashed as `htpasswd` does without options.
fn serve_nginx(folder: &Path) -> Outcome<(Process, SocketAddr)> {
    let manifest = folder.join("www").join(servers::MANIFEST_TARGET.trim_start_matches('/'));
    folder::create(manifest.parent().unwrap_or(folder))?;
    folder::write(&manifest, &seed::Image::new().manifest)?;
    folder::create(&folder.join("temporary"))?;
    let hashed = Command::new("htpasswd").args(["-nb", USER, PASSWORD]).output();
    let hashed = hashed.map_err(|error| format!("htpasswd: {error}"))?.stdout;
    folder::write(&folder.join("users"), &hashed)?;
    let port = free_port()?;
    let users = folder.join("users");
    let text = servers::nginx_text(port).replace(
        "    root www;\n",
        &format!(
            "    root www;\n    auth_basic bench;\n    auth_basic_user_file {};\n\
             \x20   location = /ready {{ auth_basic off; return 200; }}\n",
            users.display()
        ),
    );
    let config = folder.join("nginx.conf");
    folder::write(&config, text.as_bytes())?;
    let mut command = Command::new(Server::Nginx.find()?);
    command.arg("-p").arg(folder).arg("-c").arg(config).arg("-e").arg(folder.join("error.log"));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut process = Process::spawn("nginx", &mut command, folder.join("log"), Signal::TERM)?;
    process.wait_until(|| answers(address, "/ready"))?;
    Ok((process, address))
}

async fn ask_token(address: SocketAddr, target: &str, fields: &str) -> Outcome<String> {
    let mut connection = Connection::open(address).await?;
    connection.exchange(request("GET", target, fields).as_bytes()).await?;
    let answer: Option<serde_json::Value> = serde_json::from_slice(connection.body()).ok();
    let token = answer.as_ref().and_then(|answer| answer.get("token")?.as_str());
    token.map(str::to_owned).ok_or_else(|| format!("no token: {}", connection.describe()))
}

async fn measure(way: &Way, sizes: &crate::options::Sizes) -> Outcome<f64> {
    let mut askers = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let connection = Connection::open(way.address).await?;
        askers.push(Asker { connection, request: way.request.clone() });
    }
    let warm = drive(askers, sizes.warm_up, 0).await?;
    let phase = drive(warm.workers, sizes.measure, 0).await?;
    Ok(phase.operations as f64 / phase.elapsed.as_secs_f64())
}

/// Sends one request again and again and wants 200.
struct Asker {
    connection: Connection,
    request: String,
}

impl Worker for Asker {
    async fn step(&mut self) -> Outcome<bool> {
        match self.connection.exchange(self.request.as_bytes()).await? {
            200 => Ok(true),
            _ => Err(self.connection.describe()),
        }
    }
}

fn table(ways: &[Way], rounds: u32, file_system: &str) -> String {
    let rate = |way: &Way| median(&way.rates).unwrap_or_default();
    let first = ways.first().map_or(0.0, rate);
    let mut text = format!(
        "{}, {file_system}; {rounds} round(s), {CONNECTIONS} connections; medians\n\n\
         | work | requests/s | times anonymous |\n|---|---:|---:|\n",
        machine::describe()
    );
    for way in ways {
        let rate = rate(way);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} | {rate:.0} | {:.2} |", way.title, rate / first);
    }
    text
}
