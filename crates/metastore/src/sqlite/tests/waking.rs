//! Who hears of changes of accounts.

use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use store::{
    AccessChange, AccountId, AccountKind, AccountStore, CredentialId, CredentialKind, NewAccount,
    NewCredential,
};

use super::*;
use crate::MetadataStore;

fn is_woken(waiting: Pin<&mut impl Future<Output = ()>>) -> bool {
    waiting.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[tokio::test]
async fn nobody_is_woken_by_a_new_token_and_everybody_by_a_revoked_one() {
    let fresh = Temporary::new();
    let change = async |step| {
        let at = Timestamp::from_millis(1);
        fresh.store.change_access(vec![step], Box::new(|_| Ok(())), vec![], at).await.unwrap().made
            [0]
    };
    let (name, source) = ("ann".to_owned(), "local".to_owned());
    let (kind, source_id, secret, expires) = (AccountKind::User, None, None, None);
    let new = NewAccount { kind, name, source, source_id, is_admin: false, secret, expires };
    let account = AccountId(change(AccessChange::AddAccount(new)).await.unwrap());
    let mut waiting = pin!(fresh.store.access_changed());
    assert!(!is_woken(waiting.as_mut()), "nothing has changed yet");
    let (kind, hash, label) = (CredentialKind::Refresh, [7; 32], "docker".to_owned());
    let new = NewCredential { account, kind, hash, label, scopes: Vec::new(), expires: None };
    let id = CredentialId(change(AccessChange::AddCredential(new)).await.unwrap());
    assert!(!is_woken(waiting.as_mut()), "nobody has remembered what was not there");
    change(AccessChange::RemoveCredential { account: Some(account), id }).await;
    assert!(is_woken(waiting.as_mut()), "somebody may have");
}
