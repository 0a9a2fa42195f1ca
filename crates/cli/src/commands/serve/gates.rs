//! The way in of a server: what can be said about it before the stores are open, and the accounts
//! when they are.

use std::sync::Arc;

use registry::accounts::Accounts;
use server::{App, TlsSource};

use crate::config::Config;
use crate::config::auth::Auth;
use crate::config::berth::Role;
use crate::process::audit_places;
use crate::wire::{self, Stores, World};

/// What answers from now on, with the accounts behind it if they are ours.
pub(super) async fn with_accounts(
    config: &Config,
    stores: &Stores,
    world: &World,
    door: &Arc<App>,
) -> Result<(Arc<App>, Option<Arc<Accounts>>), String> {
    let Auth::Berth(auth) = &config.auth else { return Ok((door.clone(), None)) };
    let accounts = wire::accounts(config, auth, &stores.metadata, world).await?;
    let keepers = wire::with_accounts(config, auth, accounts.clone(), stores).await?;
    let (health, metrics) = (door.health.clone(), door.metrics.clone());
    let app = App { health, metrics, ..wire::app(config, world, keepers)? };
    Ok((Arc::new(app), Some(accounts)))
}

/// A file that cannot be read would refuse every login one by one, in silence.
pub(super) fn look_at_accounts(config: &Config) -> Result<(), String> {
    let paths = config.auth.files();
    for path in paths {
        match std::fs::read(path) {
            Ok(_) => {}
            // One that is missing is made, or comes later.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let name = match &config.auth {
                    Auth::Htpasswd(_) => "auth.htpasswd.path",
                    other => &format!("auth.{}", other.name()),
                };
                return Err(format!("{name}: {}: {error}; name a readable file", path.display()));
            }
        }
    }
    Ok(())
}

/// Copies of the record that nobody gets would be missed when they are needed. To
/// be asked as the user who serves, of who copies. A syslog server may come later.
pub(super) fn look_at_audit(config: &Config) -> Result<(), String> {
    if config.berth.role == Role::Http {
        return Ok(());
    }
    audit_places::file(config)?;
    if let Err(error) = audit_places::syslog(config) {
        tracing::error!("{error}; what it misses is sent when it answers");
    }
    Ok(())
}

/// A missing password file, as the original makes one.
pub(super) fn make_accounts(config: &Config, world: &World) {
    let Auth::Htpasswd(file) = &config.auth else { return };
    let made = server::make_missing_htpasswd(&file.path, file.log_password, &*world.random);
    if let Err(error) = made {
        tracing::error!(
            %error,
            "auth.htpasswd.path: the file does not exist and cannot be made, so nobody can sign in; \
             `berth htpasswd -Bbn USER PASSWORD` makes its lines"
        );
    }
}

/// A certificate may hold no name under which clients could be sent for tokens.
pub(super) fn warn_of_realm(config: &Config, tls: Option<&TlsSource>) {
    // Without TLS the configuration alone tells, and has warned already.
    if let (Auth::Berth(auth), Some(tls)) = (&config.auth, tls)
        && let Some(text) = wire::missing_realm(config, auth, Some(tls))
    {
        tracing::warn!("{text}");
    }
}
