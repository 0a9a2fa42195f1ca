//! Accounts and access as a file.

use registry::access::Action;
use registry::accounts::{AccessFile, Answer, Command, CommandError};

use super::house::House;

async fn house() -> House {
    let house = House::new().await;
    house.admin("root").await;
    house.user("ann").await;
    house.robot("ci").await;
    house.operator(Command::TeamAdd { name: "web".into() }).await;
    house.operator(Command::TeamMemberAdd { team: "web".into(), user: "ann".into() }).await;
    let actions = vec![Action::Pull, Action::Delete];
    house.operator(Command::RolePut { name: "cleaner".into(), actions }).await;
    house.grant("team:web", "developer", "web/**").await;
    house.grant("robot:ci", "cleaner", "web/**").await;
    house.visibility("open/**", "public").await;
    house
}

async fn export(house: &House) -> AccessFile {
    let answer = house.operator(Command::Export).await;
    let Answer::Exported { file } = answer else { panic!("{answer:?}") };
    file
}

async fn apply(house: &House, file: &AccessFile, dry_run: bool, prune: bool) -> Vec<String> {
    let answer = house.operator(Command::Apply { file: file.clone(), dry_run, prune }).await;
    let Answer::Applied { changes, .. } = answer else { panic!("{answer:?}") };
    changes
}

fn file(json: &str) -> AccessFile {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn applying_an_export_changes_nothing() {
    let house = house().await;
    let exported = export(&house).await;
    assert_eq!(apply(&house, &exported, false, true).await, Vec::<String>::new());
    assert_eq!(export(&house).await, exported);
}

#[tokio::test]
async fn an_export_makes_the_same_in_an_empty_house() {
    let exported = export(&house().await).await;
    let empty = House::new().await;
    let changes = apply(&empty, &exported, false, false).await;
    assert!(changes.contains(&"+ user root, without a password, administrator".to_owned()));
    assert_eq!(export(&empty).await, exported);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_change_and_changes_nothing() {
    let house = house().await;
    let before = export(&house).await;
    let wanted = file(
        r#"{"users": [{"name": "root", "admin": true}, {"name": "bob"},
                      {"name": "ann", "disabled": true}],
            "teams": [{"name": "web", "members": ["bob"]}],
            "roles": [{"name": "cleaner", "actions": ["delete"]}],
            "grants": [{"subject": "user:bob", "role": "pull", "pattern": "x/"}],
            "visibility": [{"pattern": "open/**", "visibility": "internal"}]}"#,
    );
    let changes = apply(&house, &wanted, true, true).await;
    assert_eq!(
        changes,
        [
            "~ role cleaner: delete",
            "+ user bob, without a password",
            "~ user ann: disabled",
            "+ member bob of team web",
            "+ grant user:bob pull x/**",
            "~ visibility open/** internal",
            "- grant robot:ci cleaner web/**",
            "- grant team:web developer web/**",
            "- member ann of team web",
            "- robot ci",
        ]
    );
    assert_eq!(export(&house).await, before);
    assert_eq!(apply(&house, &wanted, false, true).await, changes);
    assert_eq!(apply(&house, &wanted, false, true).await, Vec::<String>::new());
}

#[tokio::test]
async fn without_prune_nothing_goes() {
    let house = house().await;
    let before = export(&house).await;
    assert_eq!(apply(&house, &AccessFile::default(), false, false).await, Vec::<String>::new());
    assert_eq!(export(&house).await, before);
}

