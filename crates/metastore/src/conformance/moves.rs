//! Accounts and the log as they are in another store.

use std::time::Duration;

use store::{
    AccessChange, AccountChange, AccountId, AccountKind, AccountRecord, AuditFilter, AuditNote,
    AuditOrder, AuditRecord, AuditSeal, CredentialId, CredentialKind, CredentialRecord,
    CredentialWalk, GrantRecord, LastNumbers, Page, RestoreAccess, RoleRecord, SecretHash,
    StoreError, VisibilityRecord, WriteError,
};

use super::MetadataStore;
use super::accounts::*;
use super::fixture::*;

fn alice() -> AccountRecord {
    AccountRecord {
        id: AccountId(7),
        kind: AccountKind::User,
        name: "alice".into(),
        source: "ldap".into(),
        source_id: Some("uid=alice".into()),
        is_admin: true,
        is_disabled: true,
        secret: Some(SecretHash("$2y$x".into())),
        epoch: 4,
        expires: Some(at(9000)),
        created: at(500),
        teams: vec!["db".into(), "web".into()],
        groups: vec!["oidc/devs".into(), "oidc/ops".into()],
    }
}

fn robot() -> AccountRecord {
    AccountRecord {
        id: AccountId(3),
        kind: AccountKind::Robot,
        name: "alice".into(),
        source: "local".into(),
        source_id: None,
        is_admin: false,
        is_disabled: false,
        secret: None,
        epoch: 1,
        expires: None,
        created: at(400),
        teams: vec![],
        groups: vec![],
    }
}

fn laptop() -> CredentialWalk {
    let record = CredentialRecord {
        id: CredentialId(11),
        account: AccountId(7),
        kind: CredentialKind::Refresh,
        label: "laptop".into(),
        scopes: vec!["pull:team/**".into(), "push:a\"b".into()],
        epoch: 3,
        created: at(600),
        expires: Some(at(8000)),
        last_used: Some(at(700)),
    };
    CredentialWalk { record, hash: hash("laptop") }
}

fn plain_token() -> CredentialWalk {
    let record = CredentialRecord {
        id: CredentialId(5),
        account: AccountId(3),
        kind: CredentialKind::Personal,
        label: String::new(),
        scopes: vec![],
        epoch: 1,
        created: at(600),
        expires: None,
        last_used: None,
    };
    CredentialWalk { record, hash: hash("plain") }
}

fn granted(subject: &str) -> GrantRecord {
    GrantRecord { subject: subject.into(), role: "tester".into(), pattern: "web/**".into() }
}

fn team(name: &str) -> RestoreAccess {
    RestoreAccess::Team { name: name.into(), created: at(300) }
}

/// One of everything.
fn everything_there_is() -> Vec<RestoreAccess> {
    vec![
        team("web"),
        team("db"),
        RestoreAccess::Account(alice()),
        RestoreAccess::Account(robot()),
        RestoreAccess::Credential(laptop()),
        RestoreAccess::Credential(plain_token()),
        RestoreAccess::Role(RoleRecord { name: "tester".into(), actions: vec!["pull".into()] }),
        RestoreAccess::Grant(granted("user:alice")),
        RestoreAccess::Grant(granted("team:long-gone")),
        RestoreAccess::Visibility(VisibilityRecord {
            pattern: "public/**".into(),
            visibility: "public".into(),
        }),
    ]
}

async fn walked(store: &impl MetadataStore) -> (Vec<AccountRecord>, Vec<CredentialWalk>) {
    let accounts = store.walk_accounts(everything()).await.unwrap();
    (accounts, store.walk_credentials(everything()).await.unwrap())
}

pub(super) async fn what_is_restored_is_read_back_as_it_was(store: &impl MetadataStore) {
    let before = store.access_version().await.unwrap();
    store.restore_access(everything_there_is()).await.unwrap();
    assert!(store.access_version().await.unwrap() > before);
    let all = (vec![robot(), alice()], vec![plain_token(), laptop()]);
    assert_eq!(walked(store).await, all);
    assert_eq!(store.account(AccountKind::User, "alice").await.unwrap(), Some(alice()));
    let found = store.credential(&hash("laptop")).await.unwrap();
    assert_eq!(found, Some((laptop().record, alice())));
    let teams = store.teams(None, 9).await.unwrap();
    let told = teams.iter().map(|it| (&*it.name, it.created, &*it.members)).collect::<Vec<_>>();
    let members = ["alice".to_owned()];
    assert_eq!(told, [("db", at(300), &members[..]), ("web", at(300), &members[..])]);
    let policy = store.policy().await.unwrap();
    assert_eq!(policy.roles[0].actions, ["pull"]);
    assert_eq!(policy.grants, [granted("team:long-gone"), granted("user:alice")]);
    assert_eq!(policy.visibilities[0].visibility, "public");
    // Again, which is as if an interrupted move went on.
    store.restore_access(everything_there_is()).await.unwrap();
    assert_eq!(walked(store).await, all);
    assert_eq!(store.policy().await.unwrap().grants.len(), 2);
}

