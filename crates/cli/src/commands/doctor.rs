//! `berth doctor`: looks for trouble before it happens, and says the way out.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use registry::accounts::command::PageRequest;
use registry::accounts::{Answer, Command};
use server::TlsSource;

use crate::args::ConfigPath;
use crate::config::auth::{Auth, BerthAuth};
use crate::config::berth::metadata::MetadataAt;
use crate::config::listen::Listen;
use crate::config::{Config, Loaded};
use crate::process::lock::{StoreLock, own_directory};
use crate::process::privileges::{follow_owner, owners, serving_user};
use crate::process::{audit_places, control};
use crate::wire;

use super::{configuration, runtime, say};

/// Less free space than this is worth a word, in bytes.
const LOW_SPACE: u64 = 1 << 30;
/// Less than this many free inodes is worth a word.
const LOW_INODES: u64 = 10_000;
/// Files whose owner is looked at.
const MAX_OWNED: usize = 100_000;

/// What one check found.
enum Verdict {
    Good(String),
    Doubt(String),
    Bad(String),
}

use Verdict::{Bad, Doubt, Good};

/// Prints one line per check; fails if any is bad.
pub(super) fn run(at: &ConfigPath) -> Result<(), String> {
    let loaded = configuration(at, false).map_err(|error| error.to_string())?;
    let config = &loaded.config;
    let Some(root) = config.storage.root_directory() else {
        return verdict_on(&elsewhere(&loaded)?);
    };
    // In the order of a start: ports and keys while this may still be root; then as the user who
    // serves, so that nothing is left behind which that user cannot open.
    let owned = owned(root, config);
    let bound = bind(&config.http.listen);
    let (tls, accounts) = (tls(config), accounts(config));
    let directory = match follow_owner(root) {
        Ok(()) => directory(root),
        Err(error) => Bad(error),
    };
    let mut verdicts = vec![
        ("configuration", warnings(loaded.warnings.len())),
        ("storage directory", directory),
        ("file system", file_system(root, &config.berth.metadata.at)),
        ("free space", space(root)),
        ("owner", owned),
        ("server", server(root)),
        ("address", address(&config.http.listen, bound, Some(root))),
        ("TLS", tls),
        ("accounts", accounts),
    ];
    if !config.berth.metadata.at.is_embedded() {
        let tried = runtime()?.block_on(wire::database(config, &wire::World::real()));
        verdicts.insert(2, ("database", verdict(tried)));
    }
    verdicts.extend(audit(config));
    verdict_on(&verdicts)
}

fn verdict(tried: wire::Tried) -> Verdict {
    match tried.outcome {
        Ok(text) => Good(text),
        Err(error) => Bad(format!("{}: {error}", tried.setting)),
    }
}

/// Where the record is copied to, if it is.
fn audit(config: &Config) -> Option<(&'static str, Verdict)> {
    let Auth::Berth(auth) = &config.auth else { return None };
    let audit = &auth.audit;
    if audit.file.is_none() && audit.syslog.is_none() {
        return None;
    }
    let looked = audit_places::file(config).and_then(|()| audit_places::syslog(config));
    let verdict = looked.map_or_else(Bad, |()| Good("copies can be written".into()));
    Some(("audit", verdict))
}

/// The checks where blobs lie in a bucket: what is there is told by trying.
fn elsewhere(loaded: &Loaded) -> Result<Vec<(&'static str, Verdict)>, String> {
    let config = &loaded.config;
    let bound = bind(&config.http.listen);
    let runtime = runtime()?;
    let tried = runtime.block_on(wire::trial(config, &wire::World::real()));
    let names = ["bucket", "database", "cache"];
    let stores = tried.into_iter().zip(names).map(|(tried, name)| (name, verdict(tried)));
    let mut verdicts = vec![("configuration", warnings(loaded.warnings.len()))];
    verdicts.extend(stores);
    verdicts.push(("address", address(&config.http.listen, bound, None)));
    verdicts.push(("TLS", tls(config)));
    verdicts.push(("accounts", accounts(config)));
    verdicts.extend(audit(config));
    Ok(verdicts)
}

/// One line for each check; an error if any is bad.
fn verdict_on(verdicts: &[(&str, Verdict)]) -> Result<(), String> {
    let mut bad = 0;
    for (name, verdict) in verdicts {
        let (mark, text) = match verdict {
            Good(text) => ("ok  ", text),
            Doubt(text) => ("note", text),
            Bad(text) => {
                bad += 1;
                ("BAD ", text)
            }
        };
        say(&format!("{mark}  {name:<18} {text}"));
    }
    if bad == 0 { Ok(()) } else { Err(counted(bad, "problem")) }
}