#[tokio::test]
async fn a_file_does_not_remove_the_last_administrator_nor_users_of_a_source() {
    let house = house().await;
    let identity = identity::Identity::checked("s", "sue", None, vec!["devs".into()]).unwrap();
    house.accounts.external("oidc", identity).await.unwrap();
    let empty = Command::Apply { file: AccessFile::default(), dry_run: false, prune: true };
    let result = house.by("root", empty).await;
    assert!(matches!(result, Err(CommandError::LastAdmin)), "{result:?}");
    let root = file(r#"{"users": [{"name": "root", "admin": true}]}"#);
    let changes = apply(&house, &root, false, true).await;
    assert!(changes.contains(&"- user ann".to_owned()), "{changes:?}");
    assert!(!changes.iter().any(|line| line.contains("sue")), "{changes:?}");
    house.operator(Command::UserShow { name: "sue".into() }).await;
}

#[tokio::test]
async fn a_file_with_what_cannot_be_changes_nothing() {
    let house = house().await;
    let before = export(&house).await;
    for json in [
        r#"{"users": [{"name": "bob"}, {"name": "a b"}]}"#,
        r#"{"users": [{"name": "bob"}, {"name": "bob"}]}"#,
        r#"{"users": [{"name": "ann", "source": "ldap"}]}"#,
        r#"{"users": [{"name": "bob"}], "grants": [{"subject": "user:no", "role": "pull", "pattern": "x"}]}"#,
        r#"{"users": [{"name": "bob"}], "grants": [{"subject": "user:bob", "role": "captain", "pattern": "x"}]}"#,
        r#"{"roles": [{"name": "owner", "actions": ["pull"]}]}"#,
    ] {
        let command = Command::Apply { file: file(json), dry_run: false, prune: false };
        assert!(house.by("root", command).await.is_err(), "{json}");
        assert_eq!(export(&house).await, before, "{json}");
    }
    let unknown =
        serde_json::from_str::<AccessFile>(r#"{"users": [{"name": "a", "password": "x"}]}"#);
    assert!(unknown.unwrap_err().to_string().contains("password"));
}

#[tokio::test]
async fn an_end_is_exported_and_applied_to_the_second() {
    let house = house().await;
    let ends = r#"{"users": [{"name": "eve", "expires": "2030-01-31T12:00:00Z"}],
                   "robots": [{"name": "ci", "expires": "2030-02-01T01:00:00+01:00"}]}"#;
    let changes = apply(&house, &file(ends), false, false).await;
    assert_eq!(
        changes,
        [
            "+ user eve, without a password, ends 2030-01-31T12:00:00Z",
            "~ robot ci: ends 2030-02-01T00:00:00Z",
        ]
    );
    let exported = export(&house).await;
    let text = serde_json::to_string(&exported).unwrap();
    assert!(text.contains(r#""expires":"2030-01-31T12:00:00Z""#), "{text}");
    assert_eq!(apply(&house, &exported, false, true).await, Vec::<String>::new());
    let empty = House::new().await;
    apply(&empty, &exported, false, false).await;
    assert_eq!(export(&empty).await, exported);
    // What a robot was given by the command line lies between two seconds.
    house.clock.advance(std::time::Duration::from_millis(250));
    let (name, expires_in_seconds) = ("night".to_owned(), Some(3600));
    let robot = Command::RobotAdd { name, expires_in_seconds, grants: Vec::new() };
    house.operator(robot).await;
    let exported = export(&house).await;
    assert_eq!(apply(&house, &exported, false, true).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_end_that_a_file_does_not_name_goes_with_prune_only() {
    let house = house().await;
    let mut wanted = export(&house).await;
    for (user, robot) in wanted.users.iter_mut().zip(&mut wanted.robots) {
        user.expires = Some("2030-01-31T12:00:00Z".parse().unwrap());
        robot.expires = user.expires;
    }
    apply(&house, &wanted, false, false).await;
    let ending = wanted.users[0].name.clone();
    for entry in &mut wanted.users {
        entry.expires = None;
    }
    wanted.robots.iter_mut().for_each(|entry| entry.expires = None);
    assert_eq!(apply(&house, &wanted, false, false).await, Vec::<String>::new());
    let changes = apply(&house, &wanted, false, true).await;
    assert_eq!(changes, [format!("~ user {ending}: never ends"), "~ robot ci: never ends".into()]);
    assert_eq!(export(&house).await, wanted);
}
