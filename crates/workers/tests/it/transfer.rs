//! Moving a registry from one pair of stores to another.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use blobstore::{Bucket, Memory, ObjectBlobs, ObjectBlobsOptions};
use oci::{Algorithm, ByteRange, Digest, Tag};
use parking_lot::Mutex;
use store::{
    BlobPlace, ContentStore, CounterStore, HistoryStore, ImportBatch, ImportStore, ImportedBlob,
    NewHistory, OsRandom, Page, PublishBlob, PublishPlan, PullCount, SettingsStore, StoreError,
    TagMove, Timestamp, UnlinkBlob, WalkStore, WriteError,
};
use tokio::sync::watch;
use workers::transfer::{
    self, Freeze, Gate, Moved, Side, Source, Transfer, TransferError, TransferReport,
};
use workers::{Finding, Observer, Problem, Progress, Shutdown, Silent, Volume, WorkError};

use crate::house::{Ear, House, image, index, name, referrer};

mod accounts;

const MINUTE: Duration = Duration::from_secs(60);

fn side(house: &House) -> Side {
    Side {
        walk: house.meta.clone(),
        content: house.meta.clone(),
        import: house.meta.clone(),
        counters: house.meta.clone(),
        history: house.meta.clone(),
        accounts: house.meta.clone(),
        settings: house.meta.clone(),
        blobs: house.blobs.clone(),
    }
}

fn plan(from: &House, to: &House, source: Source) -> Transfer {
    Transfer {
        from: side(from),
        to: side(to),
        source,
        resume: false,
        settings: vec!["upload-key"],
        clock: from.clock.clone(),
        random: Arc::new(OsRandom),
    }
}

async fn run(transfer: &Transfer) -> Result<TransferReport, TransferError> {
    transfer::run(transfer, &Silent, &Shutdown::never()).await
}

/// Moves from a source that nobody uses.
async fn carry(from: &House, to: &House) -> TransferReport {
    run(&plan(from, to, Source::Still)).await.unwrap()
}

/// The same to a target of an earlier move.
async fn carry_on(from: &House, to: &House) -> Result<TransferReport, TransferError> {
    run(&Transfer { resume: true, ..plan(from, to, Source::Still) }).await
}

/// A house whose blobs are objects of a bucket.
fn cluster() -> House {
    let mut house = House::new();
    let bucket = Bucket::in_memory(&Memory::good(), 1 << 20);
    house.blobs = ObjectBlobs::new(bucket, Arc::new(OsRandom), ObjectBlobsOptions::default());
    house
}

/// Everything that can be walked through, in lines, with times and pulls.
async fn everything(house: &House) -> Vec<String> {
    let mut lines = Vec::new();
    for repository in house.meta.walk_repositories(Page::first(1000)).await.unwrap() {
        lines.push(format!("{repository}"));
        for link in house.meta.walk_links(&repository, Page::first(1000)).await.unwrap() {
            lines.push(format!("{repository} {link:?}"));
        }
        for manifest in house.meta.walk_manifests(&repository, Page::first(1000)).await.unwrap() {
            lines.push(format!("{repository} {manifest:?}"));
            let subject = &manifest.sha256;
            let all = house.meta.referrers(&repository, subject, Page::first(1000)).await.unwrap();
            lines.extend(all.iter().map(|one| format!("{repository} {subject} <- {one:?}")));
        }
        for tag in house.meta.walk_tags(&repository, Page::first(1000)).await.unwrap() {
            lines.push(format!("{repository} {tag:?}"));
        }
        for one in house.meta.walk_history(&repository, Page::first(1000)).await.unwrap() {
            lines.push(format!("{repository} {:?}", TagMove { number: 0, ..one }));
        }
    }
    lines
}

/// The bytes of a member blob.
async fn pull(house: &House, repository: &str, digest: &Digest) -> Vec<u8> {
    let blob = house.meta.blob(&name(repository), digest).await.unwrap().unwrap();
    assert!(blob.verified);
    match blob.place {
        BlobPlace::Inline(bytes) => bytes.to_vec(),
        BlobPlace::Stored(key) => {
            let whole = ByteRange { start: 0, end_inclusive: blob.size - 1 };
            let mut stream = house.blobs.read(&key, whole).await.unwrap();
            let mut bytes = Vec::new();
            while let Some(chunk) = futures_util::StreamExt::next(&mut stream).await {
                bytes.extend_from_slice(&chunk.unwrap());
            }
            bytes
        }
    }
}

