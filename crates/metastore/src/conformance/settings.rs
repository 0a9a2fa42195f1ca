//! Settings.

use super::MetadataStore;

pub(super) async fn a_setting_is_kept_and_replaced(store: &impl MetadataStore) {
    store.ping().await.unwrap();
    assert_eq!(store.setting("k").await.unwrap(), None);
    store.set_setting("k", b"one".to_vec()).await.unwrap();
    store.set_setting("other", Vec::new()).await.unwrap();
    store.set_setting("k", b"two".to_vec()).await.unwrap();
    assert_eq!(store.setting("k").await.unwrap().as_deref(), Some(b"two".as_slice()));
    assert_eq!(store.setting("other").await.unwrap(), Some(Vec::new()));
}

pub(super) async fn a_secret_is_made_exactly_once(store: &impl MetadataStore) {
    let first = store.setting_or_insert("secret", b"one".to_vec()).await.unwrap();
    let second = store.setting_or_insert("secret", b"two".to_vec()).await.unwrap();
    assert_eq!((first.as_slice(), second.as_slice()), (b"one".as_slice(), b"one".as_slice()));
}
