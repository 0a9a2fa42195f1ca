//! Whether a store does what it says: tried at the start, before anything is
//! entrusted to it.

use bytes::Bytes;
use store::{Random, StoreError};

use super::bucket::Bucket;
use super::failure::Trouble;
use super::layout;

/// What a store that does not lie can do beyond what is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// It refuses to replace an object when asked to. Without this no small
    /// blob is put to its own place in the distribution tree.
    pub creates: bool,
    /// It tells a part of an upload from one that replaced it. Without this an
    /// upload that may have had two writers is read back once.
    pub tells_parts: bool,
    /// Whether it can sign addresses for clients.
    pub signs: bool,
}

impl Bucket {
    /// Writes, reads, lists, uploads in parts and removes below `berth/probe/`.
    ///
    /// # Errors
    /// If a call fails, or if an answer is not what was written: the text says
    /// which, and the store must not be used.
    pub async fn probe(&self, random: &dyn Random) -> Result<Probe, StoreError> {
        let folder = format!("berth/probe/{}/", layout::nonce(random));
        let tried = Trial { bucket: self, folder: &folder }.all(random).await;
        let cleared = self.clear_probe(&folder).await;
        let probe = tried?;
        cleared?;
        self.learned(probe.creates, probe.tells_parts);
        Ok(probe)
    }

    async fn clear_probe(&self, folder: &str) -> Result<(), StoreError> {
        for record in self.names(folder, None, 100).await? {
            self.erase(&record.key).await?;
        }
        Ok(())
    }
}

struct Trial<'a> {
    bucket: &'a Bucket,
    folder: &'a str,
}

impl Trial<'_> {
    async fn all(&self, random: &dyn Random) -> Result<Probe, StoreError> {
        let mut content = [0; 64];
        random.fill(&mut content);
        let content = Bytes::copy_from_slice(&content);
        self.whole(&content).await?;
        self.lists().await?;
        let creates = self.creates(&content).await?;
        let tells_parts = self.parts().await?;
        self.aborts().await?;
        self.removes().await?;
        Ok(Probe { creates, tells_parts, signs: self.bucket.clients().signer.is_some() })
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    fn lies(&self, what: &str) -> StoreError {
        StoreError::Failed(format!(
            "{} cannot be used as storage: {what}. It was tried below {}",
            self.bucket.name(),
            self.folder
        ))
    }

    async fn whole(&self, content: &Bytes) -> Result<(), StoreError> {
        let key = self.key("whole");
        self.bucket.write(&key, content.clone().into(), false).await?;
        if self.bucket.content(&key, 1024).await?.as_ref() != Some(content) {
            return Err(self.lies("an object is not read back as it was written"));
        }
        if self.bucket.head(&key).await?.map(|record| record.size) != Some(content.len() as u64) {
            return Err(self.lies("it tells a wrong size of an object"));
        }
        if self.range(&key, 3, 10).await? != content.slice(3..10) {
            return Err(self.lies("a range of an object is not what was asked for"));
        }
        Ok(())
    }

    async fn range(&self, key: &str, start: u64, end: u64) -> Result<Bytes, StoreError> {
        let found = self.bucket.open(key, Some(start..end)).await?;
        found
            .bytes()
            .await
            .map_err(|error| StoreError::Failed(format!("reading a range of {key}: {error}")))
    }

    async fn lists(&self) -> Result<(), StoreError> {
        let found = self.bucket.names(self.folder, None, 10).await?;
        if !found.iter().any(|record| record.key == self.key("whole")) {
            return Err(self.lies("an object that was just written is not listed"));
        }
        Ok(())
    }

    async fn creates(&self, content: &Bytes) -> Result<bool, StoreError> {
        let key = self.key("whole");
        let other = Bytes::from_static(b"must not replace");
        let refused = match self.bucket.write(&key, other.into(), true).await {
            Err(Trouble::Taken(_)) => true,
            Ok(()) => return Ok(false),
            // Some do not know the condition and say so.
            Err(Trouble::Missing(_)) | Err(Trouble::Other(StoreError::Failed(_))) => false,
            Err(trouble) => return Err(trouble.into()),
        };
        if self.bucket.content(&key, 1024).await?.as_ref() != Some(content) {
            return Err(self.lies("it refused to replace an object and did so all the same"));
        }
        let fresh = self.bucket.write(&self.key("fresh"), content.clone().into(), true).await;
        Ok(refused && fresh.is_ok())
    }

    /// Uploads two parts, the first of them twice, and completes with the name
    /// of the one that was replaced.
    async fn parts(&self) -> Result<bool, StoreError> {
        let key = self.key("parts");
        let size = usize::try_from(self.bucket.clients().smallest_part).unwrap_or(usize::MAX);
        let part = |byte: u8| Bytes::from(vec![byte; size]);
        let upload = self.bucket.begin(&key).await?;
        let old = self.bucket.part(&key, &upload, 0, part(b'a').into()).await?;
        let new = self.bucket.part(&key, &upload, 0, part(b'b').into()).await?;
        let last = self.bucket.part(&key, &upload, 1, Bytes::from_static(b"end").into()).await?;
        let with_old = [old, last.clone()].into_iter();
        if self.bucket.complete(&key, &upload, with_old).await.is_ok() {
            let first = self.check_parts(&key, size as u64).await?;
            // It may keep both, or join whatever came last.
            return Ok(first == b'a');
        }
        self.bucket.complete(&key, &upload, [new, last].into_iter()).await?;
        match self.check_parts(&key, size as u64).await? {
            b'b' => Ok(true),
            _ => Err(self.lies("an upload was completed with another part than the one named")),
        }
    }

    /// Checks size and ends of the object and returns its first byte.
    async fn check_parts(&self, key: &str, size: u64) -> Result<u8, StoreError> {
        if self.bucket.head(key).await?.map(|record| record.size) != Some(size + 3) {
            return Err(self.lies("two parts did not become an object of their size"));
        }
        let seam = self.range(key, size - 1, size + 3).await?;
        match (seam.as_ref(), self.range(key, 0, 1).await?.as_ref()) {
            ([one, b'e', b'n', b'd'], [first]) if one == first => Ok(*first),
            _ => Err(self.lies("two parts did not become an object of their bytes")),
        }
    }

    async fn aborts(&self) -> Result<(), StoreError> {
        let key = self.key("aborted");
        let upload = self.bucket.begin(&key).await?;
        self.bucket.part(&key, &upload, 0, Bytes::from_static(b"x").into()).await?;
        self.bucket.abort(&key, &upload).await?;
        match self.bucket.head(&key).await? {
            None => Ok(()),
            Some(_) => Err(self.lies("an upload that was given up became an object")),
        }
    }

    async fn removes(&self) -> Result<(), StoreError> {
        for name in ["whole", "fresh", "parts"] {
            self.bucket.erase(&self.key(name)).await?;
        }
        let key = self.key("whole");
        if self.bucket.head(&key).await?.is_some()
            || self.bucket.content(&key, 1024).await?.is_some()
        {
            return Err(self.lies("an object is still there after its removal"));
        }
        if !self.bucket.names(self.folder, None, 10).await?.is_empty() {
            return Err(self.lies("objects are still listed after their removal"));
        }
        // Gone already: must be no error.
        self.bucket.erase(&key).await
    }
}
