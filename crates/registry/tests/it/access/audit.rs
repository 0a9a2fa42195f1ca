//! Who did what is written down, and stays as it was written.

use std::time::Duration;

use registry::accounts::command::AuditQuery;
use registry::accounts::{Answer, Command, CommandError, TokenRequest};
use registry::audit::{AuditRetention, CheckFrom, Origin, Pruned, prune_once, seal_once};
use store::{AuditNote, AuditSeal, AuditStore as _, Clock as _};

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
    for _ in 0..9_000 {
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

fn login(house: &House, actor: &str, address: &str) -> AuditNote {
    let (actor, address) = (actor.into(), Some(address.into()));
    AuditNote {
        actor,
        address,
        outcome: "ok".into(),
        target: String::new(),
        ..note(house, "login")
    }
}

#[tokio::test]
async fn logins_of_a_minute_from_one_place_become_one_line_with_their_count() {
    let house = House::new().await;
    for number in 0..30_000 {
        let address = format!("2001:db8::{:x}", number % 7);
        house.audit.signed_in(login(&house, "robot:ci", &address));
    }
    house.audit.signed_in(login(&house, "robot:ci", "192.0.2.9"));
    house
        .audit
        .signed_in(AuditNote { via: "token".into(), ..login(&house, "robot:ci", "192.0.2.9") });
    house.audit.signed_in(login(&house, "user:ann", "192.0.2.9"));
    house.audit.failed_login(failed_login(&house, "ann", "192.0.2.9"));
    house.audit.flush().await.unwrap();
    assert!(lines(&house, of("login")).await.is_empty(), "the minute is not over");
    house.clock.advance(Duration::from_secs(60));
    house.audit.signed_in(login(&house, "user:ann", "192.0.2.9"));
    house.audit.flush().await.unwrap();
    let all = lines(&house, of("login")).await;
    let mut seen: Vec<_> = all
        .iter()
        .map(|it| (it.actor.as_str(), it.via.as_str(), it.address.as_deref().unwrap(), it.count))
        .collect();
    seen.sort_unstable();
    let expected = [
        ("claimed:\"ann\"", "password", "192.0.2.9", 1),
        ("robot:ci", "password", "192.0.2.9", 1),
        ("robot:ci", "password", "2001:db8::0", 30_000),
        ("robot:ci", "token", "192.0.2.9", 1),
        ("user:ann", "password", "192.0.2.9", 1),
    ];
    assert_eq!(seen, expected);
    house.audit.flush_all().await.unwrap();
    assert_eq!(lines(&house, of("login")).await.len(), 6, "the next minute");
}

#[tokio::test]
async fn one_who_signs_in_from_everywhere_does_not_fill_the_log() {
    let house = House::new().await;
    for number in 0..5_000 {
        let address = format!("2001:db8:0:{number:x}::1");
        house.audit.signed_in(login(&house, "robot:ci", &address));
        house.audit.signed_in(login(&house, &format!("user:u{number}"), "192.0.2.1"));
    }
    house.audit.failed_login(failed_login(&house, "eve", "192.0.2.9"));
    house.audit.flush_all().await.unwrap();
    let own = AuditQuery { actor: Some("robot:ci".into()), ..of("login") };
    let mut own = lines(&house, own).await;
    own.sort_by_key(|line| line.count);
    let rest = own.pop().unwrap();
    assert_eq!((own.len(), rest.count, rest.address), (8, 4_992, None));
    let many = AuditQuery { actor: Some("many".into()), ..of("login") };
    let many = lines(&house, many).await;
    let [line] = many.as_slice() else { panic!("{many:?}") };
    assert_eq!((line.count, line.outcome.as_str()), (5_000 - 491, "ok"), "apart from failed ones");
    assert_eq!(house.audit.dropped(), 0);
}

#[tokio::test]
async fn pulls_and_logins_leave_room_in_the_queue_for_writes() {
    let house = House::new().await;
    for _ in 0..20_000 {
        house.audit.note(note(&house, "manifest.pull"));
        house.audit.signed_in(login(&house, "robot:ci", "192.0.2.1"));
    }
    let dropped = house.audit.dropped();
    assert_eq!(dropped, 11_000);
    for _ in 0..1_000 {
        house.audit.note_waiting(note(&house, "manifest.push")).await;
    }
    assert_eq!(house.audit.dropped(), dropped);
    house.audit.flush_all().await.unwrap();
    assert_eq!(lines(&house, of("login")).await[0].count, 20_000);
}

#[tokio::test]
async fn what_was_not_copied_is_not_removed_before_the_log_is_twice_as_long() {
    let house = House::new().await;
    for _ in 0..100 {
        house.audit.note(note(&house, "manifest.push"));
    }
    house.audit.flush().await.unwrap();
    let (last, unsealed) = house.store.unsealed_audit(Duration::ZERO, 100).await.unwrap();
    let copied = unsealed[9].id;
    let mut before = last.clone();
    let seals = unsealed.iter().map(|line| {
        let sequence = before.as_ref().map_or(0, |seal: &AuditSeal| seal.sequence) + 1;
        let seal = AuditSeal { sequence, hash: [7; 32] };
        before = Some(seal.clone());
        (line.id, seal)
    });
    let seals = seals.collect();
    assert!(house.store.seal_audit(last, seals).await.unwrap());
    house.clock.advance(Duration::from_secs(3600));
    let now = house.clock.now();
    let prune = async |lines, copied, limit| {
        let retention = AuditRetention { age: Some(Duration::from_secs(60)), lines: Some(lines) };
        prune_once(&*house.store, retention, copied, now, limit).await.unwrap()
    };
    let pruned = |lines, uncopied| Pruned { lines, uncopied };
    assert_eq!(prune(50, Some(copied), 4).await, pruned(4, 0));
    assert_eq!(prune(50, Some(copied), 1_000).await, pruned(6, 0));
    assert_eq!(prune(50, Some(copied), 1_000).await, pruned(0, 0));
    assert_eq!(prune(40, Some(copied), 7).await, pruned(7, 7), "more than 80 are there");
    assert_eq!(prune(40, Some(copied), 1_000).await, pruned(3, 3));
    assert_eq!(prune(40, None, 1_000).await, pruned(79, 0), "nobody copies any more");
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_holds_nobody_up() {
    let house = House::new().await;
    for _ in 0..9_001 {
        house.audit.note(note(&house, "manifest.pull"));
    }
    assert_eq!(house.audit.dropped(), 1);
    for _ in 0..1_000 {
        house.audit.note_waiting(note(&house, "manifest.push")).await;
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
    assert_eq!(prune_once(&*house.store, retention, None, now, 100).await.unwrap().lines, 0);
    assert_eq!(lines(&house, of("manifest")).await.len(), 1, "what is not sealed stays");
}

#[tokio::test]
async fn a_wrong_old_password_is_written_down_and_one_that_is_missing_is_not() {
    let house = House::new().await;
    house.user("ann").await;
    let passwd = |old: Option<&str>| Command::UserPasswd {
        name: None,
        old_password: old.map(identity::Secret::new),
        password: Some(identity::Secret::new("another password")),
        generate: false,
    };
    let ann = house.signed_in("ann").await.into_caller();
    house.by_caller(ann.clone(), passwd(None)).await.unwrap_err();
    // After five there is a wait, which is written down as well.
    for _ in 0..6 {
        house.by_caller(ann.clone(), passwd(Some("guessed password"))).await.unwrap_err();
    }
    house.audit.flush_all().await.unwrap();
    let all = lines(&house, of("user.passwd")).await;
    let [line] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((line.actor.as_str(), line.target.as_str()), ("user:ann", "user:ann"));
    assert_eq!((line.outcome.as_str(), line.count), ("refused", 6));
    assert_eq!((line.via.as_str(), line.address.as_deref()), ("password", Some("198.51.100.7")));
    assert_eq!(line.request.as_deref(), Some("r1"));
    assert!(!serde_json::to_string(line).unwrap().contains("guessed"));
}

#[tokio::test]
async fn what_a_client_keeps_is_written_down_with_its_address() {
    let house = House::new().await;
    house.user("ann").await;
    let origin = Origin { address: Some("192.0.2.8".into()), request: Some("r8".into()) };
    let request = TokenRequest { offline: true, origin, ..TokenRequest::default() };
    let ann = house.signed_in("ann").await;
    assert!(house.accounts.issue(&ann, request).await.unwrap().refresh_token.is_some());
    let all = lines(&house, of("refresh-token")).await;
    let [line] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((line.action.as_str(), line.actor.as_str()), ("refresh-token.create", "user:ann"));
    assert_eq!(line.address.as_deref(), Some("192.0.2.8"));
    assert_eq!(line.request.as_deref(), Some("r8"));
}

#[tokio::test]
async fn a_check_is_for_administrators_and_goes_on_from_places_that_can_be() {
    let house = House::new().await;
    house.user("eve").await;
    let check = |from| Command::AuditVerify { from };
    let refused = house.by("eve", check(CheckFrom::default())).await.unwrap_err();
    assert!(matches!(refused, CommandError::Forbidden { .. }), "{refused:?}");
    let hash = |text: &str| Some(text.to_owned());
    let whole = "ab".repeat(32);
    for from in [
        CheckFrom { sequence: Some(1), ..CheckFrom::default() },
        CheckFrom { hash: hash(&whole), ..CheckFrom::default() },
        CheckFrom { sequence: Some(1), hash: hash("abc"), ..CheckFrom::default() },
        CheckFrom { sequence: Some(1), hash: hash(&"zz".repeat(32)), ..CheckFrom::default() },
        CheckFrom { sequence: Some(1), hash: hash(&"é".repeat(16)), ..CheckFrom::default() },
    ] {
        let by = super::house::OPERATOR;
        let wrong = house.accounts.execute(&by, check(from.clone())).await.unwrap_err();
        assert!(wrong.to_string().starts_with("hash: "), "{from:?}: {wrong}");
    }
    let answer = house.operator(check(CheckFrom::default())).await;
    let Answer::Checked { part } = answer else { panic!("{answer:?}") };
    assert_eq!((part.sealed, part.unsealed, part.broken, part.next), (0, 1, None, None));
}