fn large() -> Vec<u8> {
    (0..3_000_000_u32).map(|number| (number % 251).to_le_bytes()[0]).collect()
}

/// One of everything.
async fn furnish(house: &House) {
    let large = large();
    house.push_inline("a", b"{}").await;
    house.push_stored("a", b"layer").await;
    house.push_stored("a", &large).await;
    name_by(house, "b/c", &large, None).await;
    house.push_inline("b/c", b"{}").await;
    let child = image(b"{}", &[b"layer"]);
    house.push_manifest("a", &child, &["one", "uno"]).await;
    house.clock.advance(MINUTE);
    house.push_manifest("a", &image(b"{}", &[&large]), &["two"]).await;
    house.push_manifest("a", &index(&[&child]), &["all"]).await;
    house.push_manifest("a", &referrer(&child, b"{}"), &[]).await;
    let other = image(b"{}", &[&large]);
    let sha512 = Digest::of(Algorithm::Sha512, other.as_bytes());
    house.push_manifest_as("b/c", &other, &["named"], Some(sha512)).await;
    // A tag that keeps the name its manifest was pushed by before.
    let twice = image(b"{}", &[]);
    let sha512 = Digest::of(Algorithm::Sha512, twice.as_bytes());
    house.push_manifest_as("b/c", &twice, &["before"], Some(sha512)).await;
    house.clock.advance(MINUTE);
    house.push_manifest("b/c", &twice, &["after"]).await;
    let gone = house.push_inline("emptied", b"soon gone").await;
    let command = UnlinkBlob { repository: name("emptied"), digest: gone };
    house.meta.unlink_blob(command, Box::new(|_| Ok(()))).await.unwrap();
    let sha512 = Digest::of(Algorithm::Sha512, b"layer");
    name_by(house, "a", b"layer", Some(sha512)).await;
    let count = |digest, tag: Option<&str>, count| PullCount {
        repository: name("a"),
        digest,
        tag: tag.map(|tag| Tag::parse(tag).unwrap()),
        count,
        last: store::Timestamp::from_millis(77),
    };
    let child = Digest::sha256(child.as_bytes());
    house.meta.add_pulls(vec![count(child, Some("one"), 5), count(child, None, 2)]).await.unwrap();
    house.meta.set_setting("upload-key", b"secret".to_vec()).await.unwrap();
}

/// A client pushes bytes that are there already, under another name if one is given.
async fn name_by(house: &House, repository: &str, bytes: &[u8], sha512: Option<Digest>) {
    publish(house, repository, bytes, sha512, store::Clock::now(&*house.clock)).await;
}

async fn name_by_at(house: &House, repository: &str, bytes: &[u8], at: Timestamp) {
    publish(house, repository, bytes, None, at).await;
}

async fn publish(
    house: &House,
    repository: &str,
    bytes: &[u8],
    sha512: Option<Digest>,
    at: Timestamp,
) {
    let command = PublishBlob {
        repository: name(repository),
        sha256: Digest::sha256(bytes),
        sha512,
        size: bytes.len() as u64,
        place: None,
        session: None,
        at,
    };
    let kept = Box::new(|_: &_| Ok(PublishPlan::KeepExisting));
    house.meta.publish_blob(command, kept).await.unwrap();
}

async fn arrives(to: &House) {
    let from = House::new();
    furnish(&from).await;
    let report = carry(&from, to).await;
    assert_eq!(everything(to).await, everything(&from).await);
    assert_eq!(pull(to, "a", &Digest::sha256(&large())).await, large());
    assert_eq!(pull(to, "b/c", &Digest::sha256(&large())).await, large());
    let sha512 = Digest::of(Algorithm::Sha512, b"layer");
    assert_eq!(pull(to, "a", &sha512).await, b"layer");
    assert_eq!(pull(to, "b/c", &Digest::sha256(b"{}")).await, b"{}");
    assert_eq!(to.meta.setting("upload-key").await.unwrap().unwrap(), b"secret");
    let bytes = large().len() as u64 + 7;
    let moved =
        Moved { blobs: 3, bytes, links: 5, manifests: 6, tags: 7, removed: 0, ..Moved::default() };
    assert_eq!((report.passes, report.moved), (1, moved));
    let holds = report.holds;
    let counts = (holds.repositories, holds.links, holds.manifests, holds.tags);
    assert_eq!(counts, (3, 5, 6, 7));
    assert_eq!(report.findings.total(), 0);
}

