//! Whether the places can be written to that the audit record is copied to. A
//! setting that does nothing in silence would be found missing when it is needed.

use std::net::ToSocketAddrs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::config::Config;
use crate::config::auth::Auth;
use crate::config::auth::berth::records::Syslog;

/// Whether `auth.berth.audit.file` can be written by this user; makes nothing.
pub(crate) fn file(config: &Config) -> Result<(), String> {
    let Auth::Berth(auth) = &config.auth else { return Ok(()) };
    let Some(path) = &auth.audit.file else { return Ok(()) };
    let (place, way_out) = match path.symlink_metadata() {
        Ok(_) => (path.as_path(), "make it writable for the user who serves"),
        Err(_) => (folder(path), "make the directory, writable for the user who serves"),
    };
    let is_folder = path.is_dir();
    let wanted = match place == path.as_path() {
        true => rustix::fs::Access::WRITE_OK,
        false => rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK,
    };
    let shown = path.display();
    match rustix::fs::access(place, wanted) {
        Ok(()) if is_folder => {
            Err(format!("auth.berth.audit.file: {shown}: is a directory; name a file in it"))
        }
        Ok(()) => Ok(()),
        Err(error) => {
            Err(format!("auth.berth.audit.file: {shown}: {}: {error}; {way_out}", place.display()))
        }
    }
}

/// Whether somebody listens at `auth.berth.audit.syslog`, as far as that can be
/// told without a message.
pub(crate) fn syslog(config: &Config) -> Result<(), String> {
    let Auth::Berth(auth) = &config.auth else { return Ok(()) };
    let Some(syslog) = &auth.audit.syslog else { return Ok(()) };
    let (tried, way_out) = match syslog {
        Syslog::Socket(path) => (
            UnixDatagram::unbound().and_then(|socket| socket.connect(path)),
            "start the syslog server, or name its socket",
        ),
        Syslog::Udp(address) => {
            (address.to_socket_addrs().map(drop), "name a host that can be found")
        }
    };
    tried.map_err(|error| format!("auth.berth.audit.syslog: {syslog}: {error}; {way_out}"))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
