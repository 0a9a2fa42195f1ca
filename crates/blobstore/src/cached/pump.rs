//! Fetching a blob into its file, once for all who read it.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use oci::{Algorithm, Digest, Hasher};
use store::{BlobKey, ByteStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use super::entry::Entry;
use super::fill::Fill;
use super::layout::{self, BLOCK};
use super::store::{MEMORY, Shared};

/// A fill may wait so long for the disk, and then as long as it did not wait for it.
const GRACE: Duration = Duration::from_secs(2);

/// Bytes on their way to the disk, and the memory that they are counted with.
type Piece = (Bytes, OwnedSemaphorePermit);

/// One fill. Dropped before its end it leaves nothing behind.
pub(super) struct Pump {
    shared: Arc<Shared>,
    entry: Arc<Entry>,
    fill: Arc<Fill>,
    key: BlobKey,
    expected: Digest,
    /// The place among the fills that may go on at one time.
    _slot: OwnedSemaphorePermit,
}

/// How a fill ended.
enum Outcome {
    Kept,
    /// The bytes have this digest.
    Mismatch(Digest),
    /// Not all bytes came, or the entry had to make room.
    GivenUp,
    Disk(io::Error),
}

impl Pump {
    /// For an entry that nobody else fills.
    pub(super) fn new(
        shared: Arc<Shared>,
        entry: Arc<Entry>,
        fill: Arc<Fill>,
        wanted: (BlobKey, Digest),
        slot: OwnedSemaphorePermit,
    ) -> Self {
        shared.counters.add(&shared.counters.filling, 1);
        let (key, expected) = wanted;
        Self { shared, entry, fill, key, expected, _slot: slot }
    }

    /// Takes the whole blob from `bytes`.
    pub(super) async fn run(self, bytes: ByteStream) {
        let (sender, receiver) = unbounded_channel();
        let (fill, entry, expected) = (self.fill.clone(), self.entry.clone(), self.expected);
        let writing = tokio::task::spawn_blocking(move || {
            store(&fill, &entry, expected, receiver).unwrap_or_else(Outcome::Disk)
        });
        self.feed(bytes, sender).await;
        self.conclude(writing.await.unwrap_or(Outcome::GivenUp));
    }

    /// Hands the blob to the thread that writes. Returns early if the store fails or the disk is too
    /// slow; the thread then sees that something is missing.
    async fn feed(&self, mut bytes: ByteStream, sender: UnboundedSender<Piece>) {
        let clock = &self.shared.clock;
        let (began, mut waited) = (clock.elapsed(), Duration::ZERO);
        while let Some(next) = bytes.next().await {
            let piece = match next {
                Ok(piece) => piece,
                Err(error) => {
                    tracing::debug!(%error, key = self.key.as_str(), "a blob was not cached");
                    return;
                }
            };
            let before = clock.elapsed();
            let Some(memory) = self.memory(piece.len()).await else { return };
            waited += clock.elapsed().saturating_sub(before);
            let total = clock.elapsed().saturating_sub(began);
            if waited > GRACE && waited * 2 > total {
                self.shared.failed("filling", &"the disk is slower than the store");
                return;
            }
            if sender.send((piece, memory)).is_err() {
                return;
            }
        }
    }

    /// Memory for a piece, shared by all fills.
    async fn memory(&self, length: usize) -> Option<OwnedSemaphorePermit> {
        let wanted = u32::try_from(length / 1024 + 1).unwrap_or(MEMORY).min(MEMORY);
        let memory = &self.shared.memory;
        match Arc::clone(memory).try_acquire_many_owned(wanted) {
            Ok(permit) => Some(permit),
            Err(TryAcquireError::Closed) => None,
            Err(TryAcquireError::NoPermits) => {
                let wait = Arc::clone(memory).acquire_many_owned(wanted);
                tokio::time::timeout(GRACE, wait).await.ok()?.ok()
            }
        }
    }

    fn conclude(&self, outcome: Outcome) {
        let counters = &self.shared.counters;
        match outcome {
            Outcome::Kept => counters.add(&counters.fills, 1),
            Outcome::Mismatch(found) => {
                counters.add(&counters.mismatches, 1);
                self.shared.sightings.forget(&self.entry.name);
                tracing::error!(
                    key = self.key.as_str(),
                    expected = %self.expected,
                    %found,
                    "the store gave other bytes than those of the blob; they are not kept"
                );
            }
            Outcome::GivenUp => counters.add(&counters.fills_lost, 1),
            Outcome::Disk(error) => {
                counters.add(&counters.fills_lost, 1);
                self.shared.failed("filling", &error);
            }
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.fill.give_up();
        if self.entry.fill().is_some() {
            self.shared.index.remove(&self.entry);
        }
        let counters = &self.shared.counters;
        counters.filling.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Writes what comes and, if all of it came and is right, makes it an entry. Blocks.
fn store(
    fill: &Fill,
    entry: &Entry,
    expected: Digest,
    mut pieces: UnboundedReceiver<Piece>,
) -> io::Result<Outcome> {
    let size = fill.size;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut block = Vec::new();
    let mut at = 0;
    while let Some((piece, _memory)) = pieces.blocking_recv() {
        let mut rest = &*piece;
        while !rest.is_empty() {
            let left = BLOCK.min(size - at).saturating_sub(block.len() as u64);
            let (now, later) = rest.split_at(rest.len().min(usize::try_from(left).unwrap_or(0)));
            if now.is_empty() {
                return Ok(Outcome::GivenUp);
            }
            block.extend_from_slice(now);
            rest = later;
            if block.len() as u64 == BLOCK.min(size - at) {
                fill.file.write_all_at(&block, at)?;
                fill.wrote(layout::sum(&block));
                hasher.update(&block);
                at += block.len() as u64;
                block.clear();
                if fill.is_given_up() {
                    return Ok(Outcome::GivenUp);
                }
            }
        }
    }
    if at != size {
        return Ok(Outcome::GivenUp);
    }
    let found = hasher.finish();
    if found != expected {
        fill.is_wrong();
        return Ok(Outcome::Mismatch(found));
    }
    fill.is_right();
    fill.file.write_all_at(&layout::end(&entry.name, size, &fill.sums()), size)?;
    Ok(if entry.complete()? { Outcome::Kept } else { Outcome::GivenUp })
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use tokio::sync::{Semaphore, mpsc};

    use super::*;

    fn written(fill: &Fill, bytes: &[u8], pieces: usize) -> io::Result<Outcome> {
        let directory = tempfile::tempdir().unwrap();
        let name = layout::Name::of("place", &BlobKey::new("key"));
        let entry = Entry::begin(directory.path(), name, fill.size, 1).unwrap();
        let (sender, receiver) = mpsc::unbounded_channel();
        let memory = Arc::new(Semaphore::new(1000));
        for piece in bytes.chunks(pieces) {
            let grant = memory.clone().try_acquire_owned().unwrap();
            sender.send((Bytes::copy_from_slice(piece), grant)).unwrap();
        }
        drop(sender);
        store(fill, &entry, Digest::sha256(bytes), receiver)
    }

    #[test]
    fn a_full_disk_ends_the_fill_with_its_error() {
        let fill = Fill::new(File::options().write(true).open("/dev/full").unwrap(), 300_000);
        let Err(error) = written(&fill, &[7; 300_000], 10_000) else { panic!("a full disk") };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_fill_whose_entry_had_to_go_ends_at_the_next_block() {
        let fill = Fill::new(tempfile::tempfile().unwrap(), 1 << 20);
        fill.give_up();
        let outcome = written(&fill, &vec![7; 1 << 20], 70_000).unwrap();
        assert!(matches!(outcome, Outcome::GivenUp));
        assert_eq!(fill.file.metadata().unwrap().len(), BLOCK);
    }

    #[test]
    fn too_few_and_too_many_bytes_are_no_blob() {
        for (size, sent) in [(300_000, 299_999), (300_000, 300_001), (1 << 18, (1 << 18) + 1)] {
            let fill = Fill::new(tempfile::tempfile().unwrap(), size);
            let outcome = written(&fill, &vec![7; sent], 70_000).unwrap();
            assert!(matches!(outcome, Outcome::GivenUp), "{sent} of {size}");
        }
        for size in [1, 1 << 18, (1 << 18) + 1] {
            let fill = Fill::new(tempfile::tempfile().unwrap(), size as u64);
            let outcome = written(&fill, &vec![7; size], 70_000).unwrap();
            assert!(matches!(outcome, Outcome::Kept), "{size}");
        }
    }
}
