//! Many at once on the same few names. Every look at the tables is one
//! statement and so one moment: what must hold, holds in all of them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use store::{
    BlobKey, BlobPlace, BlobState, ContentStore, LivenessStore, MountBlob, MountFacts, Page,
    PublishBlob, PublishFacts, PublishPlan, PutManifestFacts, Refusal, StoreError, UnlinkBlob,
    UnlinkFacts, WriteError,
};

use super::*;
use crate::MetadataStore;

/// Rows that contradict each other, by what is wrong with them.
const AUDIT: &str = "
SELECT 'a manifest without its blob', count(*) FROM reference f
    WHERE f.role <> 'child' AND NOT EXISTS (SELECT 1 FROM link l JOIN blob b USING (sha256)
        WHERE l.repository_id = f.repository_id AND l.sha256 = f.digest
        AND b.state IN ('live', 'condemned')) HAVING count(*) > 0
UNION ALL SELECT 'an index without its child', count(*) FROM reference f
    WHERE f.role = 'child' AND NOT EXISTS (SELECT 1 FROM manifest m
        WHERE m.repository_id = f.repository_id AND m.sha256 = f.digest) HAVING count(*) > 0
UNION ALL SELECT 'a member that is deleted', count(*) FROM link l
    JOIN blob b USING (sha256) WHERE b.state = 'deleting' HAVING count(*) > 0
UNION ALL SELECT 'a wrong number of manifests', count(*) FROM repository r
    WHERE r.manifests <> (SELECT count(*) FROM manifest m WHERE m.repository_id = r.id)
    HAVING count(*) > 0
UNION ALL SELECT 'an emptied repository without its time', count(*) FROM repository r
    WHERE r.manifests = 0 AND EXISTS (SELECT 1 FROM tag_history h WHERE h.repository_id = r.id)
    AND NOT EXISTS (SELECT 1 FROM emptied e WHERE e.repository = r.name) HAVING count(*) > 0
UNION ALL SELECT 'a tag elsewhere', count(*) FROM tag t JOIN manifest m ON m.id = t.manifest_id
    WHERE m.repository_id <> t.repository_id OR m.digest <> t.digest HAVING count(*) > 0
UNION ALL SELECT 'a move from elsewhere', count(*) FROM (
    SELECT from_digest, lag(to_digest) OVER (PARTITION BY repository_id, name ORDER BY id) AS last
    FROM tag_history) h WHERE h.from_digest IS DISTINCT FROM h.last HAVING count(*) > 0
UNION ALL SELECT 'a tag that its history does not know', count(*) FROM (
    SELECT DISTINCT ON (repository_id, name) repository_id, name, to_digest
    FROM tag_history ORDER BY repository_id, name, id DESC) h
    FULL JOIN tag t ON t.repository_id = h.repository_id AND t.name = h.name
    WHERE t.digest IS DISTINCT FROM h.to_digest HAVING count(*) > 0
UNION ALL SELECT 'bytes of no manifest', count(*) FROM manifest_bytes b
    WHERE NOT EXISTS (SELECT 1 FROM manifest m WHERE m.bytes_id = b.id) HAVING count(*) > 0";

/// The same few names for all.
const REPOSITORIES: [&str; 3] = ["a", "b", "c"];
const BLOBS: [&str; 4] = ["one", "two", "three", "four"];
const TAGS: [&str; 3] = ["t", "u", "v"];

/// A bucket in which a key is or is not.
#[derive(Default)]
struct Bucket(Mutex<HashSet<String>>);

impl Bucket {
    fn put(&self, key: &str) -> BlobKey {
        self.0.lock().insert(key.to_owned());
        BlobKey::new(key)
    }

    fn delete(&self, key: &BlobKey) {
        self.0.lock().remove(key.as_str());
    }
}

/// One of many writers, with chance of its own.
struct Writer {
    store: Arc<Postgres>,
    bucket: Arc<Bucket>,
    number: u64,
    chance: u64,
}

type Outcome = Result<(), WriteError>;

