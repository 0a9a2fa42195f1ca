//! Nobody finds out by asking who is there.

use registry::accounts::{Command, CommandError};

use super::house::{House, PASSWORD, disable};

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
