//! Nobody finds out by asking who is there.

use std::sync::Arc;

use async_trait::async_trait;
use identity::{Identity, IdentitySource, Known, SourceError};
use parking_lot::Mutex;
use registry::accounts::command::PageRequest;
use registry::accounts::{Answer, Command, CommandError};
use testkit::FakeClock;

use super::house::{House, PASSWORD, Plan, disable};

#[tokio::test]
async fn unknown_wrong_disabled_and_expired_answer_the_same() {
    let house = House::new().await;
    house.user("ann").await;
    house.user("gone").await;
    house.operator(disable("gone")).await;
    house.robot("ci").await;
    let (token, id) = house.token("ann", &[]).await;
    house.operator(Command::TokenRevoke { id }).await;
    let mut answers = Vec::new();
    for (user, password) in [
        ("ann", "wrong password"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("gone", "wrong password"),
        ("", ""),
        ("robot$ci", "brob_wrong"),
        ("robot$nobody", "brob_wrong"),
        ("AWS", &token),
        ("ann", &token),
        ("AWS", "anything"),
        ("oidc", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.x"),
    ] {
        let error = house.accounts.sign_in(user, password, None).await.unwrap_err();
        answers.push((user, format!("{error:?} {error}")));
    }
    let first = answers[0].1.clone();
    for (user, answer) in answers {
        assert_eq!(answer, first, "{user}");
    }
}

#[tokio::test]
async fn an_unknown_user_costs_a_password_hash_as_a_known_one_does() {
    let house = House::new().await;
    house.user("ann").await;
    let mut took = Vec::new();
    for user in ["ann", "nobody"] {
        let mut best = std::time::Duration::MAX;
        for round in 0..3 {
            let clock = store::SystemClock::new();
            let password = format!("wrong password {round}");
            house.accounts.sign_in(user, &password, None).await.unwrap_err();
            best = best.min(store::Clock::elapsed(&clock));
        }
        took.push(best);
    }
    // A look-up without a hash is a thousand times faster.
    assert!(took[0] < took[1] * 4 && took[1] < took[0] * 4, "{took:?}");
}

#[tokio::test]
async fn a_token_of_somebody_else_is_as_unknown_as_one_that_never_was() {
    let house = House::new().await;
    house.user("ann").await;
    house.user("eve").await;
    let (_, id) = house.token("ann", &[]).await;
    let real = house.by("eve", Command::TokenRevoke { id }).await.unwrap_err();
    let random = house.by("eve", Command::TokenRevoke { id: 424_242 }).await.unwrap_err();
    assert!(matches!(&real, CommandError::Unknown { .. }));
    let strip = |error: CommandError, id: i64| error.to_string().replace(&id.to_string(), "N");
    assert_eq!(strip(real, id), strip(random, 424_242));
}

#[tokio::test]
async fn what_a_user_may_not_do_is_refused_alike_whether_it_is_there_or_not() {
    let house = House::new().await;
    house.user("ann").await;
    house.user("eve").await;
    for (real, absent) in [
        (disable("ann"), disable("nobody")),
        (Command::UserShow { name: "ann".into() }, Command::UserShow { name: "nobody".into() }),
        (
            Command::TokenList { user: Some("ann".into()) },
            Command::TokenList { user: Some("nobody".into()) },
        ),
    ] {
        let real = house.by("eve", real).await.unwrap_err();
        assert!(matches!(real, CommandError::Forbidden { .. }), "{real:?}");
        assert_eq!(real, house.by("eve", absent).await.unwrap_err());
    }
}

/// All pages of one entry, as `user` reads them, and what the answers said beside the names.
async fn pages(
    house: &House,
    user: &str,
    list: impl Fn(PageRequest) -> Command,
) -> (Vec<String>, Vec<String>) {
    let (mut names, mut nexts) = (Vec::new(), Vec::new());
    let mut after = None;
    loop {
        let page = PageRequest { after, limit: Some(1) };
        let next = match house.by(user, list(page)).await.unwrap() {
            Answer::Teams { teams, next } => {
                names.extend(teams.into_iter().map(|team| team.name));
                next
            }
            Answer::Accounts { accounts, next } => {
                names.extend(accounts.iter().map(|it| it.subject.to_string()));
                next
            }
            Answer::Grants { grants, next } => {
                names.extend(grants.into_iter().map(|it| it.pattern));
                next
            }
            Answer::Visibilities { visibilities, next } => {
                names.extend(visibilities.into_iter().map(|it| it.pattern));
                next
            }
            other => panic!("{other:?}"),
        };
        let Some(next) = next else { return (names, nexts) };
        nexts.push(next.clone());
        after = Some(next);
    }
}

#[tokio::test]
async fn pages_tell_nothing_of_what_they_do_not_show() {
    let house = House::new().await;
    house.admin("root").await;
    house.user("ann").await;
    house.user("eve").await;
    house.grant("user:ann", "owner", "mine/**").await;
    for name in ["a-secret", "b-ours", "c-secret", "d-ours", "e-secret"] {
        house.operator(Command::TeamAdd { name: name.into() }).await;
        house.grant(&format!("team:{name}"), "pull", "elsewhere").await;
    }
    for team in ["b-ours", "d-ours"] {
        let (team, user) = (team.to_owned(), "ann".to_owned());
        house.operator(Command::TeamMemberAdd { team, user }).await;
    }
    for name in ["a-secret+ci", "mine/a+ci", "mine/b+ci", "z-secret+ci"] {
        house.robot(name).await;
    }
    for pattern in ["a-secret", "mine/a", "z-secret"] {
        house.visibility(pattern, "private").await;
    }
    let teams = |page| Command::TeamList { page };
    let robots = |page| Command::RobotList { page };
    let grants = |page| Command::Grants { subject: None, pattern: None, page };
    let visibilities = |page| Command::Visibilities { page };

    let (names, nexts) = pages(&house, "ann", teams).await;
    assert_eq!(names, ["b-ours", "d-ours"]);
    assert_eq!(nexts, names);
    let (names, nexts) = pages(&house, "ann", robots).await;
    assert_eq!(names, ["robot:mine/a+ci", "robot:mine/b+ci"]);
    assert_eq!(nexts, ["mine/a+ci", "mine/b+ci"]);
    for answer in [
        pages(&house, "ann", grants).await,
        pages(&house, "ann", visibilities).await,
        pages(&house, "eve", teams).await,
        pages(&house, "eve", robots).await,
        pages(&house, "eve", grants).await,
        pages(&house, "eve", visibilities).await,
    ] {
        let said = format!("{answer:?}");
        assert!(!said.contains("secret"), "{said}");
    }
    assert_eq!(pages(&house, "eve", teams).await, (vec![], vec![]));
    assert_eq!(pages(&house, "root", teams).await.0.len(), 5);
    assert_eq!(pages(&house, "root", robots).await.0.len(), 4);
}

#[tokio::test]
async fn a_visibility_that_gives_nothing_is_told_to_those_who_decide_there() {
    let house = House::new().await;
    house.admin("root").await;
    house.user("ann").await;
    house.user("eve").await;
    house.grant("user:ann", "owner", "team/**").await;
    house.visibility("team/secret-plan", "private").await;
    house.visibility("team/open", "internal").await;
    let told = async |user: &str, repository: &str| {
        let (action, repository) = (registry::access::Action::Pull, repository.to_owned());
        let question = Command::CanI { subject: None, action, repository };
        let Answer::Decision { considered, .. } = house.by(user, question).await.unwrap() else {
            panic!("no decision")
        };
        considered.iter().any(|it| it.what.contains(" is "))
    };
    for (user, secret) in [("eve", false), ("ann", true), ("root", true)] {
        assert_eq!(told(user, "team/secret-plan").await, secret, "{user}");
        assert!(told(user, "team/open").await, "{user}");
    }
}

/// A source that remembers what it was asked.
struct Listening {
    name: &'static str,
    knows: &'static str,
    heard: Mutex<Vec<(String, String)>>,
}

impl Listening {
    fn new(name: &'static str, knows: &'static str) -> Arc<Self> {
        Arc::new(Self { name, knows, heard: Mutex::default() })
    }

    fn heard(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.heard.lock())
    }
}

#[async_trait]
impl IdentitySource for Listening {
    fn name(&self) -> &str {
        self.name
    }

    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, SourceError> {
        self.heard.lock().push((user.to_owned(), password.to_owned()));
        let is_right = user == self.knows && password == PASSWORD;
        Ok(Identity::checked(user, user, None, vec![]).filter(|_| is_right))
    }

    async fn look_up(&self, user: &str) -> Result<Option<Known>, SourceError> {
        let identity = Identity::checked(user, user, None, vec![]);
        Ok(identity.map(|identity| Known { identity, tells_groups: true }))
    }

    fn is_at_hand(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn c17_each_source_is_asked_once_whoever_a_wrong_password_is_for() {
    let (one, two) = (Listening::new("one", "eve"), Listening::new("two", "mia"));
    let plan = Plan { others: vec![one.clone(), two.clone()], ..Plan::default() };
    let house = House::of(plan, Arc::new(FakeClock::new())).await;
    house.user("ann").await;
    house.user("gone").await;
    house.operator(disable("gone")).await;
    for name in ["ann", "eve", "mia"] {
        house.signed_in(name).await;
    }
    one.heard();
    two.heard();
    house.signed_in("ann").await;
    assert_eq!((one.heard(), two.heard()), (vec![], vec![]), "who is right is not asked about");
    let wrong = "wrong password";
    for (name, password, real) in [
        ("ann", wrong, [false, false]),
        ("gone", PASSWORD, [false, false]),
        ("eve", wrong, [true, false]),
        ("mia", wrong, [false, true]),
        ("who", wrong, [true, true]),
    ] {
        house.accounts.sign_in(name, password, None).await.unwrap_err();
        for (source, is_real) in [&one, &two].into_iter().zip(real) {
            let heard = source.heard();
            let [(user, shown)] = heard.as_slice() else { panic!("{name}: {heard:?}") };
            let is_shown = user == name || shown == password;
            assert_eq!(is_shown, is_real, "{name} at {}: {heard:?}", source.name);
            assert_eq!(shown.len(), password.len());
        }
    }
}

#[tokio::test]
async fn no_source_is_asked_about_a_name_that_no_user_can_have() {
    let one = Listening::new("one", "al\u{ad}ice");
    let plan = Plan { others: vec![one.clone()], ..Plan::default() };
    let house = House::of(plan, Arc::new(FakeClock::new())).await;
    for name in ["al\u{ad}ice", "*", "al ice"] {
        house.accounts.sign_in(name, PASSWORD, None).await.unwrap_err();
        assert_eq!(one.heard(), [], "{name:?}");
    }
    // Spaces around a name are nothing that anybody means.
    house.accounts.sign_in("alice ", PASSWORD, None).await.unwrap_err();
    assert_eq!(one.heard().len(), 1);
}
