//! The log.

use std::time::Duration;

use store::{AuditFilter, AuditNote, AuditOrder, AuditRecord, AuditSeal};

use super::MetadataStore;
use super::fixture::*;

use AuditOrder::{NewestFirst, OldestFirst};

pub(super) fn note(millis: i64, actor: &str, action: &str, target: &str) -> AuditNote {
    AuditNote {
        at: at(millis),
        actor: actor.into(),
        via: "token".into(),
        address: None,
        action: action.into(),
        target: target.into(),
        outcome: "ok".into(),
        request: None,
        detail: None,
        count: 1,
    }
}

/// Lines that are told apart by their targets.
async fn write(store: &impl MetadataStore, targets: &[&str]) {
    let notes = (1..).zip(targets);
    let notes = notes.map(|(millis, target)| note(millis, "user:alice", "manifest.push", target));
    store.append_audit(notes.collect()).await.unwrap();
}

/// So many lines, at 1, 2, 3 …
async fn write_many(store: &impl MetadataStore, count: i64) {
    let notes = (1..=count).map(|at| note(at, "user:alice", "manifest.push", &format!("{at}")));
    store.append_audit(notes.collect()).await.unwrap();
}

async fn all(store: &impl MetadataStore) -> Vec<AuditRecord> {
    store.audit(AuditFilter::default(), OldestFirst(None), 1000).await.unwrap()
}

fn targets(lines: &[AuditRecord]) -> Vec<&str> {
    lines.iter().map(|line| line.note.target.as_str()).collect()
}

fn nothing() -> [&'static str; 0] {
    []
}

fn seal(sequence: u64) -> AuditSeal {
    AuditSeal { sequence, hash: [u8::try_from(sequence % 256).unwrap(); 32] }
}

/// Seals the oldest lines that have none; how many.
async fn seal_all(store: &impl MetadataStore, limit: usize) -> usize {
    let (last, lines) = store.unsealed_audit(Duration::ZERO, limit).await.unwrap();
    let next = last.as_ref().map_or(1, |last| last.sequence + 1);
    let seals: Vec<_> =
        (next..).zip(&lines).map(|(sequence, line)| (line.id, seal(sequence))).collect();
    assert!(store.seal_audit(last, seals).await.unwrap());
    lines.len()
}