pub(super) async fn accounts_and_tokens_are_walked_by_number(store: &impl MetadataStore) {
    store.restore_access(everything_there_is()).await.unwrap();
    let after = Page::after(AccountId(3), 9);
    assert_eq!(store.walk_accounts(after).await.unwrap(), [alice()]);
    assert_eq!(store.walk_accounts(Page::first(1)).await.unwrap(), [robot()]);
    let after = Page::after(CredentialId(5), 9);
    assert_eq!(store.walk_credentials(after).await.unwrap(), [laptop()]);
    assert_eq!(store.walk_credentials(Page::first(1)).await.unwrap(), [plain_token()]);
    assert!(!format!("{:?}", laptop()).contains("hash"));
}

pub(super) async fn a_restored_row_takes_the_place_of_what_was_there(store: &impl MetadataStore) {
    store.restore_access(everything_there_is()).await.unwrap();
    let changed = AccountRecord {
        name: "ann".into(),
        source_id: Some("uid=ann".into()),
        secret: None,
        epoch: 9,
        teams: vec!["web".into()],
        groups: vec!["oidc/ops".into(), "x".into()],
        ..alice()
    };
    let mut token = laptop();
    (token.record.last_used, token.record.scopes) = (None, vec![]);
    let role = RoleRecord { name: "tester".into(), actions: vec!["push".into()] };
    let visibility = VisibilityRecord { pattern: "public/**".into(), visibility: "private".into() };
    let rows = vec![
        RestoreAccess::Account(changed.clone()),
        RestoreAccess::Credential(token.clone()),
        RestoreAccess::Role(role.clone()),
        RestoreAccess::Visibility(visibility.clone()),
    ];
    store.restore_access(rows).await.unwrap();
    assert_eq!(walked(store).await, (vec![robot(), changed], vec![plain_token(), token]));
    let policy = store.policy().await.unwrap();
    assert_eq!((policy.roles, policy.visibilities), (vec![role], vec![visibility]));
}

pub(super) async fn what_is_gone_elsewhere_goes(store: &impl MetadataStore) {
    store.restore_access(everything_there_is()).await.unwrap();
    let gone = || {
        vec![
            RestoreAccess::RemoveTeam("db".into()),
            RestoreAccess::RemoveCredential(CredentialId(5)),
            RestoreAccess::RemoveRole("tester".into()),
            RestoreAccess::RemoveGrant(granted("user:alice")),
            RestoreAccess::RemoveVisibility("public/**".into()),
        ]
    };
    store.restore_access(gone()).await.unwrap();
    store.restore_access(gone()).await.unwrap();
    let alone = AccountRecord { teams: vec!["web".into()], ..alice() };
    assert_eq!(walked(store).await, (vec![robot(), alone], vec![laptop()]));
    let policy = store.policy().await.unwrap();
    assert_eq!((policy.roles.len(), policy.visibilities.len()), (0, 0));
    assert_eq!(policy.grants, [granted("team:long-gone")]);
    store.restore_access(vec![RestoreAccess::RemoveAccount(AccountId(7))]).await.unwrap();
    assert_eq!(walked(store).await, (vec![robot()], vec![]));
}

pub(super) async fn a_name_and_a_token_are_free_for_another_number(store: &impl MetadataStore) {
    store.restore_access(everything_there_is()).await.unwrap();
    let other = AccountRecord { id: AccountId(8), teams: vec![], ..alice() };
    let mut token = plain_token();
    (token.record.id, token.record.account) = (CredentialId(12), AccountId(8));
    let rows =
        vec![RestoreAccess::Account(other.clone()), RestoreAccess::Credential(token.clone())];
    store.restore_access(rows).await.unwrap();
    assert_eq!(walked(store).await, (vec![robot(), other], vec![token]));
}

pub(super) async fn of_rows_that_cannot_be_written_none_is(store: &impl MetadataStore) {
    let version = store.access_version().await.unwrap();
    let rows = vec![team("web"), RestoreAccess::Credential(laptop())];
    assert!(store.restore_access(rows).await.is_err(), "there is no such account");
    assert_eq!(store.teams(None, 9).await.unwrap(), []);
    assert_eq!(store.access_version().await.unwrap(), version);
}