#[tokio::test]
async fn everything_arrives_with_its_times_names_and_pulls() {
    arrives(&House::new()).await;
}

#[tokio::test]
async fn everything_arrives_in_a_bucket() {
    arrives(&cluster()).await;
}

#[tokio::test]
async fn the_history_of_tags_arrives_with_who_moved_them_and_what_is_gone() {
    let (from, to) = (House::new(), House::new());
    furnish(&from).await;
    carry(&from, &to).await;
    // As if other people had done what the house did.
    let moves = async |repository: &str| {
        let page = Page::first(1000);
        from.meta.walk_history(&name(repository), page).await.unwrap()
    };
    let tags = ["two", "one", "all"].map(|tag| Tag::parse(tag).unwrap());
    let by = |one: &TagMove, actor: &str| TagMove { actor: Some(actor.to_owned()), ..one.clone() };
    let mut histories = Vec::new();
    for (tag, (actor, count)) in tags.iter().zip([("ann", 600), ("bob", 100), ("eve", 100)]) {
        let held = moves("a").await;
        let held: Vec<_> = held.into_iter().filter(|one| one.tag == *tag).collect();
        // More than is written at once.
        let moves = held.iter().cycle().take(count).map(|one| by(one, actor)).collect::<Vec<_>>();
        let from_number = Some(held[0].number);
        histories.push(NewHistory { tag: tag.clone(), from_number, moves });
    }
    let at = store::Clock::now(&*from.clock);
    let eve = Some("eve".to_owned());
    for history in histories {
        from.meta.write_history(&name("a"), vec![history]).await.unwrap();
    }
    assert!(from.meta.delete_tag(&name("a"), &tags[2], eve, at).await.unwrap());
    carry_on(&from, &to).await.unwrap();
    assert_eq!(everything(&to).await, everything(&from).await);
    assert!(everything(&to).await.iter().any(|line| line.contains("eve")));
    // And back, where the end of one is missing.
    let last = moves("a").await.into_iter().rfind(|one| one.tag == tags[0]).unwrap();
    let cut =
        NewHistory { tag: tags[0].clone(), from_number: Some(last.number), moves: Vec::new() };
    let before = everything(&from).await;
    from.meta.write_history(&name("a"), vec![cut]).await.unwrap();
    assert!(matches!(carry_on(&to, &from).await, Err(TransferError::Changed)));
    carry_on(&from, &to).await.unwrap();
    assert_eq!(everything(&to).await, everything(&from).await);
    assert_eq!(everything(&to).await.len(), before.len() - 1);
}

#[tokio::test]
async fn links_keep_their_ages_whichever_side_is_younger() {
    let (from, to) = (House::new(), House::new());
    let digest = from.push_stored("a", b"layer").await;
    carry(&from, &to).await;
    let age =
        async |house: &House| house.meta.walk_links(&name("a"), Page::first(9)).await.unwrap();
    assert_eq!(age(&to).await, age(&from).await);
    // Pushed again in the source, then by somebody who was behind.
    from.clock.advance(MINUTE);
    name_by(&from, "a", b"layer", None).await;
    carry_on(&from, &to).await.unwrap();
    assert_eq!(age(&to).await, age(&from).await);
    from.clock.advance(MINUTE);
    let command = UnlinkBlob { repository: name("a"), digest };
    from.meta.unlink_blob(command, Box::new(|_| Ok(()))).await.unwrap();
    let old = House::new();
    name_by_at(&from, "a", b"layer", store::Clock::now(&*old.clock)).await;
    let report = carry_on(&from, &to).await.unwrap();
    assert_eq!((report.moved.links, report.moved.blobs), (1, 0));
    assert_eq!(age(&to).await, age(&from).await);
}

#[tokio::test]
async fn a_second_run_writes_nothing_and_counts_no_pull_twice() {
    let (from, to) = (House::new(), House::new());
    furnish(&from).await;
    carry(&from, &to).await;
    let report = carry_on(&from, &to).await.unwrap();
    assert_eq!(report.moved, Moved::default());
    assert_eq!(everything(&to).await, everything(&from).await);
}