impl Writer {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        from[(self.chance >> 33) as usize % from.len()]
    }

    async fn act(&mut self, step: u64) -> Outcome {
        match self.pick(&[0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9]) {
            0 => self.publish(step).await,
            1 => self.mount().await,
            2 => self.put().await,
            3 => self.delete_manifest().await,
            4 => self.delete_tag().await,
            5 => self.unlink().await,
            6 => self.drop_links().await,
            7 => self.drop_untagged().await,
            8 => self.collect().await,
            _ => self.put_index().await,
        }
    }

    async fn publish(&mut self, step: u64) -> Outcome {
        let (name, content) = (self.pick(&REPOSITORIES), self.pick(&BLOBS));
        let key = self.bucket.put(&format!("{content}-{}-{step}", self.number));
        let command = PublishBlob {
            repository: repository(name),
            sha256: sha256(content),
            sha512: None,
            size: 3,
            place: Some(BlobPlace::Stored(key.clone())),
            session: None,
            at: at(1000),
        };
        let rule = |facts: &PublishFacts| match facts.existing {
            Some(BlobState::Live | BlobState::Condemned) => Ok(PublishPlan::KeepExisting),
            _ => Ok(PublishPlan::TakeNew),
        };
        let published = self.store.publish_blob(command, Box::new(rule)).await;
        match published {
            Ok(published) => {
                if let Some(loser) = published.unlink {
                    self.bucket.delete(&loser);
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn mount(&mut self) -> Outcome {
        let (repository, digest) =
            (repository(self.pick(&REPOSITORIES)), sha256(self.pick(&BLOBS)));
        let command = MountBlob { repository, digest, from: None, at: at(1000) };
        let rule = |facts: &MountFacts| match facts.sources.is_empty() {
            true => Err(Refusal::BlobUnknown),
            false => Ok(()),
        };
        self.store.mount_blob(command, Box::new(rule)).await
    }

    async fn put(&mut self) -> Outcome {
        let (name, one, two) = (self.pick(&REPOSITORIES), self.pick(&BLOBS), self.pick(&BLOBS));
        let references = [(Role::Config, sha256(one)), (Role::Layer, sha256(two))];
        let content = format!("manifest of {one} and {two}");
        let tags = [self.pick(&TAGS), self.pick(&TAGS)];
        let count = self.pick(&[0, 1, 1, 2]);
        let command = push(name, &content, &references, &tags[..count]);
        self.store.put_manifest(command, Box::new(all_there)).await
    }

    async fn put_index(&mut self) -> Outcome {
        let name = self.pick(&REPOSITORIES);
        let child = self.pick(&["left", "right"]);
        self.store.put_manifest(push(name, child, &[], &[]), Box::new(all_there)).await?;
        let references = [(Role::Child, sha256(child))];
        let tag = self.pick(&TAGS);
        let command = push(name, &format!("index of {child}"), &references, &[tag]);
        self.store.put_manifest(command, Box::new(all_there)).await
    }

    async fn delete_manifest(&mut self) -> Outcome {
        let (name, one, two) = (self.pick(&REPOSITORIES), self.pick(&BLOBS), self.pick(&BLOBS));
        let digest = sha256(&format!("manifest of {one} and {two}"));
        self.store.delete_manifest(&repository(name), &digest, None, at(1000)).await?;
        Ok(())
    }

    async fn delete_tag(&mut self) -> Outcome {
        let (name, by) = (self.pick(&REPOSITORIES), self.pick(&TAGS));
        self.store.delete_tag(&repository(name), &tag(by), None, at(1000)).await?;
        Ok(())
    }

    async fn unlink(&mut self) -> Outcome {
        let (repository, digest) =
            (repository(self.pick(&REPOSITORIES)), sha256(self.pick(&BLOBS)));
        let rule = |facts: &UnlinkFacts| match facts.needed_by {
            Some(by) => Err(Refusal::BlobNeeded { by }),
            None => Ok(()),
        };
        self.store.unlink_blob(UnlinkBlob { repository, digest }, Box::new(rule)).await
    }

    async fn drop_links(&mut self) -> Outcome {
        let name = repository(self.pick(&REPOSITORIES));
        let found = self.store.stale_links(&name, at(9000), Page::first(100)).await?;
        let digests = found.iter().map(|link| link.sha256).collect();
        self.store.drop_links(&name, digests, at(9000)).await?;
        Ok(())
    }

    async fn drop_untagged(&mut self) -> Outcome {
        let name = repository(self.pick(&REPOSITORIES));
        let found = self.store.untagged_manifests(&name, at(9000), Page::first(100)).await?;
        let digests = found.iter().map(|manifest| manifest.sha256).collect();
        self.store.drop_untagged(&name, digests, at(9000), at(9000)).await?;
        Ok(())
    }

    /// As the collector does: bury, remove the bytes, forget. What was buried
    /// may be pushed again in between, by another key.
    async fn collect(&mut self) -> Outcome {
        let digests = BLOBS.iter().map(|content| sha256(content)).collect();
        let buried = self.store.bury(digests, at(9000)).await?;
        for blob in &buried {
            if let Some(key) = &blob.key {
                self.bucket.delete(key);
            }
        }
        let buried = buried.iter().map(|blob| blob.sha256).collect();
        self.store.forget(buried).await?;
        Ok(())
    }
}

fn all_there(facts: &PutManifestFacts) -> Result<(), Refusal> {
    let there = |one: &store::Presence| match one.role {
        Role::Child => one.manifest,
        _ => one.blob,
    };
    let missing: Vec<_> =
        facts.presence.iter().filter(|one| !there(one)).map(|one| one.digest).collect();
    if missing.is_empty() { Ok(()) } else { Err(Refusal::MissingReferences(missing)) }
}

/// Done, refused, busy.
#[derive(Default)]
struct Tally([AtomicU64; 3]);

impl Tally {
    fn note(&self, outcome: &Outcome) {
        let index = match outcome {
            Ok(()) => 0,
            Err(WriteError::Refused(_)) => 1,
            Err(WriteError::Store(StoreError::Busy(_))) => 2,
            Err(error) => panic!("{error:?}"),
        };
        self.0[index].fetch_add(1, Ordering::Relaxed);
    }

    fn all(&self) -> [u64; 3] {
        self.0.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

async fn race(store: &Arc<Postgres>, other: &Arc<Postgres>, bucket: &Arc<Bucket>) -> [u64; 3] {
    let tally = Arc::new(Tally::default());
    let tasks = (0..32_u64).map(|number| {
        let store = Arc::clone(if number % 2 == 0 { store } else { other });
        let bucket = Arc::clone(bucket);
        let mut writer = Writer { store, bucket, number, chance: number * 7919 };
        let tally = Arc::clone(&tally);
        tokio::spawn(async move {
            for step in 0..60 {
                tally.note(&writer.act(step).await);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    tally.all()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn thirty_two_writers_on_two_replicas_contradict_each_other_nowhere() {
    let server = Arc::new(PostgresServer::start());
    let url = server.create_database("races");
    let (store, other) = (open(&url).await, open(&url).await);
    let bucket = Arc::new(Bucket::default());
    let over = Arc::new(AtomicBool::new(false));
    let watching = {
        let (server, over) = (Arc::clone(&server), Arc::clone(&over));
        tokio::task::spawn_blocking(move || {
            let mut looks = 0;
            while !over.load(Ordering::Relaxed) {
                assert_eq!(server.sql("races", AUDIT), "");
                looks += 1;
            }
            looks
        })
    };
    let [done, refused, busy] = race(&store, &other, &bucket).await;
    over.store(true, Ordering::Relaxed);
    let looks = watching.await.unwrap();
    let retries = store.figures().pool.unwrap().retries + other.figures().pool.unwrap().retries;
    eprintln!("{done} done, {refused} refused, {busy} busy, {retries} retries, {looks} audits");
    assert_eq!(server.sql("races", AUDIT), "");
    let held = server.sql("races", "SELECT key FROM blob WHERE state <> 'deleting'");
    for key in held.lines() {
        assert!(bucket.0.lock().contains(key), "the bytes of {key} were removed");
    }
    assert!(done > 500, "{done} of 1920 were done");
    assert!(busy < 40, "{busy} of 1920 met others five times");
}
