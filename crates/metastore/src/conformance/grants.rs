//! Roles, grants, visibility, and what holds for every change of access.

use std::time::Duration;

use store::{
    AccessChange, AccessFacts, AccessRefusal, AccountChange, AccountKind, AuditFilter, AuditNote,
    AuditOrder, GrantRecord, NewAccount, PolicyRecord, Refusal, RoleRecord, VisibilityRecord,
};

use super::MetadataStore;
use super::accounts::*;
use super::fixture::*;

use AccessRefusal::{InUse, Unknown};

fn record(subject: &str, role: &str, pattern: &str) -> GrantRecord {
    GrantRecord { subject: subject.into(), role: role.into(), pattern: pattern.into() }
}

fn grant(subject: &str, role: &str, pattern: &str) -> AccessChange {
    let is_named_role = role == "tester";
    AccessChange::AddGrant { grant: record(subject, role, pattern), is_named_role }
}

fn role(name: &str, actions: &[&str]) -> RoleRecord {
    RoleRecord {
        name: name.into(),
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
    }
}

fn show(pattern: &str, visibility: Option<&str>) -> AccessChange {
    AccessChange::SetVisibility {
        pattern: pattern.into(),
        visibility: visibility.map(str::to_owned),
    }
}

async fn grants(store: &impl MetadataStore) -> Vec<GrantRecord> {
    store.policy().await.unwrap().grants
}

fn note(action: &str) -> AuditNote {
    super::audit::note(1000, "operator", action, "user:alice")
}

pub(super) async fn an_empty_store_has_an_empty_policy(store: &impl MetadataStore) {
    assert_eq!(store.policy().await.unwrap(), PolicyRecord::default());
    assert_eq!(store.access_version().await.unwrap(), 0);
}

pub(super) async fn a_policy_is_whole_and_in_order(store: &impl MetadataStore) {
    let steps = vec![
        user("bob"),
        user("Zoe"),
        team("web"),
        AccessChange::PutRole(role("tester", &["pull"])),
        AccessChange::PutRole(role("tester", &["pull", "push"])),
        AccessChange::PutRole(role("Reader", &[])),
        grant("user:bob", "guest", "b/**"),
        grant("user:bob", "tester", "a/**"),
        grant("user:bob", "guest", "a/**"),
        grant("user:Zoe", "owner", "%_\\'"),
        grant("team:web", "owner", "x"),
        grant("team:web", "owner", "x"),
        show("z", Some("private")),
        show("a/**", Some("internal")),
        show("a/**", Some("public")),
    ];
    let changed = change(store, steps).await;
    let visibility = |pattern: &str, visibility: &str| VisibilityRecord {
        pattern: pattern.into(),
        visibility: visibility.into(),
    };
    let expected = PolicyRecord {
        version: changed.version,
        roles: vec![role("Reader", &[]), role("tester", &["pull", "push"])],
        grants: vec![
            record("team:web", "owner", "x"),
            record("user:Zoe", "owner", "%_\\'"),
            record("user:bob", "guest", "a/**"),
            record("user:bob", "tester", "a/**"),
            record("user:bob", "guest", "b/**"),
        ],
        visibilities: vec![visibility("a/**", "public"), visibility("z", "private")],
    };
    assert_eq!(store.policy().await.unwrap(), expected);
}

pub(super) async fn a_grant_needs_its_subject_and_its_named_role(store: &impl MetadataStore) {
    let absent = [
        ("user:alice", "guest", "user alice"),
        ("robot:ci", "guest", "robot ci"),
        ("team:web", "guest", "team web"),
        ("anonymous", "tester", "role tester"),
    ];
    for (subject, role, what) in absent {
        let refused = refusal(store, vec![grant(subject, role, "a")]).await;
        assert_eq!(refused, Unknown(what.into()));
    }
    let free = ["group:oidc/devs", "signed-in", "anonymous"];
    change(store, free.map(|subject| grant(subject, "guest", "a")).into()).await;
    let steps = vec![
        user("alice"),
        add(AccountKind::Robot, "ci"),
        team("web"),
        AccessChange::PutRole(role("tester", &["pull"])),
    ];
    change(store, steps).await;
    let named = ["user:alice", "robot:ci", "team:web"];
    change(store, named.map(|subject| grant(subject, "tester", "a")).into()).await;
    assert_eq!(grants(store).await.len(), 6);
}

pub(super) async fn only_the_very_grant_is_revoked(store: &impl MetadataStore) {
    let all = [
        ("anonymous", "guest", "a_b"),
        ("anonymous", "guest", "aXb"),
        ("anonymous", "owner", "a_b"),
    ];
    change(store, all.map(|(subject, role, pattern)| grant(subject, role, pattern)).into()).await;
    let revoke = || vec![AccessChange::RemoveGrant(record("anonymous", "guest", "a_b"))];
    change(store, revoke()).await;
    let left = [record("anonymous", "guest", "aXb"), record("anonymous", "owner", "a_b")];
    assert_eq!(grants(store).await, left);
    let refused = refusal(store, revoke()).await;
    assert_eq!(refused, Unknown("grant anonymous guest a_b".into()));
}