pub(super) async fn a_line_is_read_back_as_it_was_written(store: &impl MetadataStore) {
    let whole = AuditNote {
        address: Some("[2001:db8::1]:443".into()),
        outcome: "refused".into(),
        request: Some("01J".into()),
        detail: Some(r#"{"why":"it's so"}"#.into()),
        count: 17,
        ..note(-5, "robot:team/web+ci", "blob.delete", r"a_%\'é")
    };
    let notes = vec![whole, note(1, "anonymous", "login", "")];
    store.append_audit(notes.clone()).await.unwrap();
    store.append_audit(vec![]).await.unwrap();
    let lines = all(store).await;
    assert!(lines[0].id < lines[1].id);
    assert!(lines.iter().all(|line| line.seal.is_none()));
    assert_eq!(lines.into_iter().map(|line| line.note).collect::<Vec<_>>(), notes);
}

pub(super) async fn the_log_is_read_from_either_end_in_pages(store: &impl MetadataStore) {
    write(store, &["one", "two"]).await;
    write(store, &["three", "four"]).await;
    let page =
        async |order, limit| store.audit(AuditFilter::default(), order, limit).await.unwrap();
    let first = page(OldestFirst(None), 3).await;
    assert_eq!(targets(&first), ["one", "two", "three"]);
    assert_eq!(targets(&page(OldestFirst(Some(first[2].id)), 3).await), ["four"]);
    let last = page(NewestFirst(None), 3).await;
    assert_eq!(targets(&last), ["four", "three", "two"]);
    assert_eq!(targets(&page(NewestFirst(Some(last[2].id)), 3).await), ["one"]);
    assert_eq!(page(NewestFirst(None), 0).await, []);
}

pub(super) async fn a_page_of_the_log_has_at_most_a_thousand_lines(store: &impl MetadataStore) {
    write_many(store, 1001).await;
    let newest = store.audit(AuditFilter::default(), NewestFirst(None), 9000).await.unwrap();
    assert_eq!((newest.len(), newest[0].note.target.as_str()), (1000, "1001"));
    let (_, unsealed) = store.unsealed_audit(Duration::ZERO, 9000).await.unwrap();
    assert_eq!((unsealed.len(), unsealed[0].note.target.as_str()), (1000, "1"));
}

pub(super) async fn all_that_a_filter_names_must_match(store: &impl MetadataStore) {
    let lines = [
        note(10, "user:alice", "user.add", "user:bob"),
        note(20, "user:alice", "user", "team/web"),
        note(30, "user:bob", "users.list", "team/web/app:v1"),
        AuditNote { outcome: "refused".into(), ..note(40, "user:bob", "user.add", "team/web2") },
    ];
    store.append_audit(lines.into()).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    let none = AuditFilter::default;
    let cases: Vec<(AuditFilter, &[i64])> = vec![
        (AuditFilter { actor: text("user:alice"), ..none() }, &[10, 20]),
        (AuditFilter { actor: text("user"), ..none() }, &[]),
        (AuditFilter { action: text("user"), ..none() }, &[10, 20, 40]),
        (AuditFilter { action: text("user.add"), ..none() }, &[10, 40]),
        (AuditFilter { target: text("team/web"), ..none() }, &[20, 30]),
        (AuditFilter { target: text("team"), ..none() }, &[20, 30, 40]),
        (AuditFilter { outcome: text("refused"), ..none() }, &[40]),
        (AuditFilter { since: Some(at(20)), until: Some(at(40)), ..none() }, &[20, 30]),
        (AuditFilter { since: Some(at(41)), ..none() }, &[]),
        (AuditFilter { actor: text("user:bob"), action: text("user"), ..none() }, &[40]),
        (AuditFilter { target: text("team"), until: Some(at(21)), ..none() }, &[20]),
    ];
    for (filter, expected) in cases {
        let mut found = store.audit(filter.clone(), NewestFirst(None), 10).await.unwrap();
        found.reverse();
        assert_eq!(found, store.audit(filter.clone(), OldestFirst(None), 10).await.unwrap());
        let times: Vec<_> = found.iter().map(|line| line.note.at.millis()).collect();
        assert_eq!(times, expected, "{filter:?}");
    }
}

pub(super) async fn a_target_is_found_with_what_is_below_it(store: &impl MetadataStore) {
    write(store, &["a", "a/b", "a:v1", "a@sha256:x", "a-b", "a.b", "a0", "aa", "A/b", "b/a"]).await;
    let filter = AuditFilter { target: Some("a".into()), ..AuditFilter::default() };
    let found = store.audit(filter, OldestFirst(None), 100).await.unwrap();
    assert_eq!(targets(&found), ["a", "a/b", "a:v1", "a@sha256:x"]);
}

pub(super) async fn texts_of_a_filter_mean_themselves(store: &impl MetadataStore) {
    let names = ["a_b", "aXb", "a%", "ab", r"a\b", "a'b", "a\"b", "a\0b"];
    let notes = (1..)
        .zip(names)
        .map(|(at, name)| AuditNote { outcome: name.into(), ..note(at, name, name, name) });
    store.append_audit(notes.collect()).await.unwrap();
    for (millis, name) in (1..).zip(names) {
        let text = || Some(name.to_owned());
        let filters = [
            AuditFilter { actor: text(), ..AuditFilter::default() },
            AuditFilter { action: text(), ..AuditFilter::default() },
            AuditFilter { target: text(), ..AuditFilter::default() },
            AuditFilter { outcome: text(), ..AuditFilter::default() },
        ];
        for filter in filters {
            let found = store.audit(filter.clone(), OldestFirst(None), 10).await.unwrap();
            let times: Vec<_> = found.iter().map(|line| line.note.at.millis()).collect();
            assert_eq!(times, [millis], "{filter:?}");
        }
    }
}

pub(super) async fn the_oldest_lines_are_sealed_first(store: &impl MetadataStore) {
    write(store, &["one", "two", "three"]).await;
    assert_eq!(seal_all(store, 2).await, 2);
    let (last, lines) = store.unsealed_audit(Duration::ZERO, 10).await.unwrap();
    assert_eq!((last, targets(&lines)), (Some(seal(2)), vec!["three"]));
    assert_eq!(seal_all(store, 2).await, 1);
    assert_eq!(seal_all(store, 2).await, 0);
    let seals: Vec<_> = all(store).await.into_iter().map(|line| line.seal).collect();
    assert_eq!(seals, [Some(seal(1)), Some(seal(2)), Some(seal(3))]);
}

pub(super) async fn a_line_must_settle_before_it_is_sealed(store: &impl MetadataStore) {
    write(store, &["one"]).await;
    let unsettled = store.unsealed_audit(Duration::from_secs(3600), 10).await.unwrap();
    assert_eq!(unsettled, (None, vec![]), "written just now, whenever it says it happened");
    assert_eq!(store.unsealed_audit(Duration::MAX, 10).await.unwrap(), (None, vec![]));
    assert_eq!(store.unsealed_audit(Duration::ZERO, 10).await.unwrap().1.len(), 1);
}

pub(super) async fn the_second_of_two_sealers_loses(store: &impl MetadataStore) {
    write(store, &["one", "two"]).await;
    for after in [None, Some(seal(1))] {
        let (last, lines) = store.unsealed_audit(Duration::ZERO, 1).await.unwrap();
        assert_eq!(last, after);
        let next = after.map_or(1, |last| last.sequence + 1);
        let write = || store.seal_audit(last.clone(), vec![(lines[0].id, seal(next))]);
        let (one, other) = tokio::join!(write(), write());
        let outcomes = [one.unwrap(), other.unwrap()];
        assert!(outcomes[0] != outcomes[1], "{outcomes:?}");
        assert!(!write().await.unwrap(), "later, too");
    }
    let other = AuditSeal { hash: [7; 32], ..seal(2) };
    assert!(!store.seal_audit(Some(other), vec![]).await.unwrap(), "another chain");
    assert!(store.seal_audit(Some(seal(2)), vec![]).await.unwrap());
}

pub(super) async fn a_seal_is_never_written_over(store: &impl MetadataStore) {
    write(store, &["one", "two"]).await;
    seal_all(store, 1).await;
    let before = all(store).await;
    let seals = vec![(before[1].id, seal(2)), (before[0].id, seal(3))];
    assert!(store.seal_audit(Some(seal(1)), seals).await.is_err());
    assert_eq!(all(store).await, before);
}

pub(super) async fn the_log_shrinks_at_its_beginning_by_age(store: &impl MetadataStore) {
    write(store, &["one", "two", "three", "four"]).await;
    store.append_audit(vec![note(1, "a", "b", "late"), note(9, "a", "b", "new")]).await.unwrap();
    seal_all(store, 5).await;
    assert_eq!(store.prune_audit(None, None, None, 10).await.unwrap(), 0);
    assert_eq!(store.prune_audit(Some(at(1)), None, None, 10).await.unwrap(), 0);
    assert_eq!(store.prune_audit(Some(at(4)), None, None, 2).await.unwrap(), 2);
    assert_eq!(store.prune_audit(Some(at(4)), None, None, 10).await.unwrap(), 1);
    assert_eq!(targets(&all(store).await), ["four", "late", "new"], "no hole in the chain");
    assert_eq!(store.prune_audit(Some(at(1000)), None, None, 10).await.unwrap(), 1);
    assert_eq!(targets(&all(store).await), ["late", "new"], "the last seal and what has none");
    assert_eq!(seal_all(store, 5).await, 1);
    assert_eq!(all(store).await[1].seal, Some(seal(6)));
}

pub(super) async fn the_log_never_shrinks_beyond_a_line_that_must_stay(store: &impl MetadataStore) {
    write_many(store, 20).await;
    while seal_all(store, 500).await > 0 {}
    let fifth = all(store).await[4].id;
    assert_eq!(store.prune_audit(None, Some(3), Some(fifth), 2).await.unwrap(), 2);
    assert_eq!(store.prune_audit(Some(at(5000)), Some(3), Some(fifth), 100).await.unwrap(), 3);
    assert_eq!(store.prune_audit(Some(at(5000)), Some(3), Some(fifth), 100).await.unwrap(), 0);
    assert_eq!(store.prune_audit(None, Some(3), Some(0), 100).await.unwrap(), 0);
    assert_eq!(all(store).await[0].note.target, "6");
    assert_eq!(store.prune_audit(None, Some(3), None, 100).await.unwrap(), 12);
}

pub(super) async fn the_log_shrinks_at_its_beginning_by_count(store: &impl MetadataStore) {
    write_many(store, 1300).await;
    while seal_all(store, 500).await > 0 {}
    write(store, &["x", "y"]).await;
    assert_eq!(store.prune_audit(None, Some(2000), None, 5000).await.unwrap(), 0);
    assert_eq!(store.prune_audit(None, Some(102), None, 700).await.unwrap(), 700);
    assert_eq!(store.prune_audit(None, Some(102), None, 5000).await.unwrap(), 500);
    assert_eq!(store.prune_audit(None, Some(102), None, 5000).await.unwrap(), 0);
    let left = all(store).await;
    assert_eq!((left.len(), left[0].note.target.as_str()), (102, "1201"));
    assert_eq!(
        store.prune_audit(Some(at(1211)), Some(97), None, 5000).await.unwrap(),
        10,
        "either"
    );
    assert_eq!(store.prune_audit(Some(at(1)), Some(0), None, 5000).await.unwrap(), 89);
    assert_eq!(targets(&all(store).await), ["1300", "x", "y"], "the last seal and what has none");
    let empty = AuditFilter { actor: Some("user:bob".into()), ..AuditFilter::default() };
    let found = store.audit(empty, NewestFirst(None), 10).await.unwrap();
    assert_eq!(targets(&found), nothing());
}
