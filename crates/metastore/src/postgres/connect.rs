//! New connections: addresses, time limits, settings.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{
    ConfigConnectImpl, Connect, Manager, ManagerConfig, Pool, PoolConfig, QueueMode,
    RecyclingMethod, Runtime, Timeouts,
};
use store::StoreError;
use tokio::task::JoinHandle;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::limits;
use super::options::{Host, PostgresOptions, TlsMode};
use super::tls;

/// A pool that has no connection yet.
pub(crate) fn pool(options: &PostgresOptions) -> Result<Pool, StoreError> {
    let connect = Prepare {
        inner: ConfigConnectImpl { tls: tls::connector(options)? },
        own_session: options.prepared,
    };
    let manager = Manager::from_connect(
        config(options),
        connect,
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    let timeouts = Timeouts {
        wait: Some(limits::CONNECT),
        create: Some(limits::CONNECT),
        recycle: Some(limits::CONNECT),
    };
    // The connection that rested least has its statements in the server's cache.
    let queue_mode = QueueMode::Lifo;
    let max_size = options.max_connections.max(1);
    Pool::builder(manager)
        .config(PoolConfig { max_size, timeouts, queue_mode })
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| StoreError::Failed(format!("the PostgreSQL pool: {error}")))
}

/// What every connection is made with.
pub(crate) fn config(options: &PostgresOptions) -> Config {
    let mut config = Config::new();
    let mut sockets_only = true;
    for host in &options.hosts {
        match host {
            Host::Tcp(name, port) => {
                sockets_only = false;
                config.host(name).port(*port);
            }
            Host::Socket(path, port) => {
                config.host_path(path).port(*port);
            }
        }
    }
    if options.hosts.len() > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    config.user(&options.user).dbname(&options.database);
    config.application_name(&options.application_name);
    if let Some(password) = &options.password {
        config.password(password);
    }
    if let Some(server_options) = &options.server_options {
        config.options(server_options);
    }
    config.ssl_mode(match options.tls {
        TlsMode::Disable => SslMode::Disable,
        // Nobody stands between the ends of a socket.
        _ if sockets_only => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    });
    config.connect_timeout(limits::CONNECT);
    // A server that is gone is noticed within ten seconds, whether bytes are
    // on their way to it or an answer is awaited.
    config.tcp_user_timeout(Duration::from_secs(9));
    config.keepalives(true).keepalives_idle(Duration::from_secs(5));
    config.keepalives_interval(Duration::from_secs(2)).keepalives_retries(2);
    config
}

/// Connects and then sets what holds for the whole session.
struct Prepare {
    inner: ConfigConnectImpl<MakeRustlsConnect>,
    own_session: bool,
}

impl Connect for Prepare {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let connecting = self.inner.connect(config);
        Box::pin(async move {
            let (client, task) = connecting.await?;
            if self.own_session {
                client.batch_execute(&limits::of_session()).await?;
            }
            Ok((client, task))
        })
    }
}
