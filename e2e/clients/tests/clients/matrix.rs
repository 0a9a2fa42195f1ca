//! The conformance suite on every kind of store, each with a real server behind it. The answers must not
//! show where the bytes are.

use clients::azurite::Azurite;
use clients::cluster::replica;
use clients::engine::Docker;
use clients::fixture;
use clients::gcs::OpenBucket;
use clients::minio::Minio;
use clients::postgres::Postgres;
use clients::registry::Registry;
use clients::versitygw::VersityGateway;
use conformance::Target;

use crate::docker::build;

/// Runs every test of the suite; a failure shows the whole table.
fn conforms(registry: &Registry) {
    let report = conformance::run(&Target::new(registry.url()), "");
    let (passed, failed) = (report.count("pass"), report.count("fail"));
    println!("{passed} passed, {failed} failed of the suite");
    assert!(failed == 0 && passed > 100, "{}\n{}", report.markdown(), registry.last_words());
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn files_with_postgresql_conform() {
    let (folder, postgres) = (tempfile::tempdir().unwrap(), Postgres::start());
    let root = folder.path().join("data");
    let section = format!("  filesystem:\n    rootdirectory: {}\n", root.display());
    conforms(&replica(&section, &postgres.url()));
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn minio_with_postgresql_conforms() {
    let (store, postgres) = (Minio::start(), Postgres::start());
    conforms(&replica(&store.section(), &postgres.url()));
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn versitygw_with_postgresql_conforms() {
    let (store, postgres) = (VersityGateway::start(), Postgres::start());
    conforms(&replica(&store.section(), &postgres.url()));
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn azurite_with_postgresql_conforms() {
    let (store, postgres) = (Azurite::start(), Postgres::start());
    conforms(&replica(&store.section(), &postgres.url()));
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn google_cloud_storage_with_postgresql_conforms() {
    let (store, postgres) = (OpenBucket::start(), Postgres::start());
    conforms(&store.registry(&postgres.url()));
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn minio_with_sqlite_conforms() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Minio::start());
    let database = folder.path().join("metadata");
    conforms(&replica(&store.section(), &format!("sqlite:{}", database.display())));
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn docker_pushes_pulls_and_runs_an_image_of_a_bucket() {
    let (store, postgres, docker) = (Minio::start(), Postgres::start(), Docker::shared());
    let registry = replica(&store.section(), &postgres.url());
    let image = registry.image("bucket/greeting:1");
    build(&docker, &image);
    docker.run(&["push", &image]);
    docker.run(&["rmi", &image]);
    docker.run(&["pull", &image]);
    assert_eq!(docker.run(&["run", "--rm", &image]), fixture::GREETING);
    docker.run(&["rmi", &image]);
}
