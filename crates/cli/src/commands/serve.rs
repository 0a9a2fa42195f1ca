//! `berth serve`: from the configuration to a served registry, and back.
//!
//! The order matters. Sockets and keys come first, while the process may still
//! be root; then the lock, the store and, on a tree that the original left, the
//! import. Only then is the registry ready. On the way down: accept nothing,
//! finish what is open, write down unfinished uploads, close the store.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use registry::Registry;
use server::{App, DebugSettings, Health, Listener, Readiness, Serving, TlsSource};
use store::StoreError;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use workers::expire::{self, Expire, ExpireOptions};
use workers::import::{self, NeedsImport, needs_import};
use workers::runner::{Runner, Schedule};
use workers::verify::{self, Verify};
use workers::{Finding, Observer, Progress, Shutdown, WorkError};

use crate::args::ConfigPath;
use crate::config::auth::Auth;
use crate::config::listen::Listen;
use crate::config::{Config, Loaded};
use crate::logging;
use crate::process::lock::StoreLock;
use crate::process::measure::Measure;
use crate::process::privileges::{Outcome, drop_to};
use crate::process::{checks, control};
use crate::wire::{self, Stores, World};
use crate::work::importing;

use super::configuration;

/// How often uploads that nobody touches are written down.
const SETTLE_EVERY: Duration = Duration::from_secs(60);
/// How often gathered pulls are written down.
const COUNT_EVERY: Duration = Duration::from_secs(60);
/// How long an upload may rest in memory.
const SETTLE_AFTER: Duration = Duration::from_secs(300);
/// How often a waiting server tries the lock.
const LOCK_EVERY: Duration = Duration::from_millis(500);
/// Bytes per second that re-hashing of imported blobs may read.
const VERIFY_RATE: u64 = 200 << 20;

