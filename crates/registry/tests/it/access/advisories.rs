//! Holes that other registries had: each class has its test here for good.

use registry::access::{Action, AuthenticationError};
use registry::accounts::command::PageRequest;
use registry::accounts::{Answer, Command, CommandError};

use super::house::{House, PASSWORD, disable, grant, user_add};

#[tokio::test]
async fn cve_2019_16097_a_new_user_cannot_make_themselves_admin() {
    let house = House::new().await;
    house.admin("root").await;
    house.user("eve").await;
    for command in [
        user_add("evil", true),
        Command::UserAdmin { name: "eve".into(), admin: true },
        grant("user:eve", "owner", "**"),
        Command::TeamAdd { name: "evil".into() },
    ] {
        let result = house.by("eve", command).await;
        assert!(matches!(result, Err(CommandError::Forbidden { .. })), "{result:?}");
    }
    // What a user may send about themselves has no field for it.
    let smuggled = r#"{"command":"user-passwd","password":"x","admin":true}"#;
    assert!(serde_json::from_str::<Command>(smuggled).is_err());
    let answer = house.by("eve", Command::Whoami).await.unwrap();
    assert!(matches!(answer, Answer::Whoami { admin: false, .. }));
}

#[tokio::test]
async fn cve_2025_23208_groups_removed_at_the_provider_are_gone() {
    let house = House::new().await;
    house.grant("group:oidc/admins", "owner", "**").await;
    let come = async |groups: &[&str]| {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let identity = identity::Identity::checked("1", "ann", None, groups).unwrap();
        house.accounts.external("oidc", identity).await.unwrap()
    };
    let before = come(&["admins", "devs"]).await;
    let token = house.issue(&before, "repository:app:pull,push,delete").await;
    assert!(house.may(&before, Action::Delete, "app"));
    let after = come(&[]).await;
    assert!(!house.may(&after, Action::Pull, "app"));
    let bearer = house.accounts.bearer(&token).await.unwrap();
    assert!(!house.may(&bearer, Action::Pull, "app"));
}

#[tokio::test]
async fn cve_2020_10952_a_blocked_user_loses_old_tokens() {
    let house = House::new().await;
    house.user("ann").await;
    house.grant("user:ann", "push", "**").await;
    let ann = house.signed_in("ann").await;
    let offline = registry::accounts::TokenRequest { offline: true, ..Default::default() };
    let refresh = house.accounts.issue(&ann, offline).await.unwrap().refresh_token.unwrap();
    let bearer = house.issue(&ann, "repository:app:pull").await;
    let (personal, _) = house.token("ann", &[]).await;
    house.operator(disable("ann")).await;
    assert!(house.sign_in("ann", PASSWORD).await.is_err());
    assert!(house.sign_in("ann", &personal).await.is_err());
    assert!(house.accounts.refreshed(&refresh, None).await.is_err());
    assert!(house.accounts.bearer(&bearer).await.is_err());
}

#[tokio::test]
async fn cve_2026_110697_underscore_in_a_name_is_no_wildcard() {
    let house = House::new().await;
    house.user("a_b").await;
    house.user("axb").await;
    house.grant("user:a_b", "push", "team/a_b").await;
    let (a_b, axb) = (house.signed_in("a_b").await, house.signed_in("axb").await);
    assert!(house.may(&a_b, Action::Push, "team/a_b"));
    assert!(!house.may(&a_b, Action::Push, "team/axb"));
    assert!(!house.may(&axb, Action::Push, "team/a_b"));
    let filter = registry::accounts::command::AuditQuery {
        target: Some("user:a_b".into()),
        ..Default::default()
    };
    let answer = house.operator(Command::Audit { filter }).await;
    let Answer::Audit { lines } = answer else { panic!("{answer:?}") };
    assert!(lines.iter().all(|line| line.target == "user:a_b") && !lines.is_empty());
    let grants = Command::Grants {
        subject: Some("user:axb".parse().unwrap()),
        pattern: None,
        page: PageRequest::default(),
    };
    let answer = house.operator(grants).await;
    assert!(matches!(answer, Answer::Grants { grants, .. } if grants.is_empty()));
    house.operator(Command::UserRemove { name: "a_b".into() }).await;
    house.signed_in("axb").await;
}

#[tokio::test]
async fn cve_2026_123710_a_registry_token_is_no_admin_token() {
    let house = House::new().await;
    house.admin("root").await;
    let root = house.signed_in("root").await;
    let token = house.issue(&root, "repository:app:* registry:catalog:*").await;
    let bearer = house.accounts.bearer(&token).await.unwrap();
    assert!(bearer.identity().is_admin);
    for command in [
        user_add("eve", true),
        Command::Export,
        Command::UserList { page: PageRequest::default() },
        Command::TokenCreate {
            user: None,
            label: "x".into(),
            scopes: Vec::new(),
            expires_in_seconds: None,
        },
    ] {
        let result = house.by_caller(bearer.clone(), command).await;
        assert!(matches!(result, Err(CommandError::Forbidden { .. })), "{result:?}");
    }
    // Nor is what a client keeps after a login.
    let offline = registry::accounts::TokenRequest { offline: true, ..Default::default() };
    let refresh = house.accounts.issue(&root, offline).await.unwrap().refresh_token.unwrap();
    let again = house.accounts.refreshed(&refresh, None).await.unwrap().into_caller();
    let result = house.by_caller(again, user_add("eve", true)).await;
    assert!(matches!(result, Err(CommandError::Forbidden { .. })), "{result:?}");
    assert!(matches!(
        house.accounts.sign_in("root", &token, None).await,
        Err(AuthenticationError::Invalid)
    ));
}
