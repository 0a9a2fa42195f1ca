//! Who did what is written down, and stays as it was written.

use std::time::Duration;

use registry::accounts::command::AuditQuery;
use registry::accounts::{Answer, Command};
use registry::audit::{AuditRetention, prune_once, seal_once};
use store::{AuditNote, Clock as _};

use super::house::{House, PASSWORD, disable, user_add};

fn note(house: &House, action: &str) -> AuditNote {
    AuditNote {
        at: house.clock.now(),
        actor: "user:eve".into(),
        via: "password".into(),
        address: Some("192.0.2.1".into()),
        action: action.into(),
        target: "secret/app".into(),
        outcome: "refused".into(),
        request: Some("r7".into()),
        detail: None,
        count: 1,
    }
}

async fn lines(house: &House, filter: AuditQuery) -> Vec<registry::accounts::command::AuditLine> {
    let answer = house.operator(Command::Audit { filter }).await;
    let Answer::Audit { lines } = answer else { panic!("{answer:?}") };
    lines
}

fn of(action: &str) -> AuditQuery {
    AuditQuery { action: Some(action.into()), above: Some(0), ..AuditQuery::default() }
}

#[tokio::test]
async fn every_change_is_written_with_who_from_where_and_without_secrets() {
    let house = House::new().await;
    house.admin("root").await;
    house.by("root", user_add("ann", false)).await.unwrap();
    let made = house.by("root", super::house::token_create(Some("ann"), &["pull:x"])).await;
    let token = super::house::secret(made.unwrap());
    house.robot("ci").await;
    let all = lines(&house, AuditQuery { above: Some(0), ..AuditQuery::default() }).await;
    let actions: Vec<_> = all.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["user.add", "user.add", "token.create", "robot.add"]);
    assert_eq!((all[0].actor.as_str(), all[0].via.as_str()), ("operator", "command-line"));
    let line = &all[1];
    assert_eq!((line.actor.as_str(), line.target.as_str()), ("user:root", "user:ann"));
    assert_eq!((line.via.as_str(), line.outcome.as_str()), ("password", "ok"));
    assert_eq!(line.address.as_deref(), Some("198.51.100.7"));
    assert_eq!(line.request.as_deref(), Some("r1"));
    let text = serde_json::to_string(&all).unwrap();
    for secret in [PASSWORD, token.as_str(), "brob_", "argon2"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_change_that_did_not_happen_is_not_written_as_one() {
    let house = House::new().await;
    house.admin("root").await;
    assert!(house.by("root", disable("root")).await.is_err());
    assert_eq!(lines(&house, of("user.disable")).await.len(), 0);
}

#[tokio::test]
async fn refusals_of_a_minute_become_one_line_with_their_count() {
    let house = House::new().await;
    for _ in 0..5 {
        house.audit.refused(note(&house, "manifest.push"));
    }
    house.audit.refused(note(&house, "manifest.pull"));
    house.audit.flush().await.unwrap();
    assert!(lines(&house, of("manifest")).await.is_empty(), "the minute is not over");
    house.clock.advance(Duration::from_secs(60));
    house.audit.refused(note(&house, "manifest.push"));
    house.audit.flush().await.unwrap();
    let counts: Vec<_> =
        lines(&house, of("manifest.push")).await.iter().map(|it| it.count).collect();
    assert_eq!(counts, [5]);
    assert_eq!(lines(&house, of("manifest.pull")).await.len(), 1);
    house.audit.flush_all().await.unwrap();
    assert_eq!(lines(&house, of("manifest.push")).await.len(), 2);
}

fn failed_login(house: &House, name: &str, address: &str) -> AuditNote {
    AuditNote {
        actor: format!("claimed:{name:?}"),
        address: Some(address.into()),
        target: String::new(),
        ..note(house, "login")
    }
}

#[tokio::test]
async fn failed_logins_of_an_address_are_one_line_whatever_names_they_claim() {
    let house = House::new().await;
    for number in 0..30_000 {
        let name = format!("n{number}");
        // One client has all of such a network.
        let address = format!("2001:db8::{:x}", number % 7);
        house.audit.failed_login(failed_login(&house, &name, &address));
    }
    for _ in 0..3 {
        house.audit.failed_login(failed_login(&house, "ann", "192.0.2.9"));
    }
    house.audit.note(AuditNote { outcome: "ok".into(), ..note(&house, "manifest.push") });
    assert_eq!(house.audit.dropped(), 0);
    house.audit.flush_all().await.unwrap();
    let mut all = lines(&house, of("login")).await;
    all.sort_by_key(|line| line.count);
    let [single, several] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((single.actor.as_str(), single.count), ("claimed:\"ann\"", 3));
    assert_eq!(single.address.as_deref(), Some("192.0.2.9"));
    assert_eq!((several.actor.as_str(), several.count), ("many", 30_000));
    let text = serde_json::to_string(several).unwrap();
    assert!(text.contains("n4") && !text.contains("n5"), "{text}");
    assert_eq!(lines(&house, of("manifest.push")).await.len(), 1, "nothing was pushed out");
}

#[tokio::test]
async fn what_is_beyond_the_bounds_becomes_one_line_a_minute() {
    let house = House::new().await;
    for number in 0..20_000 {
        let address = format!("10.0.{}.{}", number / 256, number % 256);
        house.audit.failed_login(failed_login(&house, "x", &address));
        let actor = format!("user:u{number}");
        house.audit.refused(AuditNote { actor, ..note(&house, "manifest.pull") });
    }
    assert_eq!(house.audit.dropped(), 0);
    house.clock.advance(Duration::from_secs(60));
    house.audit.flush().await.unwrap();
    for (action, kept) in [("login", 100), ("manifest.pull", 500)] {
        let mut all = lines(&house, of(action)).await;
        all.sort_by_key(|line| line.count);
        let rest = all.pop().unwrap();
        assert_eq!((all.len(), rest.count), (kept, 20_000 - kept as u64), "{action}");
        assert_eq!((rest.address, rest.outcome.as_str()), (None, "refused"));
    }
    // The minute is over, and so are its bounds.
    house.audit.failed_login(failed_login(&house, "y", "192.0.2.9"));
    house.audit.flush_all().await.unwrap();
    let last = AuditQuery { actor: Some("claimed:\"y\"".into()), ..of("login") };
    assert_eq!(lines(&house, last).await.len(), 1);
}

#[tokio::test]
async fn refusals_leave_room_in_the_queue_while_the_store_is_slow() {
    let house = House::new().await;
    for _ in 0..10_000 {
        house.audit.note(note(&house, "manifest.pull"));
    }
    house.audit.failed_login(failed_login(&house, "ann", "192.0.2.9"));
    house.clock.advance(Duration::from_secs(60));
    house.audit.flush().await.unwrap();
    assert!(lines(&house, of("login")).await.is_empty(), "it waits until there is room");
    house.audit.flush().await.unwrap();
    assert_eq!((lines(&house, of("login")).await.len(), house.audit.dropped()), (1, 0));
}

#[tokio::test]
async fn a_refused_command_of_a_known_subject_is_written() {
    let house = House::new().await;
    house.user("eve").await;
    for _ in 0..3 {
        house.by("eve", user_add("bob", true)).await.unwrap_err();
    }
    house.audit.flush_all().await.unwrap();
    let refused = AuditQuery { outcome: Some("refused".into()), ..AuditQuery::default() };
    let refused = lines(&house, refused).await;
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].actor.as_str(), refused[0].count), ("user:eve", 3));
}

