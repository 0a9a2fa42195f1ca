//! An open upload: a file in the staging directory and the bytes not yet in it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Algorithm, Digest, Hasher};
use store::{BlobKey, BlobSlot, Checkpoint, Digests, StagedBlob, StagingId, StoreError};

use super::buffer::{BLOCK, Buffer, User};
use super::failure::{While, sorted};
use super::lane::Part;
use super::lease::Lease;
use super::pipe::{self, Pipe, Target};
use super::place::Written;
use super::{Shared, block, directory, read};

/// One staging area, written by one request at a time.
pub(super) struct FileStage {
    pipe: Pipe,
    filling: Option<Filling>,
    /// The unfinished block before `offset` when nothing is being filled.
    tail: Vec<u8>,
    offset: u64,
    area: Arc<Area>,
    _user: User,
}

/// A buffer that is not full yet.
struct Filling {
    buffer: Buffer,
    known: usize,
    length: usize,
}

/// What blocking work on the staging file needs; keeps others away from it.
struct Area {
    shared: Arc<Shared>,
    id: StagingId,
    file: Arc<File>,
    _lease: Arc<Lease>,
}

impl FileStage {
    /// Makes a staging file, or empties one that nobody can go on with.
    pub(super) async fn create(
        shared: Arc<Shared>,
        id: StagingId,
        hashers: Vec<Hasher>,
    ) -> Result<Self, StoreError> {
        let lease = shared.leases.take(&id).await?;
        block::on(move || {
            let path = shared.layout.staging(&id);
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(&path);
            let file = file.doing("making", &path, shared.layout.root())?;
            sole(&file, &id)?;
            file.set_len(0).doing("emptying", &path, shared.layout.root())?;
            Self::on(
                shared,
                id,
                file,
                Checkpoint { offset: 0, hashers, place: Bytes::new() },
                lease,
            )
        })
        .await
    }

    /// Opens a staging file again and cuts it back to a checkpoint.
    pub(super) async fn reopen(
        shared: Arc<Shared>,
        id: StagingId,
        from: Checkpoint,
    ) -> Result<Option<Self>, StoreError> {
        let lease = shared.leases.take(&id).await?;
        block::on(move || {
            let (path, root) = (shared.layout.staging(&id), shared.layout.root());
            let file = match OpenOptions::new().read(true).write(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                other => other.doing("opening", &path, root)?,
            };
            sole(&file, &id)?;
            let length = file.metadata().doing("reading the state of", &path, root)?.len();
            if length < from.offset {
                return Ok(None);
            }
            if length > from.offset {
                file.set_len(from.offset).doing("cutting", &path, root)?;
            }
            Self::on(shared, id, file, from, lease).map(Some)
        })
        .await
    }

    fn on(
        shared: Arc<Shared>,
        id: StagingId,
        file: File,
        from: Checkpoint,
        lease: Arc<Lease>,
    ) -> Result<Self, StoreError> {
        let (path, root) = (shared.layout.staging(&id), shared.layout.root().to_owned());
        let tail = pipe::tail(&file, from.offset, &path, &root)?;
        let file = Arc::new(file);
        let target = Target { file: Arc::clone(&file), direct: shared.direct, path, root };
        Ok(Self {
            pipe: Pipe::new(target, from.hashers, Arc::clone(&lease)),
            filling: None,
            tail,
            offset: from.offset,
            _user: shared.buffers.user(),
            area: Arc::new(Area { shared, id, file, _lease: lease }),
        })
    }

    /// A buffer that begins with the unfinished block.
    async fn begin(&mut self) -> Result<Filling, StoreError> {
        self.pipe.room().await?;
        let mut buffer = self.take_buffer().await?;
        let known = self.tail.len();
        if let Some(front) = buffer.bytes_mut().get_mut(..known) {
            front.copy_from_slice(&self.tail);
        }
        self.tail.clear();
        Ok(Filling { buffer, known, length: known })
    }

    /// A buffer of the common stock, or else one of our own once none of ours
    /// is under way: an upload never waits for another one.
    async fn take_buffer(&self) -> Result<Buffer, StoreError> {
        let none = |error: io::Error| sorted("taking a buffer for upload", &self.area.id, &error);
        let buffers = &self.area.shared.buffers;
        if let Some(buffer) = buffers.try_take().map_err(none)? {
            return Ok(buffer);
        }
        self.pipe.rest().await?;
        Buffer::small().map_err(none)
    }

    /// Sends what has been filled on its way, full or not.
    fn flush(&mut self) {
        let Some(Filling { buffer, known, length }) = self.filling.take() else { return };
        let whole = length / BLOCK * BLOCK;
        self.tail.extend_from_slice(buffer.bytes().get(whole..length).unwrap_or_default());
        if length > known {
            let at = self.offset - length as u64;
            self.pipe.push(Part { buffer, at, known, length });
        }
    }

    /// Runs `work` on the staging file on a blocking thread.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Area) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let area = Arc::clone(&self.area);
        block::on(move || work(&area)).await
    }
}

