//! nginx before replicas, as an operator sets it up: requests by turns, nothing stored on the way.

use std::fmt::Write as _;
use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::registry::free_port;

/// What happens to a request whose replica failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// The client learns of it.
    Never,
    /// A request that no replica has seen yet goes to the next one; nginx decides what is safe.
    Unseen,
}

/// A running nginx.
#[derive(Debug)]
pub struct Balancer {
    _daemon: Daemon,
    host: String,
    _folder: TempDir,
}

impl Balancer {
    /// Starts one before these `HOST:PORT`.
    pub fn before<'a>(replicas: impl IntoIterator<Item = &'a str>, retry: Retry) -> Self {
        let host = format!("127.0.0.1:{}", free_port());
        let text = configuration(replicas, &host, retry);
        Self::of(&text, host)
    }

    /// Starts one with this configuration, which listens on `host`.
    pub fn of(configuration: &str, host: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("nginx.conf");
        std::fs::write(&config, configuration).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(folder.path()).arg("-e").arg(folder.path().join("error.log"));
        nginx.arg("-c").arg(&config);
        // Killed, it would leave its worker behind.
        let daemon = Daemon::start(&nginx, &folder.path().join("log"), "TERM");
        daemon.wait_until("nginx", || TcpStream::connect(&host).is_ok());
        Self { _daemon: daemon, host, _folder: folder }
    }

    /// `127.0.0.1:PORT`, as it stands in image names.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }
}

/// One worker, so that there is one turn; a new connection for each request, so that turns alternate.
fn configuration<'a>(
    replicas: impl IntoIterator<Item = &'a str>,
    host: &str,
    retry: Retry,
) -> String {
    let mut servers = String::new();
    for replica in replicas {
        // Without its own idea of who is down, which outlives a restart: a dead replica is asked too.
        writeln!(servers, "    server {replica} max_fails=0;").unwrap();
    }
    let next = if retry == Retry::Never { "off" } else { "error timeout" };
    format!(
        "user root;
daemon off;
worker_processes 1;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream berth {{
{servers}  }}
  server {{
    listen {host};
    client_max_body_size 0;
    location / {{
      proxy_pass http://berth;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_next_upstream {next};
      proxy_read_timeout 900;
      proxy_send_timeout 900;
    }}
  }}
}}
"
    )
}
