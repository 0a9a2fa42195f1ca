//! Content that all replicas must leave as it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use store::{
    AccessChange, AccountId, AccountKind, AccountStore, AuditNote, AuditStore, ContentStore,
    CounterStore, CredentialId, CredentialKind, NewAccount, NewCredential, PullCount,
    SettingsStore, StoreError, WriteError,
};
use tokio::sync::Notify;

use super::super::args::args;
use super::super::failure::Failure;
use super::super::transaction::{Tx, Work};
use super::*;
use crate::{ContentFreeze, Frozen};

const LONG: Duration = Duration::from_secs(600);

async fn put(store: &Postgres, name: &str) -> Result<(), WriteError> {
    store.put_manifest(push("a", name, &[], &[name]), Box::new(|_| Ok(()))).await
}

async fn is_refused(store: &Postgres) {
    let tried = put(store, "refused").await;
    let Err(WriteError::Store(StoreError::Busy(text))) = tried else { panic!("{tried:?}") };
    assert!(text.contains("the content is frozen"), "{text}");
    let gone = store.delete_tag(&repository("a"), &tag("before"), None, at(9)).await;
    assert!(matches!(gone, Err(StoreError::Busy(_))), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_frozen_store_is_read_and_not_changed_by_any_process_until_it_is_thawed() {
    let server = PostgresServer::start();
    let (mover, replica) = (open(&server.url()).await, open(&server.url()).await);
    put(&replica, "before").await.unwrap();
    assert_eq!(replica.frozen_content().await.unwrap(), None);
    assert!(mover.freeze_content("mover", LONG).await.unwrap());
    assert_eq!(replica.frozen_content().await.unwrap(), Some(Frozen::ForNow));
    is_refused(&replica).await;
    is_refused(&*open(&server.url()).await).await;
    // What is no content goes on.
    assert!(replica.manifest(&repository("a"), &by_tag("before")).await.unwrap().is_some());
    replica.set_setting("k", vec![1]).await.unwrap();
    let count = PullCount {
        repository: repository("a"),
        digest: sha256("before"),
        tag: None,
        count: 1,
        last: at(1),
    };
    replica.add_pulls(vec![count]).await.unwrap();

    assert!(!replica.freeze_content("another", LONG).await.unwrap());
    assert!(!replica.keep_frozen("another", None).await.unwrap());
    assert!(mover.keep_frozen("mover", None).await.unwrap());
    assert_eq!(replica.frozen_content().await.unwrap(), Some(Frozen::ForGood));
    server.restart();
    is_refused(&replica).await;
    replica.thaw_content().await.unwrap();
    assert_eq!(replica.frozen_content().await.unwrap(), None);
    assert!(!mover.keep_frozen("mover", Some(LONG)).await.unwrap());
    put(&replica, "after").await.unwrap();
    let left = "SELECT count(*) FROM pg_trigger WHERE tgname = 'berth_frozen'";
    assert_eq!(server.sql("postgres", left), "0");
    // And once more.
    assert!(mover.freeze_content("mover", LONG).await.unwrap());
    is_refused(&replica).await;
}

fn user(name: &str) -> AccessChange {
    AccessChange::AddAccount(NewAccount {
        kind: AccountKind::User,
        name: name.to_owned(),
        source: "local".to_owned(),
        source_id: None,
        is_admin: true,
        secret: None,
        expires: None,
    })
}

fn token(account: i64, hash: u8) -> AccessChange {
    AccessChange::AddCredential(NewCredential {
        account: AccountId(account),
        kind: CredentialKind::Personal,
        hash: [hash; 32],
        label: "laptop".to_owned(),
        scopes: Vec::new(),
        expires: Some(at(5)),
    })
}

fn line() -> AuditNote {
    AuditNote {
        at: at(1),
        actor: "user:ann".to_owned(),
        via: "password".to_owned(),
        address: None,
        action: "login".to_owned(),
        target: String::new(),
        outcome: "ok".to_owned(),
        request: None,
        detail: None,
        count: 1,
    }
}

async fn change(store: &Postgres, step: AccessChange) -> Result<i64, WriteError> {
    let done = store.change_access(vec![step], Box::new(|_| Ok(())), vec![line()], at(1)).await?;
    Ok(done.made[0].unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn accounts_are_frozen_with_the_content_and_the_log_of_them_grows_on() {
    let server = PostgresServer::start();
    let (mover, replica) = (open(&server.url()).await, open(&server.url()).await);
    let ann = change(&replica, user("ann")).await.unwrap();
    let laptop = CredentialId(change(&replica, token(ann, 1)).await.unwrap());
    assert!(mover.freeze_content("mover", LONG).await.unwrap());
    let team = AccessChange::AddTeam("web".to_owned());
    let grant = store::GrantRecord {
        subject: "signed-in".to_owned(),
        role: "reader".to_owned(),
        pattern: "**".to_owned(),
    };
    let grant = AccessChange::AddGrant { grant, is_named_role: false };
    let gone = AccessChange::RemoveAccount(AccountKind::User, "ann".to_owned());
    for step in [user("bob"), team, grant, gone, token(ann, 2)] {
        let tried = change(&replica, step.clone()).await;
        let Err(WriteError::Store(StoreError::Busy(text))) = tried else { panic!("{step:?}") };
        assert!(text.contains("the content is frozen"), "{text}");
    }
    let removed = replica.remove_ended_credentials(at(9), 10).await;
    assert!(matches!(removed, Err(StoreError::Busy(_))), "{removed:?}");
    let pruned = replica.prune_audit(Some(at(9)), None, None, 10).await;
    assert_eq!(pruned.unwrap(), 0, "nothing is sealed");

    replica.note_use(vec![(laptop, at(77))]).await.unwrap();
    let used = replica.credential_by_id(laptop).await.unwrap().unwrap();
    assert_eq!(used.last_used, Some(at(77)));
    replica.append_audit(vec![line(), line()]).await.unwrap();
    let (last, lines) = replica.unsealed_audit(Duration::ZERO, 10).await.unwrap();
    let seal = |sequence| store::AuditSeal { sequence, hash: [1; 32] };
    let seals = lines.iter().zip(1..).map(|(line, number)| (line.id, seal(number))).collect();
    assert!(replica.seal_audit(last, seals).await.unwrap());
    let pruned = replica.prune_audit(Some(at(9)), None, None, 10).await;
    assert!(matches!(pruned, Err(StoreError::Busy(_))), "{pruned:?}");

    replica.thaw_content().await.unwrap();
    change(&replica, user("bob")).await.unwrap();
    assert_eq!(replica.prune_audit(Some(at(9)), None, None, 10).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_freeze_that_nobody_renews_ends_by_itself_and_is_not_taken_up_again() {
    let server = PostgresServer::start();
    let store = open(&server.url()).await;
    put(&store, "before").await.unwrap();
    assert!(store.freeze_content("mover", Duration::from_millis(1500)).await.unwrap());
    assert!(store.keep_frozen("mover", Some(Duration::from_millis(1000))).await.unwrap());
    is_refused(&store).await;
    let over = async {
        while put(&store, "after").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), over).await.expect("it ends");
    assert_eq!(store.frozen_content().await.unwrap(), None);
    assert!(!store.keep_frozen("mover", None).await.unwrap());
    assert!(store.freeze_content("another", LONG).await.unwrap());
    is_refused(&store).await;
}

/// A transaction that has looked and not written yet.
struct Late {
    looked: Arc<AtomicBool>,
    go: Arc<Notify>,
    writes: &'static str,
}

impl Work for Late {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        tx.list("SELECT 1 FROM repository FOR SHARE", args![], |_| Ok(())).await?;
        if self.writes == "early" {
            tx.change("UPDATE repository SET created_at = 5", args![]).await?;
        }
        self.looked.store(true, Ordering::SeqCst);
        self.go.notified().await;
        tx.change("UPDATE repository SET created_at = 7", args![]).await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_freeze_waits_for_who_has_written_and_refuses_who_has_only_looked() {
    let server = PostgresServer::start();
    let store = open(&server.url()).await;
    put(&store, "before").await.unwrap();
    let created = "SELECT created_at FROM repository";
    for (writes, ends_first) in [("late", false), ("early", true)] {
        let (looked, go) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let late = Late { looked: Arc::clone(&looked), go: Arc::clone(&go), writes };
        let writing = {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.write_hard(late).await })
        };
        while !looked.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let freezing = {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.freeze_content("mover", LONG).await })
        };
        if ends_first {
            // The lock is waited for.
            let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
            while server.sql("postgres", waits) == "0" {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(!freezing.is_finished());
            go.notify_one();
            writing.await.unwrap().unwrap();
            assert!(freezing.await.unwrap().unwrap());
            assert_eq!(server.sql("postgres", created), "7");
        } else {
            assert!(freezing.await.unwrap().unwrap());
            go.notify_one();
            let refused = writing.await.unwrap();
            assert!(matches!(refused, Err(WriteError::Store(StoreError::Busy(_)))), "{refused:?}");
            assert_ne!(server.sql("postgres", created), "7");
        }
        is_refused(&store).await;
        store.thaw_content().await.unwrap();
    }
}
