//! The health checks of the configuration: storage, files, HTTP, TCP.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use server::Health;
use store::{Clock, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use workers::Shutdown;

use crate::config::Config;
use crate::config::health::{HttpCheck, TcpCheck};
use crate::process::owner::MARK;
use crate::wire::Stores;

/// Starts every configured check.
pub(crate) fn start(config: &Config, stores: &Stores, health: &Arc<Health>, shutdown: &Shutdown) {
    let storage = &config.health.storage_driver;
    if storage.enabled {
        let (metadata, bucket) = (stores.metadata.clone(), stores.objects.clone());
        let root = config.storage.root_directory().map(Path::to_owned);
        let name = format!("storagedriver_{}", config.storage.driver.name());
        let plan = Plan::new(name, storage.interval, storage.threshold);
        let grace = Arc::new(Grace {
            term: config.berth.metadata.stale_reads,
            heard: AtomicU64::new(0),
            clock: stores.world.clock.clone(),
            health: health.clone(),
        });
        spawn(plan, health, shutdown, move || {
            let (metadata, root, bucket) = (metadata.clone(), root.clone(), bucket.clone());
            let grace = grace.clone();
            async move {
                if let Some(bucket) = bucket {
                    bucket.look(MARK).await.map_err(|error| error.to_string())?;
                }
                grace.judge(metadata.store_time().await.map(drop))?;
                let Some(root) = root else { return Ok(()) };
                let there = tokio::fs::metadata(&root).await;
                there.map(|_| ()).map_err(|error| format!("{}: {error}", root.display()))
            }
        });
    }
    for check in config.health.file.clone() {
        // As in the original: a file that is there takes the registry out of service.
        let plan = Plan::new(check.file.display().to_string(), check.interval, 0);
        spawn(plan, health, shutdown, move || {
            let there = check.file.exists();
            async move { if there { Err("file exists".to_owned()) } else { Ok(()) } }
        });
    }
    for check in config.health.tcp.clone() {
        let plan = Plan::new(check.addr.clone(), check.interval, check.threshold);
        spawn(plan, health, shutdown, move || tcp(check.clone()));
    }
    for check in config.health.http.clone() {
        let plan = Plan::new(check.uri.clone(), check.interval, check.threshold);
        spawn(plan, health, shutdown, move || http(check.clone()));
    }
}

/// The time for which a registry goes on without its database, if it does.
struct Grace {
    term: Duration,
    /// When the database answered last, in milliseconds of the clock that never goes back.
    heard: AtomicU64,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
}

impl Grace {
    /// What `/readyz` says about it.
    const NOTE: &str = "database";

    /// A database that is away is noted only, until pulls cannot go on without it any more.
    fn judge(&self, answer: Result<(), StoreError>) -> Result<(), String> {
        let now = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Err(error) = answer else {
            self.heard.store(now, Ordering::Relaxed);
            self.health.unnote(Self::NOTE);
            return Ok(());
        };
        let away = Duration::from_millis(now.saturating_sub(self.heard.load(Ordering::Relaxed)));
        if away >= self.term {
            self.health.unnote(Self::NOTE);
            return Err(error.to_string());
        }
        self.health.note(Self::NOTE, "away; pulls of known digests go on from memory");
        Ok(())
    }
}

/// When a check runs and how often it may fail.
struct Plan {
    name: String,
    interval: Duration,
    threshold: u32,
}

impl Plan {
    fn new(name: impl Into<String>, interval: Duration, threshold: u32) -> Self {
        Self { name: name.into(), interval, threshold }
    }
}

fn spawn<C, R>(plan: Plan, health: &Arc<Health>, shutdown: &Shutdown, check: C)
where
    C: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), String>> + Send,
{
    let (health, shutdown) = (health.clone(), shutdown.clone());
    tokio::spawn(async move {
        let mut failures = 0_u32;
        loop {
            match check().await {
                Ok(()) => {
                    failures = 0;
                    health.pass(&plan.name);
                }
                Err(why) => {
                    failures = failures.saturating_add(1);
                    if failures >= plan.threshold.max(1) {
                        health.fail(&plan.name, why);
                    }
                }
            }
            if !shutdown.sleep(plan.interval).await {
                return;
            }
        }
    });
}

async fn tcp(check: TcpCheck) -> Result<(), String> {
    let connecting = tokio::time::timeout(check.timeout, TcpStream::connect(&check.addr));
    match connecting.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("connection to {} failed: {error}", check.addr)),
        Err(_) => Err(format!("connection to {} took longer than {:?}", check.addr, check.timeout)),
    }
}

async fn http(check: HttpCheck) -> Result<(), String> {
    match tokio::time::timeout(check.timeout, head(&check)).await {
        Ok(Ok(status)) if status == check.status_code => Ok(()),
        Ok(Ok(status)) => {
            Err(format!("{} answered {status} instead of {}", check.uri, check.status_code))
        }
        Ok(Err(error)) => Err(format!("{}: {error}", check.uri)),
        Err(_) => Err(format!("{} took longer than {:?}", check.uri, check.timeout)),
    }
}

/// The status of a HEAD over plain HTTP; the configuration refuses other schemes.
async fn head(check: &HttpCheck) -> Result<u16, String> {
    let rest = check.uri.strip_prefix("http://").ok_or("only http:// is checked")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address =
        if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let text = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).await.map_err(text)?;
    let mut request =
        format!("HEAD /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    for (name, values) in &check.headers {
        for value in values {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(text)?;
    let mut answer = Vec::new();
    stream.take(1024).read_to_end(&mut answer).await.map_err(text)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| "the answer is no HTTP".to_owned())
}
