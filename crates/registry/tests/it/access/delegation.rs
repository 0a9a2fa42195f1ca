//! Who may decide about what.

use identity::Secret;
use registry::access::Action;
use registry::accounts::command::{PageRequest, RoleAt};
use registry::accounts::{Actor, Answer, Command, CommandError};
use store::AccountStore as _;

use super::house::{House, PASSWORD, disable, grant, secret, token_create, user_add};

async fn house() -> House {
    let house = House::new().await;
    house.admin("root").await;
    house.user("owner").await;
    house.user("ann").await;
    house.grant("user:owner", "owner", "team/web/**").await;
    house
}

fn is_forbidden(result: &Result<Answer, CommandError>) -> bool {
    matches!(result, Err(CommandError::Forbidden { .. }))
}

fn robot_add(name: &str, pattern: &str) -> Command {
    let grants = vec![RoleAt { role: "push".into(), pattern: pattern.parse().unwrap() }];
    Command::RobotAdd { name: name.into(), expires_in_seconds: None, grants }
}

fn revoke(subject: &str, role: &str, pattern: &str) -> Command {
    let (subject, role) = (subject.parse().unwrap(), role.to_owned());
    Command::Revoke { subject, role, pattern: pattern.parse().unwrap() }
}

#[tokio::test]
async fn an_owner_decides_within_the_pattern_and_nowhere_else() {
    let house = house().await;
    for pattern in ["team/web/**", "team/web/app", "team/web/a/b-*"] {
        house.by("owner", grant("user:ann", "owner", pattern)).await.unwrap();
    }
    for pattern in ["**", "team/**", "team/web", "team/*", "team/website/**", "team/web-x", "other"]
    {
        assert!(is_forbidden(&house.by("owner", grant("user:ann", "pull", pattern)).await));
        let pattern = pattern.parse().unwrap();
        let public = Command::Visibility { pattern, visibility: Some("public".parse().unwrap()) };
        assert!(is_forbidden(&house.by("owner", public).await));
    }
    assert!(is_forbidden(&house.by("ann", grant("user:ann", "owner", "team/**")).await));
}

#[tokio::test]
async fn an_owner_makes_robots_of_the_namespace_with_grants_within_it() {
    let house = house().await;
    let made = house.by("owner", robot_add("team/web/api+ci", "team/web/api")).await.unwrap();
    let robot = house.sign_in("robot$team/web/api+ci", &secret(made)).await.unwrap();
    assert!(house.may(&robot, Action::Push, "team/web/api"));
    for (name, pattern) in [
        ("ci", "team/web/api"),
        ("team+ci", "team/web/api"),
        ("team/website+ci", "team/web/api"),
        ("team/web/api+escape", "team/**"),
        ("team/web/api+escape", "other"),
    ] {
        assert!(is_forbidden(&house.by("owner", robot_add(name, pattern)).await), "{name}");
    }
}

#[tokio::test]
async fn an_owner_does_not_get_the_secret_of_a_robot_that_may_do_more() {
    let house = house().await;
    house.by("owner", robot_add("team/web/api+ci", "team/web/api")).await.unwrap();
    let rotate =
        || Command::RobotRotate { name: "team/web/api+ci".into(), expires_in_seconds: None };
    house.by("owner", rotate()).await.unwrap();
    house.grant("robot:team/web/api+ci", "push", "secret/**").await;
    assert!(is_forbidden(&house.by("owner", rotate()).await));
    let off = Command::RobotDisable { name: "team/web/api+ci".into() };
    house.by("owner", off).await.unwrap();
    let on = Command::RobotEnable { name: "team/web/api+ci".into() };
    assert!(is_forbidden(&house.by("owner", on).await));
}

