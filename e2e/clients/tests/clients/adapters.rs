//! The suite of the blob store's adapter, with a real server behind each kind of bucket. The tests lie
//! beside the adapter; they learn from the environment where the servers are.

use clients::azurite::Azurite;
use clients::command::{command, ok};
use clients::gcs::OpenBucket;
use clients::minio::Minio;
use clients::registry::repository;
use clients::s3;
use clients::versitygw::VersityGateway;

/// Runs the ignored tests of the adapter whose names contain one of these; at least one must be there.
fn suite(tests: &[&str], environment: &[(&str, String)]) {
    let mut cargo = command("cargo");
    cargo.current_dir(repository()).args(["test", "--workspace", "--lib", "--", "--ignored"]);
    cargo.arg("--test-threads=2").args(tests);
    cargo.envs(environment.iter().map(|(name, value)| (name, value)));
    let said = ok(&mut cargo);
    let passed: Vec<_> = said.lines().filter(|line| line.ends_with("... ok")).collect();
    assert!(passed.len() >= tests.len(), "{said}");
}

fn amazon(endpoint: String) -> Vec<(&'static str, String)> {
    vec![
        ("BERTH_TEST_S3", endpoint),
        ("BERTH_TEST_S3_REGION", s3::REGION.to_owned()),
        ("BERTH_TEST_S3_BUCKET", s3::BUCKET.to_owned()),
        ("BERTH_TEST_S3_ACCESS_KEY", s3::ACCESS_KEY.to_owned()),
        ("BERTH_TEST_S3_SECRET_KEY", s3::SECRET_KEY.to_owned()),
    ]
}

#[test]
#[ignore = "needs MinIO: cargo xtask test"]
fn a_bucket_of_minio_keeps_the_contract_whatever_becomes_of_answers() {
    let store = Minio::start();
    suite(&["buckets::servers::s3", "buckets::faults"], &amazon(store.endpoint()));
}

#[test]
#[ignore = "needs versitygw: cargo xtask test"]
fn a_bucket_of_versitygw_keeps_the_contract() {
    let store = VersityGateway::start();
    suite(&["buckets::servers::s3"], &amazon(format!("http://{}", store.host())));
}

#[test]
#[ignore = "needs MinIO: cargo xtask test"]
fn a_bucket_that_speaks_as_google_keeps_the_contract() {
    let store = OpenBucket::start();
    let environment =
        [("BERTH_TEST_GCS", store.endpoint()), ("BERTH_TEST_GCS_BUCKET", s3::BUCKET.to_owned())];
    suite(&["buckets::servers::gcs"], &environment);
}

#[test]
#[ignore = "needs Azurite: cargo xtask test"]
fn a_container_of_azurite_keeps_the_contract() {
    let store = Azurite::start();
    suite(&["buckets::servers::azure"], &store.environment());
}
