//! A whole registry: real stores in a temporary directory, a real socket.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use blobstore::{Files, FilesOptions};
use metastore::{OpenOptions, Sqlite};
use registry::access::SignedIn;
use registry::accounts::Accounts;
use registry::{Parts, Registry, UploadKey};
use server::{App, DebugSettings, Guard, Health, Htpasswd, Listener, Metrics, RateLimits};
use server::{Front, Readiness, Serving, TlsSource};
use store::{Random, SettingsStore};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::auth::{Auth, WayIn};
use crate::{Client, FailingBlobs, FailingContent, FailingUploads};
use crate::{FakeClock, Faults, SeededRandom};

/// What a test can decide about its registry.
#[derive(Clone, Default)]
pub struct Options {
    /// Of the domain.
    pub registry: registry::Settings,
    /// Of the HTTP side.
    pub server: server::Settings,
    /// Users of a file, if clients must sign in with one of them.
    pub htpasswd: Option<PathBuf>,
    /// Another way in; counts where there is no such file.
    pub auth: Auth,
    /// How much one client may ask for.
    pub rates: RateLimits,
    /// Encryption.
    pub tls: Option<Arc<TlsSource>>,
    /// Whether the registry is ready at once.
    pub not_ready: bool,
}

/// Decides about a registry before it starts.
#[derive(Default)]
pub struct Builder(Options);

impl Builder {
    /// Changes anything.
    #[must_use]
    pub fn set(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.0);
        self
    }

    /// Allows deletion.
    #[must_use]
    pub fn delete_enabled(self) -> Self {
        self.set(|options| options.registry.delete_enabled = true)
    }

    /// Starts the registry.
    pub async fn start(self) -> TestRegistry {
        let mut test = TestRegistry {
            directory: directory(),
            options: self.0,
            clock: Arc::new(FakeClock::new()),
            random: Arc::new(SeededRandom::new(7)),
            faults: Faults::default(),
            running: None,
        };
        test.run().await;
        test
    }
}

/// A directory that goes away with the test, in memory where that is possible.
pub fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A registry that answers on a loopback port.
pub struct TestRegistry {
    directory: TempDir,
    options: Options,
    /// The time that the registry sees.
    pub clock: Arc<FakeClock>,
    random: Arc<SeededRandom>,
    /// What its stores fail at.
    pub faults: Faults,
    running: Option<Running>,
}

struct Running {
    runtime: Runtime,
    address: SocketAddr,
    debug_address: SocketAddr,
    serving: Serving,
    /// Ends when it is dropped.
    debug: Serving,
    app: Arc<App>,
    registry: Arc<Registry>,
    accounts: Option<Arc<Accounts>>,
    metadata: Arc<Sqlite>,
    blobs: Arc<Files>,
}

impl TestRegistry {
    /// A registry with the defaults: everybody may do everything but delete.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A registry to be decided about.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(self.address())
    }

    /// A client of its debug listener.
    pub fn debug_client(&self) -> Client {
        Client::new(self.running().debug_address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running().address
    }

    /// Its `rootdirectory`.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    /// The domain behind it.
    pub fn registry(&self) -> Arc<Registry> {
        self.running().registry.clone()
    }

    /// The HTTP side.
    pub fn app(&self) -> Arc<App> {
        self.running().app.clone()
    }

    /// The accounts that Berth keeps, with [`Auth::Berth`].
    pub fn accounts(&self) -> Arc<Accounts> {
        self.running().accounts.clone().expect("it keeps accounts")
    }

    /// The real metadata, without failures.
    pub fn metadata(&self) -> Arc<Sqlite> {
        self.running().metadata.clone()
    }

    /// The real blobs, without failures.
    pub fn blobs(&self) -> Arc<Files> {
        self.running().blobs.clone()
    }

    /// Stops as a signal does, in the order of the program: finish what is
    /// open, write down unfinished uploads, close the store. Then starts on
    /// the same directory.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.run().await;
    }

    /// Stops as a signal does.
    pub async fn stop(&mut self) {
        let Running { runtime, serving, debug, app, registry, metadata, .. } =
            self.running.take().expect("it runs");
        let ended = runtime.spawn(async move {
            app.health.set_readiness(Readiness::Stopping);
            serving.stop().await;
            debug.stop().await;
            registry.settle_uploads(Duration::ZERO).await.unwrap();
            tokio::task::spawn_blocking(move || metadata.close()).await.unwrap();
        });
        ended.await.unwrap();
        shut(runtime).await;
    }

    /// Ends without a word to anybody, then starts on the same directory.
    pub async fn crash(&mut self) {
        let Running { runtime, .. } = self.running.take().expect("it runs");
        shut(runtime).await;
        self.run().await;
    }

    /// Changes what was decided; counts from the next start.
    pub fn decide(&mut self, change: impl FnOnce(&mut Options)) {
        change(&mut self.options);
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    async fn run(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let world = (self.clock.clone(), self.random.clone(), self.faults.clone());
        let starting = begin(self.root().to_owned(), self.options.clone(), world);
        let started = runtime.spawn(starting).await.unwrap();
        self.running = Some(started.with(runtime));
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        if let Some(Running { runtime, .. }) = self.running.take() {
            // Nothing may write to the directory while it is being removed. A
            // runtime must not end inside another one, hence the thread.
            let ended =
                std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(5)));
            let _ = ended.join();
        }
    }
}