/// Serves until a signal ends it.
pub(super) fn run(at: &ConfigPath) -> Result<(), String> {
    let loaded = configuration(at, false).map_err(|error| error.to_string())?;
    let world = World::real();
    let traces = logging::Traces::wanted(|name| std::env::var(name).ok());
    let logging =
        logging::start(&loaded.config.log, traces.as_ref(), world.clock.clone(), &*world.random)
            .map_err(|error| format!("the log cannot start: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))?;
    let result = runtime.block_on(serve(loaded, world));
    runtime.shutdown_timeout(Duration::from_secs(1));
    drop(logging);
    result
}

async fn serve(loaded: Loaded, world: World) -> Result<(), String> {
    let Loaded { config, warnings, origin } = loaded;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    tracing::info!(configuration = %origin, "berth starts");
    let mut signals = Signals::new()?;
    let app = Arc::new(wire::app(&config, &world)?);
    let tls = load_tls(&config)?;
    let listeners = listen_all(&config.http.listen).await?;
    let debug = match &config.http.debug.listen {
        Some(listen) => listen_all(listen).await?,
        None => Vec::new(),
    };
    warn_if_open(&config);
    become_user(&config)?;
    for listener in &listeners {
        tracing::info!(address = listener.local(), tls = tls.is_some(), "listening");
    }
    let serving = server::serve(app.clone(), listeners, tls.clone());
    let debug = serve_debug(&config, &app, debug);
    let (stop, stopping) = watch::channel(false);
    let shutdown = Shutdown::new(stopping);
    let result = {
        let start = start(&config, world, &app, &shutdown);
        tokio::select! {
            started = start => started.map(Some),
            () = signals.end() => Ok(None),
        }
    };
    let result = match result {
        Ok(Some(running)) => {
            signals.wait(tls.as_deref()).await;
            app.health.set_readiness(Readiness::Stopping);
            tracing::info!("stopping; a second signal ends at once");
            tokio::select! {
                () = running.stop(serving, debug, stop) => Ok(()),
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
    registry: Arc<Registry>,
    stores: Stores,
    duties: Runner,
    _lock: StoreLock,
}

impl Running {
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
        if let Err(error) = self.registry.flush_pulls(&*self.stores.metadata).await {
            tracing::warn!(%error, "the last pulls were not counted");
        }
        let metadata = self.stores.metadata.clone();
        let _ = tokio::task::spawn_blocking(move || metadata.close()).await;
    }
}

/// Opens the store and makes the registry ready.
async fn start(
    config: &Config,
    world: World,
    app: &Arc<App>,
    shutdown: &Shutdown,
) -> Result<Running, String> {
    let root = &config.storage.filesystem.root_directory;
    let lock = wait_for_lock(root, &app.health).await?;
    let opening = (config.clone(), world);
    let stores = tokio::task::spawn_blocking(move || wire::open_stores(&opening.0, opening.1))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| format!("{}: {error}", root.display()))?;
    take_over(config, &stores, &app.health, shutdown).await?;
    let registry = wire::registry(config, &stores).await.map_err(|error| error.to_string())?;
    let registry = Arc::new(registry);
    checks::start(config, &stores, &app.health, shutdown);
    tokio::spawn(control::listen(root.clone(), stores.clone(), shutdown.clone()));
    let duties = duties(config, &stores, &registry, shutdown);
    let measure = Measure { metadata: stores.metadata.clone(), registry: registry.clone() };
    app.metrics.register(|metrics| metrics.register_collector(Box::new(measure)));
    *app.registry.write() = Some(registry.clone());
    app.health.set_readiness(Readiness::Ready);
    tracing::info!(root = %root.display(), "ready");
    Ok(Running { registry, stores, duties, _lock: lock })
}

/// A second server waits its turn: during an update both are alive for a while.
async fn wait_for_lock(root: &Path, health: &Health) -> Result<StoreLock, String> {
    let mut waiting = false;
    loop {
        let taken = StoreLock::try_take(root).map_err(|error| {
            format!(
                "storage.filesystem.rootdirectory: {}: {error}; it must be writable",
                root.display()
            )
        })?;
        if let Some(lock) = taken {
            return Ok(lock);
        }
        if !std::mem::replace(&mut waiting, true) {
            let text = format!("another server owns {}; waiting for it to end", root.display());
            tracing::warn!("{text}");
            health.set_readiness(Readiness::Starting(text));
        }
        tokio::time::sleep(LOCK_EVERY).await;
    }
}

/// Imports a tree that the original left, before anything is served from it.
async fn take_over(
    config: &Config,
    stores: &Stores,
    health: &Arc<Health>,
    shutdown: &Shutdown,
) -> Result<(), String> {
    let needs =
        needs_import(&*stores.tree, &*stores.metadata).await.map_err(|error| error.to_string())?;
    match needs {
        NeedsImport::FirstTime if config.berth.import.auto => {
            tracing::info!("the storage directory was written by another registry; importing it");
            let observer = StartObserver { health: health.clone() };
            let report = import::run(&importing(stores), &observer, shutdown).await;
            let report = report.map_err(|error| format!("import: {error}"))?;
            tracing::info!(
                repositories = report.repositories,
                manifests = report.counts.manifests,
                tags = report.counts.tags,
                blobs = report.counts.blobs,
                findings = report.findings.total(),
                "imported"
            );
        }
        NeedsImport::FirstTime => {
            tracing::warn!(
                "the storage directory holds repositories that were not imported; run `berth import`"
            );
        }
        NeedsImport::ChangedSince => tracing::warn!(
            "another registry has written to the storage directory since the last import; \
             run `berth import` to merge that"
        ),
        NeedsImport::ExportUnfinished => {
            tracing::warn!("an export was interrupted; run `berth export` again to finish it");
        }
        NeedsImport::Fresh | NeedsImport::UpToDate => {}
    }
    Ok(())
}

/// Tells probes and the log how far the import is.
struct StartObserver {
    health: Arc<Health>,
}

impl Observer for StartObserver {
    fn progress(&self, progress: &Progress) {
        let total = progress.total.map(|total| format!(" of {total}")).unwrap_or_default();
        let text = format!("{}: {}{total} repositories", progress.phase, progress.done);
        self.health.set_readiness(Readiness::Starting(text));
    }

    fn line(&self, line: &str) {
        tracing::info!("{line}");
    }

    fn finding(&self, finding: &Finding) {
        tracing::warn!("{finding}");
    }
}

/// The periodic duties.
fn duties(
    config: &Config,
    stores: &Stores,
    registry: &Arc<Registry>,
    shutdown: &Shutdown,
) -> Runner {
    let mut runner = Runner::new(shutdown.clone());
    let settled = registry.clone();
    let schedule = Schedule { name: "settle", first_after: SETTLE_EVERY, interval: SETTLE_EVERY };
    runner.every(schedule, move || {
        let registry = settled.clone();
        async move { registry.settle_uploads(SETTLE_AFTER).await.map(drop).map_err(duty_failed) }
    });
    let (counted, counters) = (registry.clone(), stores.metadata.clone());
    let schedule = Schedule { name: "count", first_after: COUNT_EVERY, interval: COUNT_EVERY };
    runner.every(schedule, move || {
        let (registry, counters) = (counted.clone(), counters.clone());
        async move { registry.flush_pulls(&*counters).await.map(drop).map_err(duty_failed) }
    });
    let purging = &config.storage.maintenance.upload_purging;
    if purging.enabled {
        let expire = Expire {
            uploads: stores.metadata.clone(),
            blobs: stores.blobs.clone(),
            clock: stores.world.clock.clone(),
        };
        let options = ExpireOptions {
            age: purging.age,
            dry_run: purging.dry_run,
            ..ExpireOptions::default()
        };
        let interval = purging.interval.min(Duration::from_secs(3600));
        let schedule = Schedule { name: "expire", first_after: Duration::from_secs(60), interval };
        let signal = shutdown.clone();
        runner.every(schedule, move || {
            let (expire, signal) = (expire.clone(), signal.clone());
            async move { expire::run(&expire, options, &LogObserver, &signal).await.map(|_| ()) }
        });
    }
    let verify = Verify {
        store: stores.metadata.clone(),
        blobs: stores.blobs.clone(),
        clock: stores.world.clock.clone(),
        rate: std::num::NonZeroU64::new(VERIFY_RATE),
    };
    let hour = Duration::from_secs(3600);
    let schedule = Schedule { name: "verify", first_after: Duration::from_secs(5), interval: hour };
    let signal = shutdown.clone();
    runner.every(schedule, move || {
        let (verify, signal) = (verify.clone(), signal.clone());
        async move { verify::run(&verify, &LogObserver, &signal).await.map(|_| ()) }
    });
    runner
}

/// A failure of the domain, as a duty reports it.
fn duty_failed(error: registry::Error) -> WorkError {
    match error {
        registry::Error::Store(error) => error.into(),
        other => StoreError::Failed(other.to_string()).into(),
    }
}

/// Duties speak to the log.
struct LogObserver;

impl Observer for LogObserver {
    fn progress(&self, progress: &Progress) {
        tracing::debug!(
            phase = progress.phase,
            done = progress.done,
            total = progress.total,
            bytes = progress.bytes
        );
    }

    fn line(&self, line: &str) {
        tracing::info!("{line}");
    }

    fn finding(&self, finding: &Finding) {
        tracing::error!("{finding}");
    }
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

fn warn_if_open(config: &Config) {
    if config.http.listen.is_open() && config.auth == Auth::None && config.http.tls.is_none() {
        tracing::warn!(
            address = %config.http.listen,
            "everybody who reaches this address may push and pull: no authentication is configured"
        );
    }
}

fn become_user(config: &Config) -> Result<(), String> {
    let root = &config.storage.filesystem.root_directory;
    let accounts = match &config.auth {
        Auth::Htpasswd(file) => Some(file.path.as_path()),
        Auth::None => None,
    };
    let readable: Vec<&Path> = accounts.into_iter().collect();
    match drop_to(config.berth.run_as.as_ref(), root, &readable)? {
        Outcome::Unchanged => {}
        Outcome::Became(uid) => tracing::info!(uid, "serving as an unprivileged user"),
        Outcome::StaysRoot(reason) => tracing::warn!(reason, "serving as root"),
    }
    Ok(())
}

async fn listen_all(listen: &Listen) -> Result<Vec<Listener>, String> {
    let failed = |error: std::io::Error| format!("http.addr: cannot listen on {listen}: {error}");
    if let Listen::Unix(path) = listen {
        return Ok(vec![Listener::unix(path).await.map_err(failed)?]);
    }
    let mut listeners = Vec::new();
    let mut last = None;
    for (address, needed) in addresses(listen).await? {
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
async fn addresses(listen: &Listen) -> Result<Vec<(SocketAddr, bool)>, String> {
    Ok(match listen {
        Listen::Loopback { port } => vec![
            (SocketAddr::from((Ipv4Addr::LOCALHOST, *port)), true),
            (SocketAddr::from((Ipv6Addr::LOCALHOST, *port)), false),
        ],
        Listen::Everywhere { port } => vec![
            (SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port)), false),
            (SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port)), false),
        ],
        Listen::Address { ip, port } => vec![(SocketAddr::from((IpAddr::clone(ip), *port)), true)],
        Listen::Host { host, port } => {
            let found = tokio::net::lookup_host((host.as_str(), *port)).await;
            let found = found.map_err(|error| format!("http.addr: {host}: {error}"))?;
            found.map(|address| (address, true)).collect()
        }
        Listen::Unix(_) => Vec::new(),
    })
}

/// SIGTERM and SIGINT end, SIGHUP reads certificates again.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self, String> {
        let on = |kind| signal(kind).map_err(|error| format!("signals: {error}"));
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    /// Returns when the process is to end.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Serves SIGHUP until the process is to end.
    async fn wait(&mut self, tls: Option<&TlsSource>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => match tls.map(TlsSource::reload_if_changed) {
                    Some(Ok(true)) => tracing::info!("the TLS certificate was reloaded"),
                    Some(Ok(false)) | None => {}
                    Some(Err(error)) => tracing::error!(%error, "the TLS certificate could not be reloaded"),
                },
            }
        }
    }
}
