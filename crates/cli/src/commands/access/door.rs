//! The way to the accounts: a registry elsewhere, the server that runs on this
//! machine, or the stores themselves if none does.

use std::path::PathBuf;
use std::sync::Arc;

use registry::accounts::{Accounts, Actor, Answer, Command};

use crate::args::ConfigPath;
use crate::args::access::At;
use crate::config::Config;
use crate::config::auth::{Auth, BerthAuth};
use crate::process::control;
use crate::process::lock::StoreLock;
use crate::wire::{self, AccountsHere, World};

use super::super::{follow_storage_owner, settings};
use super::remote::Remote;

/// How the record names whoever came by the command line.
const VIA: &str = "command-line";

/// A way to the accounts.
pub(super) enum Door {
    /// Over the network.
    Server(Remote),
    /// Through the control socket of the server in this directory.
    Socket(PathBuf),
    /// In this process.
    Here(Box<Here>),
}

/// The accounts, opened here.
pub(super) struct Here {
    accounts: AccountsHere,
    _lock: Option<StoreLock>,
}

impl Door {
    /// Finds the way.
    pub(super) async fn open(at: &At) -> Result<Self, String> {
        if let Some(server) = server_of(at) {
            return Remote::new(&server, at).map(Self::Server);
        }
        if at.token_file.is_some() || at.as_name.is_some() || at.ca_file.is_some() {
            return Err(
                "--token-file, --as and --ca-file are for a registry elsewhere; name it with \
                        --server URL"
                    .to_owned(),
            );
        }
        let config = settings(&ConfigPath { config: at.config.clone() })?;
        let auth = berth_auth(&config)?;
        let Some(home) = wire::home(&config) else {
            return here(&config, auth, None).await;
        };
        if control::answers(&home).await {
            return Ok(Self::Socket(home));
        }
        if let Some(root) = config.storage.root_directory() {
            std::fs::create_dir_all(root)
                .map_err(|error| format!("{}: {error}", root.display()))?;
        }
        follow_storage_owner(&config)?;
        let shown = home.display();
        let lock = StoreLock::at(&home).map_err(|error| format!("{shown}: {error}"))?;
        let lock = lock.ok_or_else(|| {
            format!("a server owns {shown} but does not answer on its control socket")
        })?;
        here(&config, auth, Some(lock)).await
    }

    /// Does one thing there.
    pub(super) async fn ask(&self, command: Command) -> Result<Answer, String> {
        match self {
            Self::Server(remote) => remote.ask(command).await,
            Self::Socket(home) => control::ask_accounts(home, command).await,
            Self::Here(here) => {
                let accounts: &Arc<Accounts> = here.accounts.accounts();
                let actor = Actor::Operator { via: VIA };
                accounts.execute(&actor, command).await.map_err(|error| error.to_string())
            }
        }
    }

    /// Writes down what is left to be written.
    pub(super) async fn close(self) {
        if let Self::Here(here) = self {
            here.accounts.close().await;
        }
    }

    /// Opens, does one thing, and closes.
    pub(super) async fn ask_once(at: &At, command: Command) -> Result<Answer, String> {
        let door = Self::open(at).await?;
        let answer = door.ask(command).await;
        door.close().await;
        answer
    }
}

/// The registry elsewhere that is meant; `None` if it is the one of this machine.
pub(super) fn server_of(at: &At) -> Option<String> {
    let server = at.server.clone().or_else(|| std::env::var("BERTH_SERVER").ok());
    server.filter(|server| !server.is_empty() && at.config.is_none())
}

async fn here(config: &Config, auth: &BerthAuth, lock: Option<StoreLock>) -> Result<Door, String> {
    let accounts = wire::accounts_here(config, auth, World::real()).await?;
    Ok(Door::Here(Box::new(Here { accounts, _lock: lock })))
}

/// Accounts that no server looks at would only seem to protect something.
fn berth_auth(config: &Config) -> Result<&BerthAuth, String> {
    match &config.auth {
        Auth::Berth(auth) => Ok(auth),
        other => Err(format!(
            "auth: {} knows no accounts of Berth; write auth: berth, or set REGISTRY_AUTH=berth, \
             and the same for the server",
            other.name()
        )),
    }
}
