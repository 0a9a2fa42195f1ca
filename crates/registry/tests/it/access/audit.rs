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
