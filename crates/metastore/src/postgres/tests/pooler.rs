//! PgBouncer between us and the server: what works, and what is refused.
//!
//! Needs Debian's `pgbouncer`.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use store::{ContentStore, SettingsStore, StoreError};

use super::*;

/// A running proxy before a server. It goes with this value.
struct Bouncer {
    process: Child,
    port: u16,
}

impl Bouncer {
    fn before(server: &PostgresServer, mode: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let directory = server.directory();
        let settings = format!(
            "[databases]\n* = host={} port={} user=berth\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = {mode}\ndefault_pool_size = 4\n\
             server_idle_timeout = 3\n",
            directory.display(),
            server.port()
        );
        let file = directory.join(format!("{mode}.ini"));
        std::fs::write(&file, settings).unwrap();
        let mut command = plainly(directory);
        command.arg("--quiet").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("PgBouncer: apt-get install pgbouncer");
        let mut bouncer = Self { process, port };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert_eq!(bouncer.process.try_wait().unwrap(), None, "PgBouncer has ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        bouncer
    }

    fn options(&self, database: &str, prepared: bool) -> PostgresOptions {
        let port = self.port;
        let url = format!("postgres://berth@127.0.0.1:{port}/{database}?sslmode=disable");
        PostgresOptions { prepared, ..PostgresOptions::from_url(&url).unwrap() }
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The proxy, which does not run as root either.
fn plainly(own: &Path) -> Command {
    let path = ["/usr/sbin/pgbouncer", "pgbouncer"];
    let program = path.iter().find(|path| Path::new(path).is_file()).unwrap_or(&path[1]);
    let owner = std::fs::metadata(own).unwrap().uid();
    if owner == std::fs::metadata("/proc/self").unwrap().uid() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={owner}"), "--clear-groups", program]).current_dir("/");
    command
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_proxy_that_pools_transactions_is_refused_with_prepared_statements() {
    let server = PostgresServer::start();
    let bouncer = Bouncer::before(&server, "transaction");
    server.create_database("pooled");
    for _ in 0..3 {
        let opened = Postgres::open(bouncer.options("pooled", true)).await.map(drop);
        let looked = Postgres::look(bouncer.options("pooled", true)).await.map(drop);
        for result in [opened, looked] {
            let Err(StoreError::Failed(text)) = result else { panic!("{result:?}") };
            assert!(text.contains("berth.metadata.prepared_statements: false"), "{text}");
        }
    }
    // Nothing was left on connections that are somebody else's next.
    let left = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(server.sql("pooled", left), "0");
    let look = Postgres::look(bouncer.options("pooled", false)).await.unwrap();
    assert_eq!(look.schema, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_proxy_that_pools_statements_is_refused() {
    let server = PostgresServer::start();
    let bouncer = Bouncer::before(&server, "statement");
    for prepared in [true, false] {
        let opened = Postgres::open(bouncer.options("postgres", prepared)).await.map(drop);
        let Err(StoreError::Failed(text)) = opened else { panic!("{opened:?}") };
        assert!(text.contains("not allowed in statement pooling mode"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn the_contract_holds_behind_a_proxy_that_pools_transactions() {
    let server = PostgresServer::start();
    let bouncer = Bouncer::before(&server, "transaction");
    let count = AtomicU32::new(0);
    crate::conformance::all(async || {
        let name = format!("check{}", count.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name);
        let options = bouncer.options(&name, false);
        Postgres::open(PostgresOptions { max_connections: 2, ..options }).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn replicas_that_start_at_once_behind_a_proxy_make_the_tables_once_and_share_them() {
    let server = PostgresServer::start();
    let bouncer = Bouncer::before(&server, "transaction");
    server.create_database("pooled");
    // Four connections of the proxy are fewer than those that wait for the lock.
    let openings = (0..8).map(|_| tokio::spawn(Postgres::open(bouncer.options("pooled", false))));
    let mut stores = Vec::new();
    for opening in openings.collect::<Vec<_>>() {
        stores.push(opening.await.unwrap().unwrap());
    }
    let pushes = stores.iter().enumerate().map(|(number, store)| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for count in 0..25 {
                let name = format!("t-{number}-{count}");
                let command = push("a", &name, &[], &[&name, "last"]);
                store.put_manifest(command, Box::new(|_| Ok(()))).await.unwrap();
            }
        })
    });
    for task in pushes.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    for store in &stores {
        for number in 0..8 {
            let name = format!("t-{number}-24");
            assert!(store.manifest(&repository("a"), &by_tag(&name)).await.unwrap().is_some());
        }
    }
    // Time limits and strength went with each transaction, not with a connection.
    let kept = "SELECT count(*) FROM pg_settings WHERE source = 'session' AND name IN \
                ('statement_timeout', 'lock_timeout', 'synchronous_commit')";
    let session = bouncer.options("pooled", false);
    let look = connect_plainly(&session.to_string(), kept);
    assert_eq!(look, "0");
}

/// Asks through the proxy, on whichever connection it has.
fn connect_plainly(url: &str, sql: &str) -> String {
    let done = Command::new("psql").args(["-X", "-q", "-A", "-t", "-c", sql, url]).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_proxy_that_pools_sessions_is_as_good_as_the_server() {
    let server = PostgresServer::start();
    let bouncer = Bouncer::before(&server, "session");
    server.create_database("pooled");
    let options = PostgresOptions { max_connections: 3, ..bouncer.options("pooled", true) };
    let store = Postgres::open(options).await.unwrap();
    for number in 0..10 {
        let key = number.to_string();
        store.set_setting(&key, vec![number]).await.unwrap();
        assert_eq!(store.setting(&key).await.unwrap(), Some(vec![number]));
    }
}