/// Does what clients do in the last moment before the freeze.
struct LastMoment {
    house: Arc<House>,
    gate: Gate,
    thawed: Mutex<bool>,
}

impl LastMoment {
    fn of(house: &Arc<House>) -> Arc<Self> {
        Arc::new(Self { house: house.clone(), gate: Gate::default(), thawed: Mutex::new(false) })
    }
}

#[async_trait]
impl Freeze for LastMoment {
    async fn freeze(&self) -> Result<(), StoreError> {
        let house = &self.house;
        house.clock.advance(MINUTE);
        let at = store::Clock::now(&*house.clock);
        // New, moved, and moved to where it was before with a later time.
        house.push_stored("a", b"late").await;
        house.push_manifest("a", &image(b"{}", &[b"late"]), &["late", "two"]).await;
        let one = image(b"{}", &[b"layer"]);
        house.meta.delete_tag(&name("a"), &Tag::parse("uno").unwrap(), None, at).await?;
        house.push_manifest("a", &one, &["uno"]).await;
        house.push_manifest("new", &index(&[]), &["first"]).await;
        // Gone.
        house.meta.delete_tag(&name("a"), &Tag::parse("all").unwrap(), None, at).await?;
        let named = Digest::sha256(image(b"{}", &[&large()]).as_bytes());
        house.meta.delete_manifest(&name("b/c"), &named, None, at).await?;
        let command = UnlinkBlob { repository: name("b/c"), digest: Digest::sha256(&large()) };
        house.meta.unlink_blob(command, Box::new(|_| Ok(()))).await.unwrap();
        self.gate.freeze().await
    }

    async fn thaw(&self) {
        *self.thawed.lock() = true;
        self.gate.thaw().await;
    }
}

#[tokio::test]
async fn what_clients_do_until_the_freeze_is_in_the_target() {
    let (from, to) = (Arc::new(House::new()), cluster());
    furnish(&from).await;
    let moment = LastMoment::of(&from);
    let report = run(&plan(&from, &to, Source::Serving(moment.clone()))).await.unwrap();
    assert_eq!(everything(&to).await, everything(&from).await);
    assert_eq!(report.passes, 2);
    // The tag, the manifest, and the link.
    assert_eq!(report.moved.removed, 3);
    assert!(moment.gate.is_frozen() && !*moment.thawed.lock());
    assert_eq!(pull(&to, "a", &Digest::sha256(b"late")).await, b"late");
}

#[tokio::test]
async fn a_move_that_fails_lets_the_source_serve_on() {
    let (from, to) = (Arc::new(House::new()), House::new());
    furnish(&from).await;
    let unreadable = from.push_stored("z", b"cannot be read now").await;
    let path = from.root().join("docker/registry/v2").join(crate::plant::data(&unreadable));
    std::fs::remove_file(&path).unwrap();
    // What is neither there nor missing.
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let moment = LastMoment::of(&from);
    let transfer = plan(&from, &to, Source::Serving(moment.clone()));
    let ear = Ear::default();
    let failed = transfer::run(&transfer, &ear, &Shutdown::never()).await.unwrap_err();
    let TransferError::Differs(difference) = &failed else { panic!("{failed}") };
    assert_eq!(difference.to_string(), format!("blob z@{unreadable} is only in the source"));
    assert!(matches!(ear.findings.lock()[0].problem, Problem::Unreadable(_)));
    assert!(*moment.thawed.lock() && !moment.gate.is_frozen());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"cannot be read now").unwrap();
    let report = carry_on(&from, &to).await.unwrap();
    assert_eq!((report.moved.blobs, report.moved.links), (1, 1));
}