pub(super) async fn numbers_go_on_above_those_of_another_store(store: &impl MetadataStore) {
    assert_eq!(store.last_numbers().await.unwrap(), LastNumbers::default());
    store.raise_numbers(LastNumbers { account: 40, credential: 0, line: 70 }).await.unwrap();
    let last = LastNumbers { account: 40, credential: 0, line: 70 };
    assert_eq!(store.last_numbers().await.unwrap(), last);
    let bob = make(store, "bob").await;
    assert_eq!(bob, AccountId(41));
    let first = add_token(store, token(bob, "first")).await;
    store.append_audit(vec![line("one")]).await.unwrap();
    assert_eq!((first, log(store).await[0].id), (CredentialId(1), 71));
    // Never back, also when what had the number is gone.
    let gone = AccessChange::RemoveAccount(AccountKind::User, "bob".into());
    change(store, vec![gone]).await;
    let last = LastNumbers { account: 41, credential: 1, line: 71 };
    assert_eq!(store.last_numbers().await.unwrap(), last);
    let lower = LastNumbers { account: 2, credential: 9, line: 0 };
    store.raise_numbers(lower).await.unwrap();
    let last = LastNumbers { credential: 9, ..last };
    assert_eq!(store.last_numbers().await.unwrap(), last);
    assert_eq!(make(store, "carol").await, AccountId(42));
}

fn line(target: &str) -> AuditNote {
    AuditNote {
        at: at(1000),
        actor: "user:alice".into(),
        via: "password".into(),
        address: Some("10.0.0.1".into()),
        action: "manifest.push".into(),
        target: target.into(),
        outcome: "ok".into(),
        request: Some("r".into()),
        detail: Some("{}".into()),
        count: 3,
    }
}

fn sealed(id: i64, sequence: u64, target: &str) -> AuditRecord {
    let seal = AuditSeal { sequence, hash: hash(target) };
    AuditRecord { id, note: line(target), seal: Some(seal) }
}

fn open(id: i64, target: &str) -> AuditRecord {
    let note = AuditNote { address: None, request: None, detail: None, ..line(target) };
    AuditRecord { id, note, seal: None }
}

async fn log(store: &impl MetadataStore) -> Vec<AuditRecord> {
    store.audit(AuditFilter::default(), AuditOrder::OldestFirst(None), 1000).await.unwrap()
}

pub(super) async fn a_log_is_restored_with_numbers_and_seals(store: &impl MetadataStore) {
    // Numbers and places follow each other only roughly.
    let lines = vec![sealed(4, 21, "a"), sealed(6, 23, "c"), sealed(7, 22, "b"), open(9, "d")];
    store.restore_audit(lines.clone()).await.unwrap();
    assert_eq!(log(store).await, lines);
    store.restore_audit(lines.clone()).await.unwrap();
    assert_eq!(log(store).await, lines);
    let (last, unsealed) = store.unsealed_audit(Duration::ZERO, 9).await.unwrap();
    assert_eq!((last, unsealed), (lines[1].seal.clone(), vec![lines[3].clone()]));
    // Another end.
    store.remove_audit(6, i64::MAX).await.unwrap();
    assert_eq!(log(store).await, lines[..1]);
    let other = vec![sealed(6, 22, "x"), open(8, "y")];
    store.restore_audit(other.clone()).await.unwrap();
    assert_eq!(log(store).await[1..], other);
    store.remove_audit(1, 4).await.unwrap();
    assert_eq!(log(store).await, other);
}

pub(super) async fn a_long_end_of_the_log_goes_in_steps(store: &impl MetadataStore) {
    store.append_audit((0..1100).map(|n| line(&n.to_string())).collect()).await.unwrap();
    let first = log(store).await[0].clone();
    store.remove_audit(first.id + 1, i64::MAX).await.unwrap();
    assert_eq!(log(store).await, [first]);
}

pub(super) async fn accounts_that_are_held_do_not_change(store: &impl MetadataStore) {
    let bob = make(store, "bob").await;
    let short = store::NewCredential { expires: Some(at(10)), ..token(bob, "short") };
    let short = add_token(store, short).await;
    store.append_audit(vec![line("one"), line("two")]).await.unwrap();
    let (_, lines) = store.unsealed_audit(Duration::ZERO, 9).await.unwrap();
    store.hold_access().await;
    let step = of_user("bob", AccountChange::Disabled(true));
    let tried = store.change_access(vec![step], always(()), vec![], at(1)).await;
    assert!(matches!(tried, Err(WriteError::Store(StoreError::Busy(_)))), "{tried:?}");
    // What happened, and when, is noted all the same, and stays.
    store.note_use(vec![(short, at(5))]).await.unwrap();
    store.append_audit(vec![line("three")]).await.unwrap();
    let seals = lines.iter().zip(1..);
    let seals = seals.map(|(line, n)| (line.id, AuditSeal { sequence: n, hash: [7; 32] }));
    assert!(store.seal_audit(None, seals.collect()).await.unwrap());
    assert_eq!(store.prune_audit(Some(at(9000)), None, None, 9).await.unwrap(), 0);
    assert_eq!(store.remove_ended_credentials(at(9000), 9).await.unwrap(), 0);
    assert_eq!(log(store).await.len(), 3);
    store.release_access().await;
    assert_eq!(store.remove_ended_credentials(at(9000), 9).await.unwrap(), 1);
    assert_eq!(store.prune_audit(Some(at(9000)), None, None, 9).await.unwrap(), 1);
    change(store, vec![of_user("bob", AccountChange::Disabled(true))]).await;
}
