//! `berth serve`: from the configuration to a served registry, and back.
//!
//! The order matters. Sockets and keys come first, while the process may still
//! be root; then the lock, the store and, on a tree that the original left, the
//! import. Only then is the registry ready. On the way down: accept nothing,
//! finish what is open, write down unfinished uploads, close the store.

mod accounts;
mod duties;
mod gates;
mod opening;
mod take_over;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use registry::Registry;
use registry::accounts::Accounts;
use server::{App, DebugSettings, Front, Listener, Readiness, Serving, TlsSource};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use workers::Shutdown;
use workers::runner::Runner;

use crate::args::Serve;
use crate::config::auth::Auth;
use crate::config::berth::Role;
use crate::config::{Config, Loaded};
use crate::logging;
use crate::process::control::Desk;
use crate::process::listen::listen_all;
use crate::process::lock::StoreLock;
use crate::process::measure::figures;
use crate::process::privileges::{Outcome, drop_to};
use crate::process::signals::Signals;
use crate::process::{checks, control, freeze, skew};
use crate::wire::{self, Stores, World};
use crate::work::Backlog;

use super::{configuration_with, environment, runtime};

use duties::duties;
use gates::{look_at_accounts, look_at_audit, make_accounts, warn_of_realm, with_accounts};
use opening::Opened;
use take_over::take_over;

/// Why a server ends that nobody asked to.
const LOST: &str =
    "another metadata database has taken the bucket; nothing is written to it any more";

/// A start that is over sooner sends nobody away: clients wait at the door, in the
/// kernel's queue. A longer one tells them, and the probes, what it is at.
const AT_THE_DOOR: Duration = Duration::from_secs(2);

/// The variables that say which part of the work to do.
const ROLE: [&str; 2] = ["BERTH_ROLE", "REGISTRY_BERTH_ROLE"];

/// Serves until a signal ends it.
pub(super) fn run(options: &Serve) -> Result<(), String> {
    let mut variables = environment();
    // The command line has the last word, in whichever spelling the environment says it.
    if let Some(role) = &options.role {
        variables.retain(|(name, _)| !ROLE.iter().any(|role| name.eq_ignore_ascii_case(role)));
        variables.push((ROLE[0].to_owned(), role.clone()));
    }
    let loaded =
        configuration_with(&options.at, variables, false).map_err(|error| error.to_string())?;
    raise_file_limit();
    let world = World::real();
    let traces = logging::Traces::wanted(|name| std::env::var(name).ok());
    let logging =
        logging::start(&loaded.config.log, traces.as_ref(), world.clock.clone(), &*world.random)
            .map_err(|error| format!("the log cannot start: {error}"))?;
    let runtime = runtime()?;
    let result = runtime.block_on(serve(loaded, world));
    if let Err(error) = &result {
        tracing::error!(%error, "the server ends");
    }
    runtime.shutdown_timeout(Duration::from_secs(1));
    drop(logging);
    result
}

/// Each connection and each upload holds a descriptor; shells often allow few.
fn raise_file_limit() {
    let mut files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    files.current = files.maximum;
    // What the system refuses stays as it is.
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, files);
}