#[tokio::test]
async fn a_damaged_blob_is_named_and_left_out_and_the_rest_arrives() {
    let (from, to) = (House::new(), House::new());
    furnish(&from).await;
    let large = Digest::sha256(&large());
    let path = from.root().join("docker/registry/v2").join(crate::plant::data(&large));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1_000_000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let gone = from.push_stored("a", b"without bytes").await;
    std::fs::remove_file(from.root().join("docker/registry/v2").join(crate::plant::data(&gone)))
        .unwrap();
    let ear = Ear::default();
    let transfer = plan(&from, &to, Source::Still);
    let report = transfer::run(&transfer, &ear, &Shutdown::never()).await.unwrap();
    let problem = Problem::HashMismatch(Digest::sha256(&bytes));
    let damaged = Finding { path: format!("a@{large}"), problem };
    let missing = Finding { path: format!("a@{gone}"), problem: Problem::NoBytes(gone) };
    let mut found = report.findings.kept.clone();
    found.sort_by_key(|finding| finding.path != damaged.path);
    assert_eq!(found, [damaged, missing]);
    // Told once, although two repositories have it.
    assert_eq!(ear.findings.lock().len(), 2);
    for repository in ["a", "b/c"] {
        assert_eq!(to.meta.blob(&name(repository), &large).await.unwrap(), None);
    }
    let expected: Vec<_> = everything(&from).await;
    let is_link = |line: &&String| line.contains("LinkWalk") && !line.contains(&large.hex());
    let others = |line: &&String| !line.contains("LinkWalk");
    let left = |line: &&String| others(line) || (is_link(line) && !line.contains(&gone.hex()));
    let expected: Vec<_> = expected.iter().filter(left).cloned().collect();
    assert_eq!(everything(&to).await, expected);
    // A push mends it, and so does the next move.
    std::fs::write(&path, self::large()).unwrap();
    let report = carry_on(&from, &to).await.unwrap();
    assert_eq!((report.moved.blobs, report.moved.links, report.findings.total()), (1, 2, 1));
}

#[tokio::test]
async fn imported_blobs_are_verified_by_the_move_and_false_names_dropped() {
    let (from, to) = (House::new(), House::new());
    let (good, other) =
        (from.push_stored("x", b"good").await, from.push_stored("x", b"other").await);
    let wrong = Digest::of(Algorithm::Sha512, b"else");
    let key = async |digest| match from.meta.blob(&name("x"), &digest).await.unwrap().unwrap().place
    {
        BlobPlace::Stored(key) => key,
        BlobPlace::Inline(_) => panic!("it was stored"),
    };
    let blob = |sha256, sha512, key, size| ImportedBlob { sha256, sha512: Some(sha512), size, key };
    let right = Digest::of(Algorithm::Sha512, b"other");
    let batch = ImportBatch {
        repository: name("i"),
        at: store::Clock::now(&*from.clock),
        blobs: vec![blob(good, wrong, key(good).await, 4), blob(other, right, key(other).await, 5)],
        manifests: Vec::new(),
        tags: Vec::new(),
    };
    from.meta.import(batch).await.unwrap();
    assert_eq!(from.meta.unverified_total().await.unwrap().0, 2);
    let report = carry(&from, &to).await;
    assert_eq!(to.meta.unverified_total().await.unwrap().0, 0);
    let problems: Vec<_> = report.findings.kept.iter().map(|found| &found.problem).collect();
    assert_eq!(problems, [&Problem::WrongName(wrong)]);
    assert_eq!(pull(&to, "i", &Digest::of(Algorithm::Sha512, b"other")).await, b"other");
    assert_eq!(pull(&to, "i", &good).await, b"good");
    assert_eq!(to.meta.blob(&name("i"), &wrong).await.unwrap(), None);
}

/// Asks for the end as soon as a blob is copied.
struct Impatient(watch::Sender<bool>);

impl Observer for Impatient {
    fn progress(&self, _: &Progress) {}
    fn volume(&self, volume: &Volume) {
        if volume.objects > 0 {
            self.0.send_replace(true);
        }
    }
    fn line(&self, _: &str) {}
    fn finding(&self, _: &Finding) {}
}

#[tokio::test]
async fn an_interrupted_move_goes_on_where_it_was() {
    let (from, to) = (House::new(), House::new());
    furnish(&from).await;
    for number in 0..100 {
        from.push_stored("many", format!("layer {number}").as_bytes()).await;
    }
    let (stop, stopping) = watch::channel(false);
    let transfer = plan(&from, &to, Source::Still);
    let ended = transfer::run(&transfer, &Impatient(stop), &Shutdown::new(stopping)).await;
    assert!(matches!(ended, Err(TransferError::Work(WorkError::Interrupted))));
    assert!(matches!(run(&transfer).await, Err(TransferError::TargetHolds(_))));
    let before = to.meta.walk_blobs(Page::first(1000)).await.unwrap().len() as u64;
    assert!(before > 0);
    let report = carry_on(&from, &to).await.unwrap();
    assert_eq!(report.moved.blobs, 103 - before);
    assert_eq!(everything(&to).await, everything(&from).await);
}