#[tokio::test]
async fn a_refused_command_writes_no_more_than_a_name() {
    let house = House::new().await;
    house.user("eve").await;
    let name = format!("{}é{}", "x".repeat(249), "y".repeat(1 << 20));
    house.by("eve", user_add(&name, true)).await.unwrap_err();
    house.audit.flush_all().await.unwrap();
    let refused = AuditQuery { outcome: Some("refused".into()), ..AuditQuery::default() };
    let refused = lines(&house, refused).await;
    assert_eq!(refused[0].target, format!("user:{}", "x".repeat(249)));
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_holds_nobody_up() {
    let house = House::new().await;
    for _ in 0..10_001 {
        house.audit.note(note(&house, "manifest.pull"));
    }
    assert_eq!(house.audit.dropped(), 1);
    house.audit.note_waiting(note(&house, "manifest.push")).await;
    assert_eq!(house.audit.dropped(), 2, "a second is over");
    house.audit.flush().await.unwrap();
    house.audit.note(note(&house, "manifest.pull"));
    assert_eq!(house.audit.dropped(), 2, "there is room again");
}

#[tokio::test]
async fn what_waits_is_written_at_the_end() {
    let house = House::new().await;
    house.audit.note(note(&house, "manifest.push"));
    house.audit.refused(note(&house, "manifest.pull"));
    house.audit.keep_flushing(std::future::ready(())).await;
    assert_eq!(lines(&house, of("manifest")).await.len(), 2);
}

#[tokio::test]
async fn the_sealer_leaves_the_youngest_lines_alone() {
    let house = House::new().await;
    house.audit.note(note(&house, "manifest.push"));
    house.audit.flush().await.unwrap();
    // A slower transaction may still come in between.
    assert_eq!(seal_once(&*house.store, 100).await.unwrap(), 0);
    let retention = AuditRetention { age: Some(Duration::ZERO), lines: Some(0) };
    house.clock.advance(Duration::from_secs(3600));
    let now = house.clock.now();
    assert_eq!(prune_once(&*house.store, retention, now, 100).await.unwrap(), 0);
    assert_eq!(lines(&house, of("manifest")).await.len(), 1, "what is not sealed stays");
}
