//! Hearing of changed accounts and grants, whichever replica changed them.
//!
//! One connection beside the pool listens, from the first time that somebody
//! waits. While it is away nothing is heard; when it is back everybody is
//! woken once, since something may have been missed. Behind a proxy that pools
//! transactions there is no such connection: waiting just ends in time.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use store::StoreError;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::args::args;
use super::failure::{self, Failure};
use super::options::PostgresOptions;
use super::transaction::Tx;
use super::{connect, limits, tls};
use crate::access::WAIT;

const LISTEN: &str = "LISTEN berth_access";
const NOTIFY: &str = "SELECT pg_notify('berth_access', $1)";
/// How long after a connection broke another one is made.
const PAUSE: Duration = Duration::from_secs(2);

/// Tells all replicas of a version, once the transaction is committed.
pub(crate) async fn notify(tx: &Tx, version: u64) -> Result<(), Failure> {
    tx.list(NOTIFY, args![version.to_string()], |_| Ok(())).await.map(drop)
}

/// Wakes those who wait for a change.
pub(crate) struct Listener {
    changed: Arc<Notify>,
    state: Mutex<State>,
}

enum State {
    /// Nobody has waited yet; `None` where listening is of no use.
    Unused(Option<Box<Source>>),
    Listening(JoinHandle<()>),
    Closed,
}

/// How a connection is made.
struct Source {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Listener {
    pub(crate) fn new(options: &PostgresOptions) -> Result<Self, StoreError> {
        let source = match options.prepared {
            true => {
                let (config, tls) = (connect::config(options), tls::connector(options)?);
                Some(Box::new(Source { config, tls }))
            }
            false => None,
        };
        Ok(Self { changed: Arc::default(), state: Mutex::new(State::Unused(source)) })
    }

    /// This process has changed something.
    pub(crate) fn changed(&self) {
        self.changed.notify_waiters();
    }

    /// Waits for a change, but not for ever.
    pub(crate) async fn wait(&self) {
        let changed = self.changed.notified();
        self.start();
        drop(tokio::time::timeout(WAIT, changed).await);
    }

    /// Listens from now on, if that is of use and nobody did it yet.
    fn start(&self) {
        let mut state = self.state.lock();
        if let State::Unused(source) = &mut *state
            && let Some(source) = source.take()
        {
            *state = State::Listening(tokio::spawn(source.listen(Arc::clone(&self.changed))));
        }
    }

    /// Closes the connection. Whoever waits goes on waiting.
    pub(crate) fn close(&self) {
        let state = std::mem::replace(&mut *self.state.lock(), State::Closed);
        if let State::Listening(task) = state {
            task.abort();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

impl Source {
    async fn listen(self, changed: Arc<Notify>) {
        loop {
            if let Err(error) = self.once(&changed).await {
                tracing::debug!(%error, "changes of access are not heard; another try follows");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Listens on one connection until it ends.
    async fn once(&self, changed: &Notify) -> Result<(), String> {
        let text = |error| failure::text(&error);
        let connecting = self.config.connect(self.tls.clone());
        let connected = tokio::time::timeout(limits::CONNECT, connecting).await;
        let late = |_| "PostgreSQL did not answer in time".to_owned();
        let (client, mut connection) = connected.map_err(late)?.map_err(text)?;
        let mut asking = pin!(client.batch_execute(LISTEN));
        let mut listens = false;
        loop {
            tokio::select! {
                asked = &mut asking, if !listens => {
                    asked.map_err(text)?;
                    listens = true;
                    changed.notify_waiters();
                }
                message = poll_fn(|context| connection.poll_message(context)) => match message {
                    Some(Ok(AsyncMessage::Notification(_))) => changed.notify_waiters(),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(text(error)),
                    None => return Ok(()),
                },
            }
        }
    }
}
