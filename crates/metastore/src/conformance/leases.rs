//! Leases and the time that decides about them.

use std::time::Duration;

use store::Lease;

use super::MetadataStore;

/// Longer than any check runs.
const LONG: Duration = Duration::from_secs(3600);

fn lease(name: &str, holder: &str) -> Lease {
    Lease { name: name.to_owned(), holder: holder.to_owned() }
}

pub(super) async fn a_lease_has_one_holder(store: &impl MetadataStore) {
    assert!(store.take_lease(lease("collect", "one"), LONG).await.unwrap());
    assert!(!store.take_lease(lease("collect", "two"), LONG).await.unwrap());
    assert!(store.take_lease(lease("collect", "one"), LONG).await.unwrap(), "renewed");
    assert!(store.take_lease(lease("expire", "two"), LONG).await.unwrap(), "another one");
}

pub(super) async fn a_lease_runs_out(store: &impl MetadataStore) {
    assert!(store.take_lease(lease("collect", "one"), Duration::ZERO).await.unwrap());
    assert!(store.take_lease(lease("collect", "two"), LONG).await.unwrap());
    assert!(!store.take_lease(lease("collect", "one"), LONG).await.unwrap());
    assert!(store.take_lease(lease("collect", "two"), Duration::ZERO).await.unwrap(), "shortened");
    assert!(store.take_lease(lease("collect", "one"), LONG).await.unwrap());
}

pub(super) async fn only_the_holder_gives_a_lease_back(store: &impl MetadataStore) {
    store.release_lease(lease("collect", "one")).await.unwrap();
    assert!(store.take_lease(lease("collect", "one"), LONG).await.unwrap());
    store.release_lease(lease("collect", "two")).await.unwrap();
    assert!(!store.take_lease(lease("collect", "two"), LONG).await.unwrap());
    store.release_lease(lease("collect", "one")).await.unwrap();
    assert!(store.take_lease(lease("collect", "two"), LONG).await.unwrap());
}

pub(super) async fn the_store_tells_a_time_that_goes_on(store: &impl MetadataStore) {
    let first = store.store_time().await.unwrap();
    assert!(first.seconds() > 1_700_000_000, "milliseconds since 1970: {first}");
    assert!(store.store_time().await.unwrap() >= first);
}
