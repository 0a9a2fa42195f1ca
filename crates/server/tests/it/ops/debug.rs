//! The debug listener and the health checks behind it.

use server::Readiness;
use testkit::TestRegistry;

#[tokio::test]
async fn a_failing_check_is_shown_and_turns_requests_away_until_it_passes() {
    let registry = TestRegistry::start().await;
    let debug = registry.debug_client();
    assert_eq!(debug.get("/debug/health").await.expect(200).json(), serde_json::json!({}));
    registry.app().health.fail("storagedriver_filesystem", "no answer");
    let report = debug.get("/debug/health").await.expect(503).json();
    assert_eq!(report, serde_json::json!({ "storagedriver_filesystem": "no answer" }));
    let answer = registry.client().get("/v2/").await.expect(503);
    assert!(answer.header("retry-after").is_some());
    registry.client().get("/readyz").await.expect(503);
    registry.client().get("/livez").await.expect(200);
    registry.app().health.pass("storagedriver_filesystem");
    registry.client().get("/v2/").await.expect(200);
    registry.client().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn probes_get_the_same_answers_on_the_debug_listener() {
    let registry = TestRegistry::start().await;
    let health = &registry.app().health;
    let told = async || {
        let mut all = Vec::new();
        for path in ["/livez", "/startupz", "/readyz"] {
            let [here, there] = [registry.client(), registry.debug_client()];
            let [here, there] = [here.get(path).await, there.get(path).await];
            assert_eq!((here.status, here.json()), (there.status, there.json()), "{path}");
            all.push(there.status);
        }
        all
    };
    assert_eq!(told().await, [200, 200, 200]);
    health.fail("storagedriver_s3", "no answer");
    assert_eq!(told().await, [200, 200, 503]);
    health.pass("storagedriver_s3");
    health.set_readiness(Readiness::Starting("importing".into()));
    assert_eq!(told().await, [200, 503, 503]);
    health.set_readiness(Readiness::Stopping);
    assert_eq!(told().await, [200, 200, 503]);
    health.set_readiness(Readiness::Ready);
    assert_eq!(told().await, [200, 200, 200]);
}

#[tokio::test]
async fn the_debug_listener_shows_no_secret_and_no_registry() {
    let registry = TestRegistry::start().await;
    let debug = registry.debug_client();
    registry.client().open_upload("a").await;
    let key = {
        use store::SettingsStore;
        registry.metadata().setting("upload-key").await.unwrap().unwrap()
    };
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    for path in ["/debug/health", "/debug/vars", "/metrics"] {
        let answer = debug.get(path).await.expect(200);
        let text = String::from_utf8_lossy(&answer.body).to_lowercase();
        let root = registry.root().display().to_string().to_lowercase();
        assert!(!text.contains(&hex) && !text.contains(&root), "{path}");
        assert_eq!(
            debug.head(path).await.expect(200).header("content-length"),
            answer.header("content-length"),
            "{path}"
        );
    }
    for path in ["/", "/v2/", "/v2/_catalog", "/debug/pprof/", "/debug/pprof/cmdline"] {
        debug.get(path).await.expect(404);
    }
}
