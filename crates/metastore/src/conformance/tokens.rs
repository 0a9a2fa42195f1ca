//! Tokens of accounts.

use store::{
    AccessChange, AccessRefusal, AccountChange, CredentialId, CredentialKind, CredentialRecord,
    NewCredential,
};

use super::MetadataStore;
use super::accounts::*;
use super::fixture::*;

use AccessRefusal::Unknown;

async fn by_secret(store: &impl MetadataStore, secret: &str) -> Option<CredentialRecord> {
    store.credential(&hash(secret)).await.unwrap().map(|(token, _)| token)
}

pub(super) async fn a_token_is_found_by_its_hash_with_its_account(store: &impl MetadataStore) {
    let alice = make(store, "alice").await;
    let scopes = vec!["pull:team/**".to_owned(), "push:a\"b".into()];
    let whole = NewCredential {
        kind: CredentialKind::Refresh,
        scopes: scopes.clone(),
        expires: Some(at(7000)),
        ..token(alice, "secret")
    };
    change(store, vec![of_user("alice", AccountChange::Secret(None))]).await;
    let id = add_token(store, whole).await;
    let account = find(store, "alice").await;
    let expected = CredentialRecord {
        id,
        account: alice,
        kind: CredentialKind::Refresh,
        label: "secret".into(),
        scopes,
        epoch: account.epoch,
        created: at(1000),
        expires: Some(at(7000)),
        last_used: None,
    };
    let found = store.credential(&hash("secret")).await.unwrap();
    assert_eq!(found, Some((expected.clone(), account)));
    assert_eq!(store.credential_by_id(id).await.unwrap(), Some(expected.clone()));
    assert_eq!(store.credentials(alice).await.unwrap(), [expected]);
    assert_eq!(by_secret(store, "other").await, None);
    change(store, vec![of_user("alice", AccountChange::Secret(None))]).await;
    let (token, account) = store.credential(&hash("secret")).await.unwrap().unwrap();
    assert_eq!(token.epoch + 1, account.epoch, "made before the last secret");
}

pub(super) async fn a_token_goes_only_by_its_owner(store: &impl MetadataStore) {
    let (alice, bob) = (make(store, "alice").await, make(store, "bob").await);
    let id = add_token(store, token(alice, "one")).await;
    let remove = |account| vec![AccessChange::RemoveCredential { account, id }];
    assert_eq!(refusal(store, remove(Some(bob))).await, Unknown(format!("token {}", id.0)));
    assert!(by_secret(store, "one").await.is_some());
    change(store, remove(Some(alice))).await;
    assert_eq!(by_secret(store, "one").await, None);
    assert_eq!(refusal(store, remove(None)).await, Unknown(format!("token {}", id.0)));
}

pub(super) async fn the_last_use_of_a_token_is_kept(store: &impl MetadataStore) {
    let alice = make(store, "alice").await;
    let (one, two) =
        (add_token(store, token(alice, "one")).await, add_token(store, token(alice, "two")).await);
    let version = store.access_version().await.unwrap();
    let gone = CredentialId(one.0.max(two.0) + 1000);
    let uses = vec![(one, at(50)), (gone, at(60)), (one, at(70)), (one, at(60))];
    store.note_use(uses).await.unwrap();
    store.note_use(vec![(one, at(65))]).await.unwrap();
    let used = async |secret| by_secret(store, secret).await.unwrap().last_used;
    assert_eq!((used("one").await, used("two").await), (Some(at(70)), None));
    assert_eq!(store.access_version().await.unwrap(), version);
}

pub(super) async fn a_new_token_raises_no_version(store: &impl MetadataStore) {
    let alice = make(store, "alice").await;
    let version = store.access_version().await.unwrap();
    let refresh = NewCredential { kind: CredentialKind::Refresh, ..token(alice, "refresh") };
    let steps = [token(alice, "one"), refresh].map(AccessChange::AddCredential);
    let made = change(store, steps.into()).await;
    let id = CredentialId(made.made[0].unwrap());
    store.note_use(vec![(id, at(50))]).await.unwrap();
    assert_eq!((made.version, store.access_version().await.unwrap()), (version, version));
    assert!(by_secret(store, "one").await.is_some() && by_secret(store, "refresh").await.is_some());
    // Together with something that takes away it is a change like any other.
    let remove = AccessChange::RemoveCredential { account: Some(alice), id };
    let steps = vec![AccessChange::AddCredential(token(alice, "two")), remove];
    assert_eq!(change(store, steps).await.version, version + 1);
    assert_eq!(store.access_version().await.unwrap(), version + 1);
}

pub(super) async fn ended_tokens_are_removed_oldest_first(store: &impl MetadataStore) {
    let alice = make(store, "alice").await;
    for (secret, expires) in [("c", Some(30)), ("a", Some(10)), ("b", Some(20)), ("never", None)] {
        let expires = expires.map(at);
        add_token(store, NewCredential { expires, ..token(alice, secret) }).await;
    }
    let version = store.access_version().await.unwrap();
    assert_eq!(store.remove_ended_credentials(at(30), 1).await.unwrap(), 1);
    assert_eq!(by_secret(store, "a").await, None);
    assert!(by_secret(store, "b").await.is_some());
    assert_eq!(store.remove_ended_credentials(at(30), 10).await.unwrap(), 1);
    assert_eq!(store.remove_ended_credentials(at(30), 10).await.unwrap(), 0);
    let left = store.credentials(alice).await.unwrap();
    let left: Vec<_> = left.iter().map(|token| token.label.as_str()).collect();
    assert_eq!(left, ["c", "never"]);
    assert_eq!(store.access_version().await.unwrap(), version);
}