#[tokio::test]
async fn a_process_that_has_not_heard_of_a_change_decides_by_it_all_the_same() {
    let house = house().await;
    let robot = "team/web/api+ci";
    house.by("owner", robot_add(robot, "team/web/api")).await.unwrap();
    let off = Command::RobotDisable { name: robot.into() };
    house.by("owner", off.clone()).await.unwrap();
    let (name, expires_in_seconds) = (robot.to_owned(), None);
    let on = Command::RobotEnable { name: robot.into() };
    for forbidden in [Command::RobotRotate { name, expires_in_seconds }, on.clone()] {
        let replica = house.replica().await;
        let proven = replica.sign_in("owner", PASSWORD, None).await.unwrap();
        let by = Actor::Caller { caller: proven.into_caller(), address: None, request: None };
        house.grant(&format!("robot:{robot}"), "push", "secret/**").await;
        let result = replica.execute(&by, forbidden.clone()).await;
        assert!(is_forbidden(&result), "{forbidden:?}: {result:?}");
        house.operator(revoke(&format!("robot:{robot}"), "push", "secret/**")).await;
        replica.refresh().await.unwrap();
        // What still may be done is done, whatever else has changed.
        replica.execute(&by, on.clone()).await.unwrap();
        replica.execute(&by, off.clone()).await.unwrap();
        house.user(&format!("another{}", replica.policy().book().version())).await;
        replica.execute(&by, grant("user:ann", "pull", "team/web/app")).await.unwrap();
    }
    // The same for somebody who has just ceased to be an owner.
    let replica = house.replica().await;
    let proven = replica.sign_in("owner", PASSWORD, None).await.unwrap();
    let by = Actor::Caller { caller: proven.into_caller(), address: None, request: None };
    house.operator(revoke("user:owner", "owner", "team/web/**")).await;
    let back = grant("user:owner", "owner", "team/web/x/**");
    assert!(is_forbidden(&replica.execute(&by, back).await));
}

#[tokio::test]
async fn owners_fill_no_more_than_their_part_of_all_grants() {
    let house = house().await;
    let ann = "user:ann".to_owned();
    let grants = (0..9_998).map(|number| store::GrantRecord {
        subject: ann.clone(),
        role: "pull".into(),
        pattern: format!("team/web/n{number}"),
    });
    let steps = grants.map(|grant| store::AccessChange::AddGrant { grant, is_named_role: false });
    let (steps, at) = (steps.collect(), store::Timestamp::from_millis(1));
    house.store.change_access(steps, Box::new(|_| Ok(())), vec![], at).await.unwrap();
    house.accounts.refresh().await.unwrap();
    // With that of the owner themselves there is room for one more.
    house.by("owner", grant(&ann, "pull", "team/web/last")).await.unwrap();
    for command in [grant(&ann, "pull", "team/web/more"), robot_add("team/web/x+ci", "team/web/x")]
    {
        let error = house.by("owner", command).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, CommandError::Invalid { .. }), "{text}");
        assert!(text.contains("10,000") && text.contains("administrator"), "{text}");
    }
    house.by("owner", revoke(&ann, "pull", "team/web/n1")).await.unwrap();
    house.by("owner", robot_add("team/web/x+ci", "team/web/x")).await.unwrap();
    // The same for what all may see; what is said already can be said otherwise.
    let shown = |pattern: String| store::AccessChange::SetVisibility {
        pattern,
        visibility: Some("public".into()),
    };
    let steps = (0..10_000).map(|number| shown(format!("team/web/n{number}"))).collect();
    house.store.change_access(steps, Box::new(|_| Ok(())), vec![], at).await.unwrap();
    house.accounts.refresh().await.unwrap();
    let show = |pattern: &str, visibility: Option<&str>| Command::Visibility {
        pattern: pattern.parse().unwrap(),
        visibility: visibility.map(|word| word.parse().unwrap()),
    };
    let error = house.by("owner", show("team/web/more", Some("public"))).await.unwrap_err();
    assert!(error.to_string().contains("10,000"), "{error}");
    house.by("owner", show("team/web/n1", Some("private"))).await.unwrap();
    house.by("owner", show("team/web/n1", None)).await.unwrap();
    house.by("owner", show("team/web/more", Some("public"))).await.unwrap();
    // Administrators go on, and so do the owners of other namespaces.
    house.by("root", grant(&ann, "pull", "team/web/more")).await.unwrap();
    house.grant("user:owner", "owner", "other/**").await;
    house.by("owner", grant(&ann, "pull", "other/app")).await.unwrap();
    // The list of a full namespace is made without comparing all with all.
    let page = PageRequest { after: None, limit: None };
    let list = Command::Grants { subject: None, pattern: None, page };
    let answer = house.by("owner", list).await.unwrap();
    assert!(matches!(answer, Answer::Grants { grants, next: Some(_) } if grants.len() == 1_000));
}

