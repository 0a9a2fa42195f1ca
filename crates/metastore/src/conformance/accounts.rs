//! Accounts and teams.

use store::{
    AccessChange, AccessRefusal, AccountChange, AccountId, AccountKind, AccountRecord, AuditFilter,
    AuditOrder, ChangedAccess, CredentialId, CredentialKind, NewAccount, NewCredential, Refusal,
    SecretHash, TeamRecord,
};

use super::MetadataStore;
use super::fixture::*;

use AccessRefusal::{Exists, Unknown};
use AccountKind::{Robot, User};

pub(super) fn new(kind: AccountKind, name: &str) -> NewAccount {
    let (name, source) = (name.to_owned(), "local".to_owned());
    NewAccount { kind, name, source, source_id: None, is_admin: false, secret: None, expires: None }
}

pub(super) fn add(kind: AccountKind, name: &str) -> AccessChange {
    AccessChange::AddAccount(new(kind, name))
}

pub(super) fn user(name: &str) -> AccessChange {
    add(User, name)
}

pub(super) fn admin(name: &str) -> AccessChange {
    AccessChange::AddAccount(NewAccount { is_admin: true, ..new(User, name) })
}

pub(super) fn team(name: &str) -> AccessChange {
    AccessChange::AddTeam(name.into())
}

pub(super) fn join(team: &str, user: &str) -> AccessChange {
    AccessChange::AddMember { team: team.into(), user: user.into() }
}

pub(super) fn of_user(name: &str, change: AccountChange) -> AccessChange {
    AccessChange::ChangeAccount(User, name.into(), change)
}

pub(super) fn token(account: AccountId, secret: &str) -> NewCredential {
    NewCredential {
        account,
        kind: CredentialKind::Personal,
        hash: hash(secret),
        label: secret.into(),
        scopes: vec![],
        expires: None,
    }
}

pub(super) fn hash(secret: &str) -> [u8; 32] {
    sha256(secret).to_column()[1..].try_into().unwrap()
}

pub(super) async fn change(store: &impl MetadataStore, steps: Vec<AccessChange>) -> ChangedAccess {
    store.change_access(steps, always(()), vec![], at(1000)).await.unwrap()
}

pub(super) async fn refusal(store: &impl MetadataStore, steps: Vec<AccessChange>) -> AccessRefusal {
    match refused(store.change_access(steps, always(()), vec![], at(1000)).await) {
        Refusal::Access(refusal) => refusal,
        other => panic!("expected a refusal about accounts, got {other:?}"),
    }
}

pub(super) async fn find(store: &impl MetadataStore, name: &str) -> AccountRecord {
    store.account(User, name).await.unwrap().unwrap()
}

/// Makes a user; their number.
pub(super) async fn make(store: &impl MetadataStore, name: &str) -> AccountId {
    AccountId(change(store, vec![user(name)]).await.made[0].unwrap())
}

pub(super) async fn add_token(store: &impl MetadataStore, new: NewCredential) -> CredentialId {
    CredentialId(change(store, vec![AccessChange::AddCredential(new)]).await.made[0].unwrap())
}

pub(super) async fn an_account_is_read_back_as_it_was_made(store: &impl MetadataStore) {
    let whole = NewAccount {
        is_admin: true,
        secret: Some(SecretHash("$argon2id$x".into())),
        expires: Some(at(9000)),
        source: "ldap".into(),
        source_id: Some("uid=alice".into()),
        ..new(User, "alice")
    };
    let steps = vec![AccessChange::AddAccount(whole), add(Robot, "alice"), team("web")];
    let changed = change(store, steps).await;
    let [Some(id), Some(robot), None] = changed.made[..] else { panic!("{changed:?}") };
    let expected = AccountRecord {
        id: AccountId(id),
        kind: User,
        name: "alice".into(),
        source: "ldap".into(),
        source_id: Some("uid=alice".into()),
        is_admin: true,
        is_disabled: false,
        secret: Some(SecretHash("$argon2id$x".into())),
        epoch: find(store, "alice").await.epoch,
        expires: Some(at(9000)),
        created: at(1000),
        teams: vec![],
        groups: vec![],
    };
    assert_eq!(store.account(User, "alice").await.unwrap().as_ref(), Some(&expected));
    assert_eq!(store.account_by_id(AccountId(id)).await.unwrap(), Some(expected));
    let other = store.account(Robot, "alice").await.unwrap().unwrap();
    assert_eq!((other.id, other.kind, other.secret), (AccountId(robot), Robot, None));
    assert_eq!(store.account_by_id(AccountId(id.max(robot) + 1)).await.unwrap(), None);
}