async fn shut(runtime: Runtime) {
    let ended = tokio::task::spawn_blocking(move || {
        runtime.shutdown_timeout(Duration::from_secs(20));
    });
    ended.await.unwrap();
}

/// A registry that has started, without the runtime that it runs on.
struct Started {
    address: SocketAddr,
    debug_address: SocketAddr,
    serving: Serving,
    /// Ends when it is dropped.
    debug: Serving,
    app: Arc<App>,
    registry: Arc<Registry>,
    accounts: Option<Arc<Accounts>>,
    metadata: Arc<Sqlite>,
    blobs: Arc<Files>,
}

impl Started {
    fn with(self, runtime: Runtime) -> Running {
        let Self { address, debug_address, serving, debug, app, .. } = self;
        let Self { registry, accounts, metadata, blobs, .. } = self;
        Running {
            runtime,
            address,
            debug_address,
            serving,
            debug,
            app,
            registry,
            accounts,
            metadata,
            blobs,
        }
    }
}

type World = (Arc<FakeClock>, Arc<SeededRandom>, Faults);

async fn begin(root: PathBuf, options: Options, world: World) -> Started {
    let path = root.join("berth");
    let metadata = Sqlite::open(OpenOptions { path, synchronous_off: true }).unwrap();
    let blobs = Files::open(FilesOptions::new(root)).unwrap();
    let (clock, random, faults) = world;
    let mut fresh = vec![0; 32];
    random.fill(&mut fresh);
    let key = metadata.setting_or_insert("upload-key", fresh).await.unwrap();
    let parts = Parts {
        content: Arc::new(FailingContent::new(metadata.clone(), faults.clone())),
        uploads: Arc::new(FailingUploads::new(metadata.clone(), faults.clone())),
        blobs: Arc::new(FailingBlobs::new(blobs.clone(), faults.clone())),
        clock: clock.clone(),
        random: random.clone(),
    };
    let registry = Arc::new(Registry::new(parts, options.registry, UploadKey::new(&key)));
    let WayIn { access, authenticator, accounts, auditor } = match options.htpasswd {
        None => options.auth.open(&metadata, &clock, &random, &faults).await,
        Some(path) => {
            let users = Htpasswd::new(path, "Registry Realm", clock.clone(), &*random);
            WayIn::new(Arc::new(SignedIn), Arc::new(users))
        }
    };
    let health = Arc::new(Health::starting("opening the store"));
    let app = Arc::new(App {
        registry: Default::default(),
        access,
        authenticator,
        accounts: accounts.clone(),
        guard: Guard::new(options.rates, clock.clone()),
        auditor,
        settings: options.server,
        frozen: Default::default(),
        health: health.clone(),
        metrics: Arc::new(Metrics::new()),
        clock,
        random,
    });
    if !options.not_ready {
        *app.registry.write() = Some(registry.clone());
        health.set_readiness(Readiness::Ready);
    }
    let (listener, address) = listen().await;
    let (debug, debug_address) = listen().await;
    let serving = server::serve(Front::new(app.clone()), vec![listener], options.tls);
    let settings = DebugSettings { metrics_path: Some("/metrics".into()) };
    let debug = server::serve_debug(health, app.metrics.clone(), settings, vec![debug]);
    let accounts = accounts.map(|berth| berth.accounts().clone());
    Started { address, debug_address, serving, debug, app, registry, accounts, metadata, blobs }
}

async fn listen() -> (Listener, SocketAddr) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::tcp(any).await.unwrap();
    let address = listener.local().parse().unwrap();
    (listener, address)
}
