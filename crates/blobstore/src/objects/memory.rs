//! A bucket in memory, for the suite.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Attributes, Error, MultipartId, ObjectStoreExt, PutPayload, PutResult, Result};
use parking_lot::Mutex;

use super::bucket::{Bucket, Clients};

/// The content that several [`Bucket`]s share, as replicas share a store.
#[derive(Debug, Clone)]
pub struct Memory(Arc<InMemory>, Arc<Uploads>);

/// Uploads in parts as S3 keeps them; the library's own in memory join whatever
/// parts there are.
#[derive(Debug, Default)]
struct Uploads {
    objects: Arc<InMemory>,
    state: Mutex<State>,
    mixes: bool,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    open: BTreeMap<String, BTreeMap<usize, (String, Bytes)>>,
}

impl State {
    fn next(&mut self) -> String {
        self.last += 1;
        self.last.to_string()
    }
}

impl Memory {
    fn new(mixes: bool) -> Self {
        let objects = Arc::<InMemory>::default();
        let uploads = Uploads { objects: objects.clone(), mixes, ..Uploads::default() };
        Self(objects, Arc::new(uploads))
    }

    /// Keeps its promises.
    pub fn good() -> Self {
        Self::new(false)
    }

    /// Completes with the newest content of a part, whichever is named.
    pub fn that_mixes_parts() -> Self {
        Self::new(true)
    }
}

impl Bucket {
    /// A bucket over this memory whose parts have `part` bytes.
    pub fn in_memory(memory: &Memory, part: u64) -> Arc<Self> {
        Self::on(Clients {
            objects: memory.0.clone(),
            multipart: memory.1.clone(),
            pages: None,
            signer: None,
            public: false,
            root: "some/root/".into(),
            part,
            smallest_part: 1024,
            attributes: Attributes::new(),
            part_copy: None,
            name: "memory".into(),
        })
    }
}

fn unknown(path: &Path) -> Error {
    Error::NotFound { path: path.to_string(), source: "no such upload".into() }
}

#[async_trait]
impl MultipartStore for Uploads {
    async fn create_multipart(&self, _: &Path) -> Result<MultipartId> {
        let mut state = self.state.lock();
        let id = state.next();
        state.open.insert(id.clone(), BTreeMap::new());
        Ok(id)
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        number: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        let mut state = self.state.lock();
        let content_id = state.next();
        let parts = state.open.get_mut(id).ok_or_else(|| unknown(path))?;
        parts.insert(number, (content_id.clone(), data.into()));
        Ok(PartId { content_id })
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        named: Vec<PartId>,
    ) -> Result<PutResult> {
        let mut whole = BytesMut::new();
        {
            let state = self.state.lock();
            let parts = state.open.get(id).ok_or_else(|| unknown(path))?;
            for (number, named) in named.iter().enumerate() {
                match parts.get(&number) {
                    Some((tag, part)) if self.mixes || *tag == named.content_id => {
                        whole.extend_from_slice(part);
                    }
                    _ => {
                        let source = "Server returned non-2xx status code: 400 Bad Request: \
                                      <Code>InvalidPart</Code>";
                        return Err(Error::Generic { store: "memory", source: source.into() });
                    }
                }
            }
        }
        let done = self.objects.put(path, whole.freeze().into()).await?;
        self.state.lock().open.remove(id);
        Ok(done)
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        let known = self.state.lock().open.remove(id);
        known.map(drop).ok_or_else(|| unknown(path))
    }
}