fn counted(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

fn warnings(number: usize) -> Verdict {
    match number {
        0 => Good("no warnings".into()),
        _ => Doubt(format!("{}; see `berth config check`", counted(number, "warning"))),
    }
}

fn directory(root: &Path) -> Verdict {
    let own = own_directory(root);
    if let Err(error) = std::fs::create_dir_all(&own) {
        return Bad(format!("{}: {error}", own.display()));
    }
    let probe = own.join(format!("doctor-{}", std::process::id()));
    let wrote = std::fs::write(&probe, b"probe").and_then(|()| std::fs::remove_file(&probe));
    match wrote {
        Ok(()) => Good(format!("{} is writable", root.display())),
        Err(error) => Bad(format!("{}: {error}", probe.display())),
    }
}

/// Which kind of file system holds the blobs, and the database if that is a file.
fn file_system(root: &Path, metadata: &MetadataAt) -> Verdict {
    const TMPFS: i64 = 0x0102_1994;
    let database = match metadata {
        MetadataAt::Beside => Some(root.to_owned()),
        MetadataAt::Sqlite(directory) => std::path::absolute(directory)
            .ok()
            .and_then(|whole| Some(whole.ancestors().find(|folder| folder.exists())?.to_owned())),
        MetadataAt::Postgres(_) => None,
    };
    if let Some(Ok(stat)) = database.as_deref().map(rustix::fs::statfs)
        && is_remote(stat.f_type)
    {
        return Bad("a network file system cannot hold the embedded database; set \
                    berth.metadata.url: sqlite:/DIRECTORY on a local disk, or postgres://…"
            .into());
    }
    match rustix::fs::statfs(root) {
        Ok(stat) if is_remote(stat.f_type) => {
            Good("a network file system for the blobs; the database is elsewhere".into())
        }
        Ok(stat) if stat.f_type == TMPFS => {
            Doubt("in memory: everything is gone after a restart".into())
        }
        Ok(_) => Good("local".into()),
        Err(error) => Bad(error.to_string()),
    }
}

fn is_remote(kind: i64) -> bool {
    const NFS: i64 = 0x6969;
    const CIFS: i64 = 0xff53_4d42;
    matches!(kind, NFS | CIFS)
}

fn space(root: &Path) -> Verdict {
    match rustix::fs::statvfs(root) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let text = format!("{} MiB, {} inodes", free >> 20, stat.f_favail);
            // File systems without inodes say 0 of 0.
            let few = stat.f_files > 0 && stat.f_favail < LOW_INODES;
            if free < LOW_SPACE || few { Doubt(text) } else { Good(text) }
        }
        Err(error) => Bad(error.to_string()),
    }
}

/// One command as root is enough for a file that the server cannot open any more.
fn owned(root: &Path, config: &Config) -> Verdict {
    let own = own_directory(root);
    let user = serving_user(root).map(|(uid, _)| uid);
    match (owners(&own, MAX_OWNED), user) {
        (Ok(owners), _) if owners.len() > 1 => {
            let adopter = config.berth.run_as.as_ref().map(|run_as| run_as.uid);
            Bad(mixed(&owners, &own, adopter, user.unwrap_or_default()))
        }
        (Ok(_), Some(uid)) => Good(format!("user {uid}")),
        (Ok(_), None) => Good("nobody yet".into()),
        (Err(error), _) => Bad(format!("{}: {error}", own.display())),
    }
}

/// What to say of files of several users. `adopter` is the user that `berth adopt` hands them to.
fn mixed(
    owners: &BTreeMap<u32, PathBuf>,
    own: &Path,
    adopter: Option<u32>,
    serving: u32,
) -> String {
    let shown = own.display();
    let each = owners.iter().take(3).map(|(uid, path)| format!("{} to {uid}", path.display()));
    let each = each.collect::<Vec<_>>().join(", ");
    let users = counted(owners.len(), "user");
    let way_out = match adopter {
        Some(uid) => format!("`berth adopt`, which hands everything to user {uid}"),
        None => format!("`chown -R {serving} {shown}`"),
    };
    format!("{shown} belongs to {users} ({each}); stop the server, then run {way_out}")
}

fn server(root: &Path) -> Verdict {
    match StoreLock::try_take(root) {
        Ok(Some(_)) => Good("none is running on this directory".into()),
        Ok(None) => Good("one is running on this directory".into()),
        Err(error) => Bad(format!("{}: {error}", own_directory(root).join("lock").display())),
    }
}

fn bind(listen: &Listen) -> io::Result<()> {
    let bound = match listen {
        Listen::Loopback { port } => TcpListener::bind(("127.0.0.1", *port)),
        Listen::Everywhere { port } => {
            TcpListener::bind(("::", *port)).or_else(|_| TcpListener::bind(("0.0.0.0", *port)))
        }
        Listen::Address { ip, port } => TcpListener::bind((*ip, *port)),
        Listen::Host { host, port } => TcpListener::bind((host.as_str(), *port)),
        Listen::Unix(_) => return Ok(()),
    };
    bound.map(drop)
}

fn address(listen: &Listen, bound: io::Result<()>, root: Option<&Path>) -> Verdict {
    match bound {
        Ok(()) => Good(format!("{listen} is free")),
        Err(error)
            if error.kind() == io::ErrorKind::AddrInUse
                && root.is_some_and(|root| matches!(StoreLock::try_take(root), Ok(None))) =>
        {
            Good(format!("{listen}, in use by the running server"))
        }
        Err(error) => Bad(format!("http.addr: {listen}: {error}")),
    }
}