pub(super) async fn a_number_is_never_given_twice(store: &impl MetadataStore) {
    let first = make(store, "alice").await;
    let old = add_token(store, token(first, "one")).await;
    change(store, vec![AccessChange::RemoveAccount(User, "alice".into())]).await;
    let second = make(store, "alice").await;
    assert!(second > first, "{second:?} after {first:?}");
    let next = add_token(store, token(second, "one")).await;
    assert!(next > old, "{next:?} after {old:?}");
    change(store, vec![AccessChange::RemoveCredential { account: None, id: next }]).await;
    assert!(add_token(store, token(second, "one")).await > next);
    assert_eq!(store.account_by_id(first).await.unwrap(), None);
    assert_eq!(store.credential_by_id(old).await.unwrap(), None);
}

pub(super) async fn what_is_there_is_not_made_again(store: &impl MetadataStore) {
    let alice = make(store, "alice").await;
    change(store, vec![add(Robot, "team/web+ci"), team("web")]).await;
    let id = add_token(store, token(alice, "one")).await.0;
    let again = [
        (user("alice"), "user alice".to_owned()),
        (add(Robot, "team/web+ci"), "robot team/web+ci".into()),
        (team("web"), "team web".into()),
        (AccessChange::AddCredential(token(alice, "one")), format!("token {id}")),
    ];
    for (step, what) in again {
        assert_eq!(refusal(store, vec![step]).await, Exists(what));
    }
}

pub(super) async fn what_is_not_there_is_named(store: &impl MetadataStore) {
    change(store, vec![user("alice"), team("web")]).await;
    let leave = |team: &str, user: &str| AccessChange::RemoveMember {
        team: team.into(),
        user: user.into(),
    };
    let gone = AccessChange::RemoveCredential { account: None, id: CredentialId(17) };
    let missing = [
        (of_user("bob", AccountChange::Disabled(true)), "user bob"),
        (AccessChange::RemoveAccount(Robot, "alice".into()), "robot alice"),
        (AccessChange::RemoveTeam("dev".into()), "team dev"),
        (join("dev", "alice"), "team dev"),
        (join("web", "bob"), "user bob"),
        (leave("dev", "alice"), "team dev"),
        (leave("web", "bob"), "user bob"),
        (AccessChange::AddCredential(token(AccountId(4711), "x")), "account 4711"),
        (gone, "token 17"),
        (AccessChange::RemoveRole("developer".into()), "role developer"),
    ];
    for (step, what) in missing {
        assert_eq!(refusal(store, vec![step]).await, Unknown(what.into()));
    }
}

pub(super) async fn every_change_of_an_account_is_kept(store: &impl MetadataStore) {
    make(store, "alice").await;
    let before = find(store, "alice").await;
    let secret = SecretHash("new".into());
    let changes = [
        AccountChange::Disabled(true),
        AccountChange::Admin(true),
        AccountChange::Expires(Some(at(5))),
        AccountChange::Secret(Some(secret.clone())),
    ];
    change(store, changes.map(|change| of_user("alice", change)).into()).await;
    let expected = AccountRecord {
        is_disabled: true,
        is_admin: true,
        expires: Some(at(5)),
        secret: Some(secret),
        // Once for being disabled, once for the secret.
        epoch: before.epoch + 2,
        ..before.clone()
    };
    assert_eq!(find(store, "alice").await, expected);
    let back = [
        AccountChange::Disabled(false),
        AccountChange::Admin(false),
        AccountChange::Expires(None),
        AccountChange::Secret(None),
    ];
    change(store, back.map(|change| of_user("alice", change)).into()).await;
    assert_eq!(find(store, "alice").await, AccountRecord { epoch: before.epoch + 3, ..before });
}

pub(super) async fn groups_are_replaced_as_a_whole(store: &impl MetadataStore) {
    change(store, vec![user("alice"), user("bob")]).await;
    let groups = |names: &[&str]| {
        AccountChange::Groups(names.iter().map(|name| (*name).to_owned()).collect())
    };
    change(store, vec![of_user("bob", groups(&["oidc/devs"]))]).await;
    for told in [&["oidc/devs", "oidc/a\"b\\", "oidc/devs", "ldap/x,y"][..], &["oidc/ops"], &[]] {
        change(store, vec![of_user("alice", groups(told))]).await;
        let mut expected: Vec<String> = told.iter().map(|name| (*name).to_owned()).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(find(store, "alice").await.groups, expected);
    }
    assert_eq!(find(store, "bob").await.groups, ["oidc/devs"]);
}

pub(super) async fn an_account_is_bound_to_one_at_its_source(store: &impl MetadataStore) {
    change(store, vec![user("alice"), user("bob")]).await;
    let bind = |id: &str| vec![of_user("alice", AccountChange::SourceId(id.into()))];
    for _ in 0..2 {
        change(store, bind("id-1")).await;
        assert_eq!(find(store, "alice").await.source_id.as_deref(), Some("id-1"));
    }
    assert_eq!(refusal(store, bind("id-2")).await, Exists("user alice".into()));
    assert_eq!(find(store, "alice").await.source_id.as_deref(), Some("id-1"));
    assert_eq!(find(store, "bob").await.source_id, None);
}