pub(super) async fn a_role_in_use_stays(store: &impl MetadataStore) {
    let made = AccessChange::PutRole(role("tester", &["pull"]));
    change(store, vec![made, grant("anonymous", "tester", "a")]).await;
    let remove = || AccessChange::RemoveRole("tester".into());
    assert_eq!(refusal(store, vec![remove()]).await, InUse("role tester".into()));
    assert_eq!(store.policy().await.unwrap().roles.len(), 1);
    let revoke = AccessChange::RemoveGrant(record("anonymous", "tester", "a"));
    change(store, vec![revoke, remove()]).await;
    assert_eq!(store.policy().await.unwrap().roles, []);
}

pub(super) async fn a_visibility_is_taken_away_once(store: &impl MetadataStore) {
    change(store, vec![show("a_b", Some("public")), show("aXb", Some("public"))]).await;
    change(store, vec![show("a_b", None)]).await;
    let left = store.policy().await.unwrap().visibilities;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].pattern, "aXb");
    let refused = refusal(store, vec![show("a_b", None)]).await;
    assert_eq!(refused, Unknown("visibility of a_b".into()));
}

pub(super) async fn a_removed_account_takes_everything_along(store: &impl MetadataStore) {
    let groups = AccountChange::Groups(vec!["oidc/devs".into()]);
    let steps = vec![
        user("alice"),
        user("alice2"),
        add(AccountKind::Robot, "alice"),
        team("web"),
        join("web", "alice"),
        of_user("alice", groups),
        grant("user:alice", "owner", "a"),
        grant("user:alice2", "owner", "a"),
        grant("robot:alice", "owner", "a"),
    ];
    let made = change(store, steps).await.made;
    let alice = store::AccountId(made[0].unwrap());
    change(store, vec![AccessChange::AddCredential(token(alice, "one"))]).await;
    change(store, vec![AccessChange::RemoveAccount(AccountKind::User, "alice".into())]).await;
    assert_eq!(store.credential(&hash("one")).await.unwrap(), None);
    assert_eq!(store.credentials(alice).await.unwrap(), []);
    let left = [record("robot:alice", "owner", "a"), record("user:alice2", "owner", "a")];
    assert_eq!(grants(store).await, left);
    assert_eq!(store.teams(None, 10).await.unwrap()[0].members, [""; 0]);
    change(store, vec![user("alice")]).await;
    let again = find(store, "alice").await;
    assert_eq!((again.teams, again.groups), (vec![], vec![]));
}

pub(super) async fn a_removed_team_takes_its_grants_along(store: &impl MetadataStore) {
    let steps = vec![
        user("web"),
        team("web"),
        team("web2"),
        grant("team:web", "owner", "a"),
        grant("team:web2", "owner", "a"),
        grant("user:web", "owner", "a"),
    ];
    change(store, steps).await;
    change(store, vec![AccessChange::RemoveTeam("web".into())]).await;
    let left = [record("team:web2", "owner", "a"), record("user:web", "owner", "a")];
    assert_eq!(grants(store).await, left);
}

pub(super) async fn the_rule_sees_how_it_would_be(store: &impl MetadataStore) {
    let robot = NewAccount { is_admin: true, ..new(AccountKind::Robot, "root") };
    let steps = vec![
        admin("alice"),
        admin("bob"),
        AccessChange::AddAccount(robot),
        of_user("bob", AccountChange::Disabled(true)),
        grant("anonymous", "guest", "a"),
        show("a", Some("public")),
        show("b", Some("public")),
    ];
    let facts =
        AccessFacts { admins_before: 0, admins_after: 1, grants_after: 1, visibilities_after: 2 };
    store.change_access(steps, expecting(facts, ()), vec![], at(1000)).await.unwrap();
    let steps = vec![
        of_user("bob", AccountChange::Disabled(false)),
        AccessChange::RemoveAccount(AccountKind::User, "alice".into()),
        of_user("bob", AccountChange::Admin(false)),
        AccessChange::RemoveGrant(record("anonymous", "guest", "a")),
        show("a", Some("private")),
        show("b", None),
    ];
    let facts =
        AccessFacts { admins_before: 1, admins_after: 0, grants_after: 0, visibilities_after: 1 };
    store.change_access(steps, expecting(facts, ()), vec![], at(1000)).await.unwrap();
}