fn tls(config: &Config) -> Verdict {
    match &config.http.tls {
        None if config.http.listen.is_open() => {
            Doubt("off: passwords and content travel in the clear".into())
        }
        None => Good("off, but only this machine can connect".into()),
        Some(tls) => match TlsSource::load(wire::tls(config, tls)) {
            Ok(_) => Good(format!("{} fits its key", tls.certificate.display())),
            Err(error) => Bad(error),
        },
    }
}

fn accounts(config: &Config) -> Verdict {
    match &config.auth {
        Auth::None if config.http.listen.is_open() => Doubt(
            "auth: none, so everybody may push and pull; set auth.htpasswd.path to a file of lines \
             from `berth htpasswd`, or close the address with http.addr: localhost:5000"
                .into(),
        ),
        Auth::None => Good("auth: none, but only this machine can connect".into()),
        Auth::Silly(_) => Doubt(
            "auth.silly: whoever sends any credential may push and pull; it is for tests only".into(),
        ),
        Auth::Htpasswd(file) => htpasswd(&file.path),
        Auth::Token(token) => match wire::without_accounts(config, &wire::World::real()) {
            Ok(_) => Good(format!("auth.token: the keys of {} can be read", token.issuer)),
            Err(error) => Bad(error),
        },
        Auth::Berth(auth) => own_accounts(config, auth),
    }
}

/// Files and addresses can be told by looking; who is in the database a running server tells.
fn own_accounts(config: &Config, auth: &BerthAuth) -> Verdict {
    for path in config.auth.files() {
        if let Err(error) = std::fs::File::open(path) {
            return Bad(format!("auth.berth: {}: {error}; name a readable file", path.display()));
        }
    }
    if let Err(error) = wire::try_accounts(config, auth, &wire::World::real()) {
        return Bad(error);
    }
    let tls = config.http.tls.as_ref().and_then(|tls| TlsSource::load(wire::tls(config, tls)).ok());
    if let Some(text) = wire::missing_realm(config, auth, tls.as_ref()) {
        return Doubt(format!("auth.berth: {text}"));
    }
    match administrators(config) {
        Some(0) => Doubt(
            "auth.berth: nobody administers this registry yet; run `berth user add NAME --admin`"
                .into(),
        ),
        Some(count) => {
            let count = counted(count, "administrator");
            Good(format!("auth.{}; {count}", config.auth.in_words()))
        }
        None => Good(format!("auth.{}", config.auth.in_words())),
    }
}

/// How many enabled administrators there are, on the first page of users, by the
/// word of the running server or of a database server; `None` if neither can be asked.
fn administrators(config: &Config) -> Option<usize> {
    let runtime = runtime().ok()?;
    runtime.block_on(async {
        match wire::home(config) {
            Some(home) if control::answers(&home).await => running_administrators(&home).await,
            _ => wire::administrators(config, &wire::World::real()).await,
        }
    })
}

async fn running_administrators(home: &Path) -> Option<usize> {
    let command = Command::UserList { page: PageRequest::default() };
    match control::ask_accounts(home, command).await {
        Ok(Answer::Accounts { accounts, next }) => {
            let admins = accounts.iter().filter(|it| it.admin && !it.disabled).count();
            (admins > 0 || next.is_none()).then_some(admins)
        }
        _ => None,
    }
}

fn htpasswd(path: &Path) -> Verdict {
    let way_out = "`berth htpasswd -Bbn USER PASSWORD` makes its lines";
    let shown = path.display();
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Doubt(format!(
                "auth.htpasswd.path: {shown} is not there; the server makes it with a user docker, or {way_out}"
            ));
        }
        Err(error) => return Bad(format!("auth.htpasswd.path: {shown}: {error}; {way_out}")),
    };
    // The kinds of hashes that count: bcrypt, SHA-crypt, argon2.
    let is_user =
        |line: &&str| [":$2", ":$5$", ":$6$", ":$argon2"].iter().any(|it| line.contains(it));
    match text.lines().filter(is_user).count() {
        0 => Bad(format!(
            "auth.htpasswd.path: {shown} holds no hash that counts (bcrypt, SHA-crypt, argon2), so \
             nobody can sign in; {way_out}"
        )),
        users => {
            let users = counted(users, "user");
            Good(format!("auth.htpasswd.path: {users} in {shown}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_several_users_are_named_with_a_way_out() {
        let owners = BTreeMap::from([(0, PathBuf::from("/d/berth/lock")), (7, "/d/berth".into())]);
        let said = mixed(&owners, Path::new("/d/berth"), None, 7);
        assert!(said.contains("belongs to 2 users (/d/berth/lock to 0, /d/berth to 7)"), "{said}");
        assert!(said.ends_with("run `chown -R 7 /d/berth`"), "{said}");
        let said = mixed(&owners, Path::new("/d/berth"), Some(9), 7);
        assert!(said.contains("`berth adopt`") && said.ends_with("user 9"), "{said}");
    }
}
