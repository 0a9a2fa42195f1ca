//! Accounts, what they may do, and the log of it.

use store::{
    AccessChange, AccountChange, AccountId, AccountKind, AccountStore, AccountWalk, AuditFilter,
    AuditNote, AuditOrder, AuditRecord, AuditSeal, AuditStore, CredentialKind, GrantRecord,
    LastNumbers, NewAccount, NewCredential, RoleRecord, SecretHash, Timestamp,
};

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn account(kind: AccountKind, name: &str) -> AccessChange {
    AccessChange::AddAccount(NewAccount {
        kind,
        name: name.to_owned(),
        source: "local".to_owned(),
        source_id: Some(format!("uid={name}")),
        is_admin: name == "ann",
        secret: Some(SecretHash(format!("$hash-of-{name}"))),
        expires: None,
    })
}

fn token(account: i64, number: u8) -> AccessChange {
    AccessChange::AddCredential(NewCredential {
        account: AccountId(account),
        kind: CredentialKind::Personal,
        hash: [number; 32],
        label: format!("token {number}"),
        scopes: vec!["pull:team/**".to_owned()],
        expires: Some(at(1 << 50)),
    })
}

fn grant(subject: &str) -> AccessChange {
    let grant = GrantRecord {
        subject: subject.to_owned(),
        role: "tester".to_owned(),
        pattern: "team/**".to_owned(),
    };
    AccessChange::AddGrant { grant, is_named_role: true }
}

fn line(target: &str) -> AuditNote {
    AuditNote {
        at: at(1000),
        actor: "user:ann".to_owned(),
        via: "password".to_owned(),
        address: None,
        action: "manifest.push".to_owned(),
        target: target.to_owned(),
        outcome: "ok".to_owned(),
        request: None,
        detail: None,
        count: 1,
    }
}

async fn change(house: &House, step: AccessChange) -> i64 {
    let note = line(&format!("{:?}", std::mem::discriminant(&step)));
    let made = house.meta.change_access(vec![step], Box::new(|_| Ok(())), vec![note], at(500));
    made.await.unwrap().made[0].unwrap_or_default()
}

async fn write(house: &House, target: &str) {
    house.meta.append_audit(vec![line(target)]).await.unwrap();
}

async fn log(house: &House) -> Vec<AuditRecord> {
    let order = AuditOrder::OldestFirst(None);
    house.meta.audit(AuditFilter::default(), order, 1000).await.unwrap()
}

/// Seals what has no seal.
async fn seal(house: &House, hash: u8) {
    let (last, lines) = house.meta.unsealed_audit(Duration::ZERO, 1000).await.unwrap();
    let first = last.as_ref().map_or(1, |last| last.sequence + 1);
    let seals = lines.iter().zip(first..);
    let seals = seals.map(|(line, sequence)| (line.id, AuditSeal { sequence, hash: [hash; 32] }));
    assert!(house.meta.seal_audit(last, seals.collect()).await.unwrap());
}

/// Everything about accounts, in lines.
async fn access(house: &House) -> Vec<String> {
    let mut lines = Vec::new();
    for account in house.meta.walk_accounts(Page::first(1000)).await.unwrap() {
        lines.push(format!("{account:?} {:?}", account.secret.as_ref().map(|secret| &secret.0)));
    }
    for token in house.meta.walk_credentials(Page::first(1000)).await.unwrap() {
        lines.push(format!("{token:?} {:?}", token.hash));
    }
    for team in house.meta.teams(None, 1000).await.unwrap() {
        lines.push(format!("{team:?}"));
    }
    let policy = house.meta.policy().await.unwrap();
    lines.push(format!("{:?} {:?} {:?}", policy.roles, policy.grants, policy.visibilities));
    lines
}

/// Ann, who administers and has tokens, a robot and what they may do. Numbers have holes.
async fn inhabit(house: &House) {
    let ann = change(house, account(AccountKind::User, "ann")).await;
    change(house, account(AccountKind::User, "gone")).await;
    change(house, AccessChange::RemoveAccount(AccountKind::User, "gone".to_owned())).await;
    let robot = change(house, account(AccountKind::Robot, "ci")).await;
    for team in ["web", "db"] {
        change(house, AccessChange::AddTeam(team.to_owned())).await;
        let (team, user) = (team.to_owned(), "ann".to_owned());
        change(house, AccessChange::AddMember { team, user }).await;
    }
    let groups = AccountChange::Groups(vec!["oidc/devs".to_owned()]);
    change(house, AccessChange::ChangeAccount(AccountKind::User, "ann".to_owned(), groups)).await;
    change(house, token(ann, 1)).await;
    let second = change(house, token(robot, 2)).await;
    let used = (store::CredentialId(second), at(900));
    house.meta.note_use(vec![used]).await.unwrap();
    let role = RoleRecord { name: "tester".to_owned(), actions: vec!["pull".to_owned()] };
    change(house, AccessChange::PutRole(role)).await;
    change(house, grant("team:web")).await;
    change(house, grant("robot:ci")).await;
    let (pattern, visibility) = ("public/**".to_owned(), Some("public".to_owned()));
    change(house, AccessChange::SetVisibility { pattern, visibility }).await;
    seal(house, 1).await;
    write(house, "not sealed yet").await;
}

