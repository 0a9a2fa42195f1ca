//! `berth doctor`: looks for trouble before it happens, and says the way out.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use server::TlsSource;

use crate::args::ConfigPath;
use crate::config::Config;
use crate::config::auth::Auth;
use crate::config::listen::Listen;
use crate::process::lock::{StoreLock, own_directory};
use crate::wire;

use super::{configuration, say};

/// Less free space than this is worth a word, in bytes.
const LOW_SPACE: u64 = 1 << 30;
/// Less than this many free inodes is worth a word.
const LOW_INODES: u64 = 10_000;

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
    let warnings = loaded.warnings.len();
    let mut verdicts = vec![(
        "configuration",
        if warnings == 0 {
            Good("no warnings".into())
        } else {
            Doubt(format!("{warnings} warnings; see `berth config check`"))
        },
    )];
    let root = &config.storage.filesystem.root_directory;
    verdicts.push(("storage directory", directory(root)));
    verdicts.push(("file system", file_system(root)));
    verdicts.push(("free space", space(root)));
    verdicts.push(("owner", owner(root)));
    verdicts.push(("address", address(&config.http.listen, root)));
    verdicts.push(("TLS", tls(config)));
    verdicts.push(("accounts", accounts(config)));
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
    if bad == 0 { Ok(()) } else { Err(format!("{bad} problems")) }
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

fn file_system(root: &Path) -> Verdict {
    const NFS: i64 = 0x6969;
    const CIFS: i64 = 0xff53_4d42;
    const TMPFS: i64 = 0x0102_1994;
    match rustix::fs::statfs(root) {
        Ok(stat) => match stat.f_type {
            NFS | CIFS => Bad("a network file system cannot hold the embedded database".into()),
            TMPFS => Doubt("in memory: everything is gone after a restart".into()),
            _ => Good("local".into()),
        },
        Err(error) => Bad(error.to_string()),
    }
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

fn owner(root: &Path) -> Verdict {
    match StoreLock::try_take(root) {
        Ok(Some(_)) => {}
        Ok(None) => return Good("a server is running on this directory".into()),
        Err(error) => return Bad(error.to_string()),
    }
    match std::fs::metadata(root) {
        Ok(metadata) => Good(format!("user {}, no server is running", metadata.uid())),
        Err(error) => Bad(error.to_string()),
    }
}

fn address(listen: &Listen, root: &Path) -> Verdict {
    if matches!(StoreLock::try_take(root), Ok(None)) {
        return Good(format!("{listen}, in use by the running server"));
    }
    let bind = match listen {
        Listen::Loopback { port } => TcpListener::bind(("127.0.0.1", *port)),
        Listen::Everywhere { port } => {
            TcpListener::bind(("::", *port)).or_else(|_| TcpListener::bind(("0.0.0.0", *port)))
        }
        Listen::Address { ip, port } => TcpListener::bind((*ip, *port)),
        Listen::Host { host, port } => TcpListener::bind((host.as_str(), *port)),
        Listen::Unix(path) => return Good(path.display().to_string()),
    };
    match bind {
        Ok(_) => Good(format!("{listen} is free")),
        Err(error) => Bad(format!("{listen}: {error}")),
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
        Auth::None if config.http.listen.is_open() => {
            Doubt("none: everybody may push and pull".into())
        }
        Auth::None => Good("none, but only this machine can connect".into()),
        Auth::Htpasswd(file) => match std::fs::read_to_string(&file.path) {
            Ok(text) => {
                let users = text.lines().filter(|line| line.contains(":$2")).count();
                let text = format!("{users} users with bcrypt hashes in {}", file.path.display());
                if users == 0 { Bad(text) } else { Good(text) }
            }
            Err(error) => Bad(format!("{}: {error}", file.path.display())),
        },
    }
}
