//! Stored blobs: all of them listed, and addresses for nothing else.

use std::collections::BTreeMap;

use oci::Digest;
use store::{AddressRequest, BlobKey, BlobStore, StoredRecord};

use super::material::{append, content, id, slot, stage};

async fn pages(store: &dyn BlobStore, own_places: bool, limit: usize) -> Vec<StoredRecord> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.stored(own_places, after.as_ref(), limit).await.expect("a page");
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        all.extend(page);
    }
    assert!(all.is_sorted_by(|a, b| a.key < b.key), "in the order of keys, each once");
    all
}

pub(super) async fn blobs_are_listed_page_by_page(store: &dyn BlobStore) {
    let mut mine = BTreeMap::new();
    for number in 0..3 {
        let bytes = content(&format!("listed-{number}"), 1000 + number);
        let own = slot(&bytes, &format!("listed-{number}-own"), true);
        let own = store.put(&own, bytes.clone()).await.expect("a key");
        let beside = slot(&bytes, &format!("listed-{number}-beside"), false);
        let beside = store.put(&beside, bytes.clone()).await.expect("a key");
        mine.insert(own, (bytes.clone(), None));
        mine.insert(beside, (bytes, Some(format!("listed-{number}-beside"))));
    }
    let bytes = content("listed-staged", 3000);
    let mut staged = stage(store, "listed-staged").await;
    append(staged.as_mut(), &bytes, 1000).await;
    staged.checkpoint(true).await.expect("a checkpoint");
    let key = staged.publish(&slot(&bytes, "listed-staged", false)).await.expect("a key");
    mine.insert(key, (bytes, Some("listed-staged".to_owned())));

    for limit in [2, 1000] {
        let all = pages(store, true, limit).await;
        for (key, (bytes, staging)) in &mine {
            let record = all.iter().find(|record| record.key == *key).expect("a listed blob");
            assert_eq!(record.size, bytes.len() as u64);
            assert!(record.sha256.is_none_or(|digest| digest == Digest::sha256(bytes)));
            if let Some(staging) = staging {
                assert_eq!(record.staging, Some(id(staging)), "{key:?}");
            }
        }
        let ours = pages(store, false, limit).await;
        assert!(ours.iter().all(|record| all.contains(record)));
        for (key, (_, staging)) in mine.iter().filter(|(_, (_, staging))| staging.is_some()) {
            assert!(ours.iter().any(|record| record.key == *key), "{staging:?} is ours alone");
        }
    }
}

pub(super) async fn addresses_are_for_blobs_alone(store: &dyn BlobStore) {
    let bytes = content("addressed", 100);
    let key = store.put(&slot(&bytes, "addressed", true), bytes.clone()).await.expect("a key");
    for head in [false, true] {
        let request = AddressRequest { head, client: None };
        let address = store.address(&key, request).await.expect("an answer");
        assert!(address.is_none_or(|address| address.contains("://")));
        let elsewhere = store.address(&BlobKey::new("berth/uploads/x"), request).await;
        assert!(!matches!(elsewhere, Ok(Some(_))), "an address of something else");
    }
}