async fn serve(loaded: Loaded, world: World) -> Result<(), String> {
    let Loaded { config, warnings, origin } = loaded;
    for warning in &warnings {
        if warning.loud {
            tracing::error!("{warning}");
        } else {
            tracing::warn!("{warning}");
        }
    }
    tracing::info!(configuration = %origin, "berth starts");
    let mut signals = Signals::new()?;
    // Answers until the registry is there, and where it needs no accounts of ours also then.
    let door = wire::without_accounts(&config, &world)?;
    let door = Arc::new(wire::app(&config, &world, door)?);
    let tls = load_tls(&config)?;
    let mut listeners = match config.berth.role {
        Role::All | Role::Http => listen_all("http.addr", &config.http.listen).await?,
        Role::Workers => Vec::new(),
    };
    let debug = match &config.http.debug.listen {
        Some(listen) => listen_all("http.debug.addr", listen).await?,
        None => Vec::new(),
    };
    look_at_accounts(&config)?;
    become_user(&config)?;
    look_at_audit(&config)?;
    make_accounts(&config, &world);
    warn_of_realm(&config, tls.as_deref());
    for listener in &listeners {
        tracing::info!(address = listener.local(), tls = tls.is_some(), "listening");
    }
    let debug = serve_debug(&config, &door, debug);
    let (stop, stopping) = watch::channel(false);
    let shutdown = Shutdown::new(stopping);
    let front = Front::new(door.clone());
    let mut serve = || server::serve(front.clone(), std::mem::take(&mut listeners), tls.clone());
    let (result, serving) = {
        let mut start = pin!(start(&config, world, &door, &shutdown));
        match tokio::time::timeout(AT_THE_DOOR, &mut start).await {
            Ok(started) => (started.map(Some), None),
            Err(_) => {
                let serving = serve();
                let result = tokio::select! {
                    started = start => started.map(Some),
                    () = signals.end() => Ok(None),
                };
                (result, Some(serving))
            }
        }
    };
    let result = match result {
        Ok(Some(mut running)) => {
            front.open(running.app.clone());
            let serving = serving.unwrap_or_else(&mut serve);
            let ended = tokio::select! {
                () = signals.wait(tls.as_deref()) => Ok(()),
                () = running.loses_bucket() => Err(LOST.to_owned()),
            };
            running.app.health.set_readiness(Readiness::Stopping);
            tracing::info!("stopping; a second signal ends at once");
            tokio::select! {
                () = running.stop(serving, debug, stop) => ended,
                () = signals.end() => Err("ended by a second signal".to_owned()),
            }
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    tracing::info!("stopped");
    result
}

/// A registry that answers.
struct Running {
    app: Arc<App>,
    accounts: Option<Arc<Accounts>>,
    registry: Arc<Registry>,
    stores: Stores,
    duties: Runner,
    lost: Option<JoinHandle<()>>,
    _lock: Option<StoreLock>,
}

impl Running {
    /// Waits until another database has taken the bucket, which no server should see.
    async fn loses_bucket(&mut self) {
        match &mut self.lost {
            Some(lost) => drop(lost.await),
            None => std::future::pending().await,
        }
    }

    async fn stop(self, serving: Serving, debug: Option<Serving>, stop: watch::Sender<bool>) {
        serving.stop().await;
        if let Some(debug) = debug {
            debug.stop().await;
        }
        stop.send_replace(true);
        self.duties.finish().await;
        match self.registry.settle_uploads(Duration::ZERO).await {
            Ok(0) => {}
            Ok(uploads) => tracing::info!(uploads, "unfinished uploads were written down"),
            Err(error) => tracing::error!(%error, "unfinished uploads could not be written down"),
        }
        if let Some(accounts) = &self.accounts {
            accounts::settle(accounts).await;
        }
        if let Err(error) = self.registry.flush_pulls(&*self.stores.metadata).await {
            tracing::warn!(%error, "the last pulls were not counted");
        }
        self.stores.metadata.close().await;
    }
}

/// Opens the store and makes the registry ready.
async fn start(
    config: &Config,
    world: World,
    door: &Arc<App>,
    shutdown: &Shutdown,
) -> Result<Running, String> {
    let Opened { stores, lock, lost } =
        opening::open(config, &world, &door.health, shutdown).await?;
    let (metrics, driver) = (door.metrics.clone(), config.storage.driver.name());
    let stores =
        stores.measured(Arc::new(move |action, took| metrics.storage_action(driver, action, took)));
    take_over(config, &stores, &door.health, shutdown).await?;
    let (app, accounts) = with_accounts(config, &stores, &world, door).await?;
    let registry = wire::registry(config, &stores).await.map_err(|error| error.to_string())?;
    let registry = Arc::new(registry);
    checks::start(config, &stores, &app.health, shutdown);
    let backlog = Arc::new(Backlog::default());
    if let Some(home) = wire::home(config) {
        let freeze = Arc::new(freeze::Server { app: app.clone(), gate: stores.gate.clone() });
        let desk = Desk {
            stores: stores.clone(),
            backlog: backlog.clone(),
            freeze,
            accounts: accounts.clone(),
            turn: tokio::sync::Mutex::default(),
            shutdown: shutdown.clone(),
        };
        control::listen(&home, desk);
    }
    if stores.shared {
        tokio::spawn(skew::watch(stores.clone(), app.health.clone(), shutdown.clone()));
        tokio::spawn(freeze::watch(stores.clone(), app.clone(), shutdown.clone()));
    }
    let mut duties = duties(config, &stores, &registry, &backlog, shutdown);
    if let (Auth::Berth(auth), Some(accounts)) = (&config.auth, &accounts) {
        let process = (&app.health, shutdown);
        accounts::keep(&mut duties, config, auth, accounts, &stores, process);
        accounts::tell_setup_secret(config, accounts).await?;
        let log = accounts.audit().clone();
        app.metrics.add_figures(move || accounts::figures(&log));
    }
    let (metadata, measured) = (stores.metadata.clone(), registry.clone());
    app.metrics.add_figures(move || figures(&*metadata, &measured, &backlog));
    let cached = stores.clone();
    app.metrics.add_figures(move || cached.cache_figures());
    *app.registry.write() = Some(registry.clone());
    app.health.set_readiness(Readiness::Ready);
    tracing::info!(
        blobs = config.storage.driver.name(),
        metadata = stores.metadata.engine(),
        "ready"
    );
    Ok(Running { app, accounts, registry, stores, duties, lost, _lock: lock })
}

fn load_tls(config: &Config) -> Result<Option<Arc<TlsSource>>, String> {
    let settings = config.http.tls.as_ref().map(|tls| wire::tls(config, tls));
    settings.map(|settings| TlsSource::load(settings).map(Arc::new)).transpose()
}

fn serve_debug(config: &Config, app: &App, listeners: Vec<Listener>) -> Option<Serving> {
    if listeners.is_empty() {
        return None;
    }
    for listener in &listeners {
        tracing::info!(address = listener.local(), "the debug listener shows health and metrics");
    }
    let prometheus = &config.http.debug.prometheus;
    let settings =
        DebugSettings { metrics_path: prometheus.enabled.then(|| prometheus.path.clone()) };
    Some(server::serve_debug(app.health.clone(), app.metrics.clone(), settings, listeners))
}

fn become_user(config: &Config) -> Result<(), String> {
    let home = wire::home(config);
    let root = config.storage.root_directory().or(home.as_deref());
    let readable = config.auth.files();
    match drop_to(config.berth.run_as.as_ref(), root, &readable)? {
        Outcome::Unchanged => {}
        Outcome::Became(uid) => tracing::info!(uid, "serving as an unprivileged user"),
        Outcome::StaysRoot(reason) => tracing::warn!(reason, "serving as root"),
    }
    Ok(())
}