#[tokio::test]
async fn accounts_arrive_with_numbers_secrets_and_tokens_and_the_log_with_its_seals() {
    let (from, to) = (House::new(), House::new());
    furnish(&from).await;
    inhabit(&from).await;
    let version = to.meta.access_version().await.unwrap();
    let report = carry(&from, &to).await;
    assert_eq!(access(&to).await, access(&from).await);
    assert_eq!(log(&to).await, log(&from).await);
    assert!(log(&to).await.len() > 10);
    assert_eq!((report.holds.accounts, report.holds.grants), (2, 2));
    assert_eq!(report.lines, log(&from).await.len() as u64);
    assert_eq!((report.moved.access, report.moved.lines), (10, report.lines));
    assert!(to.meta.access_version().await.unwrap() > version);
    // Numbers go on above those of the source, also where the last is gone.
    let last = LastNumbers { account: 3, credential: 2, line: report.lines.cast_signed() };
    assert_eq!(to.meta.last_numbers().await.unwrap(), last);
    assert_eq!(change(&to, account(AccountKind::User, "bob")).await, 4);
}

#[tokio::test]
async fn a_second_move_brings_what_changed_and_removes_what_is_gone() {
    let (from, to) = (House::new(), House::new());
    inhabit(&from).await;
    carry(&from, &to).await;
    let again = carry_on(&from, &to).await.unwrap();
    assert_eq!(again.moved, Moved::default());
    let secret = AccountChange::Secret(Some(SecretHash("$new".to_owned())));
    change(&from, AccessChange::ChangeAccount(AccountKind::User, "ann".to_owned(), secret)).await;
    change(&from, AccessChange::RemoveAccount(AccountKind::Robot, "ci".to_owned())).await;
    change(&from, AccessChange::RemoveTeam("db".to_owned())).await;
    // The same name, another account.
    change(&from, account(AccountKind::Robot, "ci")).await;
    seal(&from, 2).await;
    assert_eq!(from.meta.prune_audit(Some(at(2000)), None, None, 3).await.unwrap(), 3);
    let report = carry_on(&from, &to).await.unwrap();
    assert_eq!(access(&to).await, access(&from).await);
    assert_eq!(log(&to).await, log(&from).await);
    assert_eq!((report.holds.accounts, report.holds.grants), (2, 1));
}

#[tokio::test]
async fn a_target_with_accounts_or_a_log_of_its_own_is_refused() {
    let (from, to) = (House::new(), House::new());
    inhabit(&from).await;
    change(&to, account(AccountKind::User, "own")).await;
    let failed = run(&plan(&from, &to, Source::Still)).await.unwrap_err();
    assert!(failed.to_string().contains("accounts or an audit log of its own, user own for one"));
    assert!(matches!(carry_on(&from, &to).await, Err(TransferError::NotATwin)));
    change(&to, AccessChange::RemoveAccount(AccountKind::User, "own".to_owned())).await;
    let failed = run(&plan(&from, &to, Source::Still)).await.unwrap_err();
    assert!(failed.to_string().contains("audit log of its own, line 1 of it for one"), "{failed}");
    // A copy whose accounts have changed is no copy any more.
    let copy = House::new();
    carry(&from, &copy).await;
    change(&copy, account(AccountKind::User, "later")).await;
    assert!(matches!(carry_on(&from, &copy).await, Err(TransferError::Changed)));
}

#[tokio::test]
async fn what_servers_write_down_after_the_freeze_arrives_and_accounts_stand_still() {
    let (from, to) = (Arc::new(House::new()), House::new());
    inhabit(&from).await;
    let moment = LastMoment::of(&from);
    let late = {
        let from = from.clone();
        let gate = moment.gate.clone();
        tokio::spawn(async move {
            while !gate.is_frozen() {
                tokio::task::yield_now().await;
            }
            write(&from, "of the last push").await;
        })
    };
    let report = run(&plan(&from, &to, Source::Serving(moment))).await.unwrap();
    late.await.unwrap();
    let lines = log(&to).await;
    assert_eq!(lines.last().unwrap().note.target, "of the last push");
    assert_eq!((lines.len() as u64, &lines), (report.lines, &log(&from).await));
    assert_eq!(access(&to).await, access(&from).await);
    let bob = vec![account(AccountKind::User, "bob")];
    let tried = from.meta.change_access(bob, Box::new(|_| Ok(())), vec![], at(1)).await;
    assert!(matches!(tried, Err(WriteError::Store(StoreError::Busy(_)))), "{tried:?}");
    // What the old registry does from now on is its own, and gives way when it is moved back to.
    write(&from, "a pull from the old one").await;
    seal(&from, 3).await;
    write(&to, "a pull from the new one").await;
    seal(&to, 4).await;
    carry_on(&to, &from).await.unwrap();
    assert_eq!(log(&from).await, log(&to).await);
    assert_eq!(log(&from).await.last().unwrap().note.target, "a pull from the new one");
}

#[tokio::test]
async fn accounts_of_a_move_that_fails_change_again() {
    let (from, to) = (Arc::new(House::new()), House::new());
    furnish(&from).await;
    inhabit(&from).await;
    let unreadable = from.push_stored("z", b"cannot be read now").await;
    let path = from.root().join("docker/registry/v2").join(crate::plant::data(&unreadable));
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let moment = LastMoment::of(&from);
    assert!(run(&plan(&from, &to, Source::Serving(moment))).await.is_err());
    change(&from, account(AccountKind::User, "bob")).await;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"cannot be read now").unwrap();
    carry_on(&from, &to).await.unwrap();
    assert_eq!(access(&to).await, access(&from).await);
    assert_eq!(log(&to).await, log(&from).await);
}