#[tokio::test]
async fn what_an_administrator_carved_out_the_owner_does_not_take_back() {
    let house = house().await;
    house.grant("user:owner", "none", "team/web/secret/**").await;
    for pattern in ["team/web/secret/**", "team/web/secret/x", "team/web/**"] {
        let result = house.by("owner", grant("user:owner", "owner", pattern)).await;
        assert!(is_forbidden(&result), "{pattern}: {result:?}");
    }
    let revoke = Command::Revoke {
        subject: "user:owner".parse().unwrap(),
        role: "none".into(),
        pattern: "team/web/secret/**".parse().unwrap(),
    };
    assert!(is_forbidden(&house.by("owner", revoke).await));
}

#[tokio::test]
async fn an_owner_sees_the_grants_of_the_pattern_and_not_those_of_others() {
    let house = house().await;
    house.grant("user:ann", "pull", "team/web/app").await;
    house.grant("user:ann", "pull", "secret").await;
    let all = Command::Grants { subject: None, pattern: None, page: PageRequest::default() };
    let answer = house.by("owner", all.clone()).await.unwrap();
    let Answer::Grants { grants, .. } = answer else { panic!("{answer:?}") };
    let shown: Vec<_> = grants.iter().map(|grant| grant.pattern.as_str()).collect();
    assert_eq!(shown, ["team/web/app", "team/web/**"]);
    let answer = house.by("root", all).await.unwrap();
    let Answer::Grants { grants, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(grants.len(), 3);
}

#[tokio::test]
async fn a_user_makes_lists_and_revokes_their_own_tokens_alone() {
    let house = house().await;
    let made = house.by("ann", token_create(None, &["pull:**"])).await.unwrap();
    let Answer::Made { id: Some(id), user, .. } = made else { panic!("{made:?}") };
    assert_eq!(user, "ann");
    let list = Command::TokenList { user: None };
    let answer = house.by("ann", list).await.unwrap();
    assert!(matches!(answer, Answer::Tokens { tokens } if tokens.len() == 1));
    assert!(is_forbidden(&house.by("ann", token_create(Some("root"), &[])).await));
    house.by("ann", Command::TokenRevoke { id }).await.unwrap();
}

#[tokio::test]
async fn a_limited_token_changes_nothing_not_even_an_administrators() {
    let house = house().await;
    let (token, id) = house.token("root", &["admin:**"]).await;
    let root = house.sign_in("root", &token).await.unwrap().into_caller();
    for command in [
        user_add("eve", true),
        token_create(None, &[]),
        grant("user:ann", "pull", "x"),
        Command::TokenRevoke { id },
        Command::Export,
        Command::UserPasswd {
            name: None,
            old_password: Some(Secret::new(PASSWORD)),
            password: Some(Secret::new("another password")),
            generate: false,
        },
    ] {
        let result = house.by_caller(root.clone(), command).await;
        assert!(is_forbidden(&result), "{result:?}");
    }
    let answer = house.by_caller(root, Command::Whoami).await.unwrap();
    assert!(matches!(answer, Answer::Whoami { limited: true, .. }), "{answer:?}");
    // One without scopes is worth its owner.
    let (token, _) = house.token("root", &[]).await;
    let root = house.sign_in("root", &token).await.unwrap().into_caller();
    house.by_caller(root, user_add("bob", false)).await.unwrap();
}

#[tokio::test]
async fn the_own_password_needs_the_old_one() {
    let house = house().await;
    let passwd = |name: Option<&str>, old: Option<&str>| Command::UserPasswd {
        name: name.map(str::to_owned),
        old_password: old.map(Secret::new),
        password: Some(Secret::new("another password")),
        generate: false,
    };
    for old in [None, Some("wrong password")] {
        let result = house.by("root", passwd(None, old)).await;
        assert!(matches!(result, Err(CommandError::Invalid { .. })), "{result:?}");
    }
    assert!(is_forbidden(&house.by("ann", passwd(Some("root"), Some(PASSWORD))).await));
    house.by("ann", passwd(None, Some(PASSWORD))).await.unwrap();
    assert!(house.sign_in("ann", PASSWORD).await.is_err());
    house.by("root", passwd(Some("ann"), None)).await.unwrap();
}

#[tokio::test]
async fn the_last_administrator_cannot_go_by_any_way() {
    let house = house().await;
    let demote = Command::UserAdmin { name: "root".into(), admin: false };
    let remove = Command::UserRemove { name: "root".into() };
    for command in [disable("root"), demote, remove.clone()] {
        let result = house.by("root", command.clone()).await;
        assert!(matches!(result, Err(CommandError::LastAdmin)), "{command:?}: {result:?}");
    }
    house.admin("second").await;
    house.by("root", remove).await.unwrap();
    let result = house.by("second", disable("second")).await;
    assert!(matches!(result, Err(CommandError::LastAdmin)));
}

#[tokio::test]
async fn can_i_tells_what_decided_and_all_that_was_considered() {
    let house = house().await;
    house.operator(Command::TeamAdd { name: "web".into() }).await;
    house.operator(Command::TeamMemberAdd { team: "web".into(), user: "ann".into() }).await;
    house.grant("user:ann", "pull", "team/**").await;
    house.grant("team:web", "developer", "team/web/**").await;
    house.visibility("team/**", "internal").await;
    let can = |subject: &str, action, repository: &str| Command::CanI {
        subject: Some(subject.parse().unwrap()),
        action,
        repository: repository.into(),
    };
    let ask = async |subject: &str, action, repository: &str| {
        let answer = house.operator(can(subject, action, repository)).await;
        let Answer::Decision { allowed, because, considered } = answer else { panic!() };
        let considered: Vec<_> = considered.into_iter().map(|it| (it.what, it.gives)).collect();
        (allowed, because, considered)
    };
    let (allowed, because, considered) = ask("user:ann", Action::Push, "team/web/app").await;
    assert!(allowed);
    assert_eq!(because, "team:web has role developer on team/web/**");
    assert_eq!(
        considered,
        [
            ("user:ann has role pull on team/**".to_owned(), false),
            ("team:web has role developer on team/web/**".to_owned(), true),
            ("team/** is internal".to_owned(), false),
        ]
    );
    assert!(ask("team:web", Action::Overwrite, "team/web/app").await.0);
    assert!(ask("signed-in", Action::Pull, "team/x").await.0);
    assert!(!ask("anonymous", Action::Pull, "team/x").await.0);
    assert!(!ask("group:oidc/devs", Action::Push, "team/x").await.0);
    assert!(ask("user:root", Action::Admin, "x").await.0);
    house.operator(disable("ann")).await;
    let (allowed, because, _) = ask("user:ann", Action::Pull, "team/x").await;
    assert_eq!((allowed, because.as_str()), (false, "user:ann is disabled"));
    let unknown = house.by("root", can("user:nobody", Action::Pull, "x")).await;
    assert!(matches!(unknown, Err(CommandError::Unknown { .. })));
    assert!(is_forbidden(&house.by("owner", can("user:root", Action::Pull, "x")).await));
    let own =
        Command::CanI { subject: None, action: Action::Admin, repository: "team/web/x".into() };
    assert!(matches!(
        house.by("owner", own).await.unwrap(),
        Answer::Decision { allowed: true, .. }
    ));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let house = house().await;
    let page =
        |after: Option<String>| Command::UserList { page: PageRequest { after, limit: Some(2) } };
    let names = |answer: Answer| match answer {
        Answer::Accounts { accounts, next } => {
            let names: Vec<_> = accounts.iter().map(|it| it.subject.to_string()).collect();
            (names, next)
        }
        other => panic!("{other:?}"),
    };
    let (first, next) = names(house.operator(page(None)).await);
    assert_eq!(first, ["user:ann", "user:owner"]);
    let (second, next) = names(house.operator(page(next)).await);
    assert_eq!((second, next), (vec!["user:root".to_owned()], None));
    let none = Command::UserList { page: PageRequest { after: None, limit: Some(0) } };
    assert!(matches!(house.by("root", none).await, Err(CommandError::Invalid { .. })));
}

#[tokio::test]
async fn a_value_that_cannot_be_is_refused_with_field_and_way_out() {
    let house = house().await;
    let mut alias = user_add("AWS", false);
    let result = house.by("root", alias.clone()).await.unwrap_err();
    assert!(result.to_string().contains("choose another name"), "{result}");
    if let Command::UserAdd { name, password, .. } = &mut alias {
        *name = "bob".into();
        *password = Some(Secret::new("short"));
    }
    let result = house.by("root", alias).await.unwrap_err().to_string();
    assert!(result.contains("password") && !result.contains("short"), "{result}");
    let result = house.by("root", grant("user:ann", "Captain", "x")).await.unwrap_err();
    assert!(result.to_string().contains("maintainer"), "{result}");
    let result = house.by("root", grant("user:ann", "captain", "x")).await.unwrap_err();
    assert!(matches!(result, CommandError::Unknown { .. }), "{result:?}");
}
