//! From `http.addr` and `http.debug.addr` to sockets.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use server::Listener;

use crate::config::listen::Listen;

/// Listens on every address that `listen`, the value of the setting `key`, names.
pub(crate) async fn listen_all(key: &str, listen: &Listen) -> Result<Vec<Listener>, String> {
    let failed = |error: std::io::Error| format!("{key}: cannot listen on {listen}: {error}");
    if let Listen::Unix(path) = listen {
        return Ok(vec![Listener::unix(path).await.map_err(failed)?]);
    }
    let mut listeners = Vec::new();
    let mut last = None;
    for (address, needed) in addresses(key, listen).await? {
        match Listener::tcp(address).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if needed => return Err(failed(error)),
            Err(error) => last = Some(error),
        }
        // The IPv6 wildcard takes IPv4 as well.
        if !listeners.is_empty() && matches!(listen, Listen::Everywhere { .. }) {
            break;
        }
    }
    match last {
        Some(error) if listeners.is_empty() => Err(failed(error)),
        _ => Ok(listeners),
    }
}

/// Addresses to try, and whether each must work: a machine may lack IPv6.
async fn addresses(key: &str, listen: &Listen) -> Result<Vec<(SocketAddr, bool)>, String> {
    Ok(match listen {
        Listen::Loopback { port } => vec![
            (SocketAddr::from((Ipv4Addr::LOCALHOST, *port)), true),
            (SocketAddr::from((Ipv6Addr::LOCALHOST, *port)), false),
        ],
        Listen::Everywhere { port } => vec![
            (SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port)), false),
            (SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port)), false),
        ],
        Listen::Address { ip, port } => vec![(SocketAddr::from((*ip, *port)), true)],
        Listen::Host { host, port } => {
            let found = tokio::net::lookup_host((host.as_str(), *port)).await;
            let found = found.map_err(|error| format!("{key}: {host}: {error}"))?;
            found.map(|address| (address, true)).collect()
        }
        Listen::Unix(_) => Vec::new(),
    })
}