pub(super) async fn accounts_come_in_pages_in_byte_order(store: &impl MetadataStore) {
    let names = ["b", "a_b", "a", "B", "a-b", "é"];
    let mut steps: Vec<_> = names.into_iter().map(user).collect();
    steps.push(add(Robot, "ab"));
    change(store, steps).await;
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let page = store.accounts(User, after, limit).await.unwrap();
        page.into_iter().map(|account| account.name).collect()
    };
    assert_eq!(page(None, 100).await, ["B", "a", "a-b", "a_b", "b", "é"]);
    assert_eq!(page(None, 2).await, ["B", "a"]);
    assert_eq!(page(Some("a"), 2).await, ["a-b", "a_b"]);
    assert_eq!(page(Some("aa"), 9).await, ["b", "é"]);
    assert_eq!(page(Some("é"), 9).await, [""; 0]);
    assert_eq!(page(None, 0).await, [""; 0]);
}

pub(super) async fn a_page_of_accounts_has_at_most_a_thousand(store: &impl MetadataStore) {
    let users = (0..1001).map(|number| user(&format!("u{number:04}")));
    let teams = (0..1001).map(|number| team(&format!("t{number:04}")));
    for steps in users.chain(teams).collect::<Vec<_>>().chunks(200) {
        change(store, steps.to_vec()).await;
    }
    let accounts = store.accounts(User, None, 5000).await.unwrap();
    assert_eq!((accounts.len(), accounts[999].name.as_str()), (1000, "u0999"));
    let teams = store.teams(None, 5000).await.unwrap();
    assert_eq!((teams.len(), teams[999].name.as_str()), (1000, "t0999"));
}

pub(super) async fn names_are_found_exactly(store: &impl MetadataStore) {
    let names = ["a_b", "aXb", "a%", "ab", r"a\b", "a'b", "a\"b", "A_B", "a b", "a_b "];
    for name in names {
        change(store, vec![user(name), team(name), join(name, name)]).await;
    }
    for name in names {
        let found = find(store, name).await;
        assert_eq!((found.name.as_str(), &found.teams[..]), (name, &[name.to_owned()][..]));
    }
    for name in names {
        let removal = vec![AccessChange::RemoveAccount(User, name.into())];
        change(store, removal).await;
        assert_eq!(store.account(User, name).await.unwrap(), None);
    }
    for name in ["a", "%", "a_", "", "a\0b"] {
        assert_eq!(store.account(User, name).await.unwrap(), None, "{name:?}");
    }
    let members = store.teams(None, 100).await.unwrap();
    assert!(members.iter().all(|team| team.members.is_empty()), "{members:?}");
}

pub(super) async fn a_team_knows_its_members(store: &impl MetadataStore) {
    let steps = ["bob", "alice", "A"].map(user).into_iter().chain(["web", "dev", "all"].map(team));
    let joins = ["bob", "alice", "A", "bob"].map(|name| join("web", name));
    change(store, steps.chain(joins).chain([join("all", "bob")]).collect()).await;
    let teams = async |after, limit| store.teams(after, limit).await.unwrap();
    let record = |name: &str, members: &[&str]| TeamRecord {
        name: name.into(),
        members: members.iter().map(|name| (*name).into()).collect(),
        created: at(1000),
    };
    let all = [record("all", &["bob"]), record("dev", &[]), record("web", &["A", "alice", "bob"])];
    assert_eq!(teams(None, 10).await, all);
    assert_eq!(teams(Some("all"), 1).await, all[1..2]);
    assert_eq!(find(store, "bob").await.teams, ["all", "web"]);
    let (team, user) = ("web".to_owned(), "bob".to_owned());
    let leave = AccessChange::RemoveMember { team, user };
    change(store, vec![leave.clone(), leave]).await;
    assert_eq!(find(store, "bob").await.teams, ["all"]);
    change(store, vec![AccessChange::RemoveTeam("all".into())]).await;
    assert_eq!(find(store, "bob").await.teams, [""; 0]);
}

pub(super) async fn of_two_writers_of_one_name_one_wins(store: &impl MetadataStore) {
    for round in 0..10 {
        let name = format!("user{round}");
        let make = || store.change_access(vec![user(&name)], always(()), vec![], at(1000));
        let outcomes = tokio::join!(make(), make());
        let refusals = [outcomes.0.err(), outcomes.1.err()].into_iter().flatten();
        let refusals: Vec<_> = refusals.map(|error| refused::<()>(Err(error))).collect();
        assert_eq!(refusals, [Refusal::Access(Exists(format!("user {name}")))]);
    }
    assert_eq!(store.access_version().await.unwrap(), 10);
    assert_eq!(
        store.audit(AuditFilter::default(), AuditOrder::NewestFirst(None), 1).await.unwrap(),
        []
    );
}