#[async_trait]
impl StagedBlob for FileStage {
    fn offset(&self) -> u64 {
        self.offset
    }

    async fn append(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        let mut rest = chunk.as_ref();
        while !rest.is_empty() {
            let mut filling = match self.filling.take() {
                Some(filling) => filling,
                None => self.begin().await?,
            };
            let later = filling.add(rest);
            self.offset += (rest.len() - later.len()) as u64;
            rest = later;
            let full = filling.length == filling.buffer.bytes().len();
            self.filling = Some(filling);
            if full {
                self.flush();
            }
        }
        Ok(())
    }

    fn passed(&self) -> Option<Checkpoint> {
        self.pipe.passed()
    }

    async fn checkpoint(&mut self, durable: bool) -> Result<Checkpoint, StoreError> {
        self.flush();
        let hashers = self.pipe.rest().await?;
        if durable {
            self.blocking(|area| area.sync().and_then(|()| area.sync_name())).await?;
        }
        self.pipe.forget_points();
        Ok(Checkpoint { offset: self.offset, hashers, place: Bytes::new() })
    }

    async fn finish(&mut self) -> Result<Digests, StoreError> {
        self.flush();
        let hashers = self.pipe.rest().await?;
        let digest = |algorithm| {
            hashers
                .iter()
                .find(|hasher| hasher.algorithm() == algorithm)
                .cloned()
                .map(Hasher::finish)
        };
        let sha256 = digest(Algorithm::Sha256).ok_or_else(|| {
            StoreError::Failed(format!("upload {} was staged without sha256", self.area.id))
        })?;
        Ok(Digests { sha256, sha512: digest(Algorithm::Sha512) })
    }

    async fn sha512(&mut self) -> Result<Digest, StoreError> {
        self.flush();
        self.pipe.rest().await?;
        let length = self.offset;
        self.blocking(move |area| area.hash(Algorithm::Sha512, length)).await
    }

    async fn publish(mut self: Box<Self>, slot: &BlobSlot) -> Result<BlobKey, StoreError> {
        self.flush();
        self.pipe.rest().await?;
        let slot = slot.clone();
        self.blocking(move |area| {
            area.sync()?;
            let path = area.shared.layout.staging(&area.id);
            area.shared.places.take(&area.shared.layout, &path, &slot, &Written::Synced)
        })
        .await
    }

    async fn bytes(&mut self, limit: usize) -> Result<Bytes, StoreError> {
        self.flush();
        self.pipe.rest().await?;
        let length = usize::try_from(self.offset).map_or(limit, |offset| offset.min(limit));
        self.blocking(move |area| area.front(length)).await
    }
}

impl Filling {
    /// Takes what fits from the front of `bytes` and returns the rest.
    fn add<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let room = self.buffer.bytes_mut().get_mut(self.length..).unwrap_or_default();
        let (now, later) = bytes.split_at(bytes.len().min(room.len()));
        if let Some(front) = room.get_mut(..now.len()) {
            front.copy_from_slice(now);
        }
        self.length += now.len();
        later
    }
}

/// Keeps other processes that share the directory away from the file until it
/// is closed, as the lease does within this one. A request that another replica
/// has not yet let go of is over in moments.
fn sole(file: &File, id: &StagingId) -> Result<(), StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::Busy(format!("upload {id} is being written by another server")))
        }
        // A file system without locks has one server only.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(sorted("locking upload", id, &error)),
    }
}

impl Area {
    /// Makes the bytes durable.
    ///
    /// After a failed sync the kernel may call lost pages clean, so that a
    /// second sync would succeed. Such a file must never be gone on with.
    fn sync(&self) -> Result<(), StoreError> {
        let (path, root) = (self.shared.layout.staging(&self.id), self.shared.layout.root());
        let synced = self.file.sync_data().doing("syncing", &path, root);
        if synced.is_err() {
            // The first error is the one to report.
            let _ = std::fs::remove_file(&path);
        }
        synced
    }

    /// Makes the name in the staging directory durable.
    fn sync_name(&self) -> Result<(), StoreError> {
        let directory = self.shared.layout.staging_directory();
        directory::sync(directory).doing("syncing directory", directory, self.shared.layout.root())
    }

    fn hash(&self, algorithm: Algorithm, length: u64) -> Result<Digest, StoreError> {
        let (path, root) = (self.shared.layout.staging(&self.id), self.shared.layout.root());
        let mut hasher = Hasher::new(algorithm);
        read::in_chunks(&self.file, length, |chunk| hasher.update(chunk))
            .doing("reading", &path, root)?;
        Ok(hasher.finish())
    }

    fn front(&self, length: usize) -> Result<Bytes, StoreError> {
        use std::os::unix::fs::FileExt;
        let (path, root) = (self.shared.layout.staging(&self.id), self.shared.layout.root());
        let mut front = vec![0; length];
        self.file.read_exact_at(&mut front, 0).doing("reading", &path, root)?;
        Ok(front.into())
    }
}