#[tokio::test]
async fn the_way_back_is_a_move_in_the_other_direction() {
    let (first, second) = (Arc::new(House::new()), cluster());
    furnish(&first).await;
    carry(&first, &second).await;
    second.clock.advance(2 * MINUTE);
    second.push_stored("a", b"pushed to the second").await;
    let body = image(b"{}", &[b"pushed to the second"]);
    second.push_manifest("a", &body, &["two", "newest"]).await;
    let at = store::Clock::now(&*second.clock);
    second.meta.delete_tag(&name("a"), &Tag::parse("one").unwrap(), None, at).await.unwrap();
    let report = carry_on(&second, &first).await.unwrap();
    assert_eq!(everything(&first).await, everything(&second).await);
    let moved = Moved {
        blobs: 1,
        bytes: 20,
        links: 1,
        manifests: 1,
        tags: 2,
        removed: 1,
        ..Moved::default()
    };
    assert_eq!(report.moved, moved);
}

#[tokio::test]
async fn a_target_in_which_something_could_be_lost_is_refused() {
    let (from, to) = (House::new(), House::new());
    furnish(&from).await;
    assert!(matches!(carry_on(&from, &from).await, Err(TransferError::Same)));
    to.push_inline("own", b"not from there").await;
    let failed = run(&plan(&from, &to, Source::Still)).await.unwrap_err();
    assert!(matches!(failed, TransferError::TargetHolds(first) if first == name("own")));
    assert!(matches!(carry_on(&from, &to).await, Err(TransferError::NotATwin)));
    let copy = House::new();
    carry(&from, &copy).await;
    copy.push_manifest("a", &index(&[]), &["pushed-there"]).await;
    assert!(matches!(carry_on(&from, &copy).await, Err(TransferError::Changed)));
    // Another source is not the twin either.
    let other = House::new();
    furnish(&other).await;
    assert!(matches!(carry_on(&other, &copy).await, Err(TransferError::NotATwin)));
}

#[tokio::test]
async fn a_closed_gate_refuses_writes_and_lets_reads_through() {
    let house = House::new();
    furnish(&house).await;
    let gate = Gate::default();
    let content = gate.before(house.meta.clone());
    let at = store::Clock::now(&*house.clock);
    gate.freeze().await.unwrap();
    let tag = Tag::parse("one").unwrap();
    let refused = content.delete_tag(&name("a"), &tag, None, at).await;
    assert!(matches!(refused, Err(StoreError::Busy(_))));
    let command = UnlinkBlob { repository: name("a"), digest: Digest::sha256(b"layer") };
    let refused = content.unlink_blob(command, Box::new(|_| Ok(()))).await;
    assert!(matches!(refused, Err(WriteError::Store(StoreError::Busy(_)))));
    assert!(content.repository_exists(&name("a")).await.unwrap());
    gate.thaw().await;
    assert!(content.delete_tag(&name("a"), &tag, None, at).await.unwrap());
}

#[tokio::test]
async fn a_freeze_waits_for_the_write_on_its_way() {
    let house = House::new();
    furnish(&house).await;
    let gate = Gate::default();
    let content = gate.before(house.meta.clone());
    let (entered, mut inside) = watch::channel(false);
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let left = Mutex::new(left);
    let command = UnlinkBlob { repository: name("b/c"), digest: Digest::sha256(&large()) };
    let write = tokio::spawn(async move {
        let rule = move |_: &_| {
            entered.send_replace(true);
            left.lock().recv().unwrap();
            Ok(())
        };
        content.unlink_blob(command, Box::new(rule)).await
    });
    inside.wait_for(|inside| *inside).await.unwrap();
    let freezing = tokio::spawn({
        let gate = gate.clone();
        async move { gate.freeze().await }
    });
    while !gate.is_frozen() {
        tokio::task::yield_now().await;
    }
    assert!(!freezing.is_finished());
    leave.send(()).unwrap();
    freezing.await.unwrap().unwrap();
    write.await.unwrap().unwrap();
}