pub(super) async fn of_two_who_take_the_last_admin_away_one_is_refused(store: &impl MetadataStore) {
    let why = Refusal::Access(AccessRefusal::Rule("the last one"));
    let disable = |name: &str, disabled: bool| {
        let refusal = why.clone();
        let rule = move |facts: &AccessFacts| match facts.admins_after {
            0 => Err(refusal.clone()),
            _ => Ok(()),
        };
        let steps = vec![of_user(name, AccountChange::Disabled(disabled))];
        store.change_access(steps, Box::new(rule), vec![], at(1))
    };
    change(store, vec![admin("alice"), admin("bob")]).await;
    for _ in 0..10 {
        let outcomes = tokio::join!(disable("alice", true), disable("bob", true));
        let refusals = [outcomes.0.err(), outcomes.1.err()].into_iter().flatten();
        let refusals: Vec<_> = refusals.map(|error| refused::<()>(Err(error))).collect();
        assert_eq!(refusals, std::slice::from_ref(&why));
        change(
            store,
            ["alice", "bob"].map(|name| of_user(name, AccountChange::Disabled(false))).into(),
        )
        .await;
    }
}

pub(super) async fn a_refused_change_leaves_nothing(store: &impl MetadataStore) {
    change(store, vec![user("alice"), grant("anonymous", "guest", "a")]).await;
    let before = (store.policy().await.unwrap(), find(store, "alice").await);
    let steps = || {
        vec![
            user("bob"),
            team("web"),
            of_user("alice", AccountChange::Secret(None)),
            grant("user:bob", "guest", "a"),
            AccessChange::RemoveGrant(record("anonymous", "guest", "a")),
            show("a", Some("public")),
        ]
    };
    let why = Refusal::Access(AccessRefusal::Rule("no"));
    let by_rule =
        store.change_access(steps(), never(why.clone()), vec![note("user.add")], at(1)).await;
    assert_eq!(refused(by_rule), why);
    let last = AccessChange::RemoveTeam("dev".into());
    let steps = steps().into_iter().chain([last]).collect();
    let by_step = store.change_access(steps, always(()), vec![note("user.add")], at(1)).await;
    assert_eq!(refused(by_step), Refusal::Access(Unknown("team dev".into())));
    assert_eq!((store.policy().await.unwrap(), find(store, "alice").await), before);
    assert_eq!(store.account(AccountKind::User, "bob").await.unwrap(), None);
    assert_eq!(store.teams(None, 10).await.unwrap(), []);
    let lines = store.audit(AuditFilter::default(), AuditOrder::OldestFirst(None), 10).await;
    assert_eq!(lines.unwrap(), []);
}

pub(super) async fn each_change_raises_the_version_by_one(store: &impl MetadataStore) {
    assert_eq!(change(store, vec![]).await.version, 0, "nothing was changed");
    let changes = [
        vec![user("alice"), user("bob"), team("web")],
        vec![join("web", "alice")],
        vec![show("a", Some("public"))],
    ];
    for (index, steps) in (1..).zip(changes) {
        assert_eq!(change(store, steps).await.version, index);
        assert_eq!(store.access_version().await.unwrap(), index);
        assert_eq!(store.policy().await.unwrap().version, index);
    }
}

pub(super) async fn what_was_decided_by_an_older_version_is_refused(store: &impl MetadataStore) {
    let as_of = |version| AccessChange::AsOf { version };
    let made = change(store, vec![user("alice"), as_of(0)]).await;
    assert_eq!((made.version, made.made.len(), made.made[1]), (1, 2, None));
    for version in [0, 2] {
        let steps = vec![user("bob"), as_of(version), team("web")];
        assert_eq!(refusal(store, steps).await, AccessRefusal::Stale);
    }
    assert_eq!(store.account(AccountKind::User, "bob").await.unwrap(), None);
    assert_eq!(change(store, vec![as_of(1)]).await.version, 1, "asking changes nothing");
}

pub(super) async fn of_two_who_decided_by_one_version_one_is_refused(store: &impl MetadataStore) {
    for round in 0..10 {
        let decided = |name: &str| {
            let steps =
                vec![AccessChange::AsOf { version: round }, team(&format!("{name}{round}"))];
            store.change_access(steps, always(()), vec![], at(1000))
        };
        let outcomes = tokio::join!(decided("one"), decided("other"));
        let refusals = [outcomes.0.err(), outcomes.1.err()].into_iter().flatten();
        let refusals: Vec<_> = refusals.map(|error| refused::<()>(Err(error))).collect();
        assert_eq!(refusals, [Refusal::Access(AccessRefusal::Stale)]);
    }
    assert_eq!(store.teams(None, 100).await.unwrap().len(), 10);
}

pub(super) async fn a_change_writes_its_lines_without_a_seal(store: &impl MetadataStore) {
    let notes = vec![note("user.add"), note("user.passwd")];
    store.change_access(vec![user("alice")], always(()), notes.clone(), at(1)).await.unwrap();
    let (last, lines) = store.unsealed_audit(Duration::ZERO, 10).await.unwrap();
    assert_eq!(last, None);
    assert_eq!(lines.into_iter().map(|line| line.note).collect::<Vec<_>>(), notes);
}

pub(super) async fn whoever_waits_is_woken_by_a_change(store: &impl MetadataStore) {
    let waiting = tokio::time::timeout(Duration::from_secs(20), store.access_changed());
    let (woken, _) = tokio::join!(waiting, change(store, vec![user("alice")]));
    assert!(woken.is_ok(), "nobody said that there was a change");
}
