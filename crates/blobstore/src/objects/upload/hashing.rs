//! Hashing beside receiving: in order, on a blocking thread.

use bytes::Bytes;
use oci::Hasher;
use store::StoreError;
use tokio::sync::{mpsc, oneshot};

/// Blocks that may wait to be hashed.
const WAITING: usize = 16;

/// Fewer bytes than these are hashed on the spot.
const SMALL: usize = 64 << 10;

/// What is hashed one after another.
enum Message {
    Block(Bytes),
    /// Asks for the states after all blocks before.
    Ask(oneshot::Sender<Vec<Hasher>>),
}

/// The hash states of one upload, on their way.
pub(super) struct Hashing(mpsc::Sender<Message>);

/// States that will be known once the hashing has come there.
pub(super) type Later = oneshot::Receiver<Vec<Hasher>>;

impl Hashing {
    pub(super) fn new(hashers: Vec<Hasher>) -> Self {
        let (to, from) = mpsc::channel(WAITING);
        tokio::spawn(run(hashers, from));
        Self(to)
    }

    pub(super) async fn add(&self, block: Bytes) -> Result<(), StoreError> {
        self.0.send(Message::Block(block)).await.map_err(|_| stopped())
    }

    /// The states after everything that was added so far.
    pub(super) async fn ask(&self) -> Result<Later, StoreError> {
        let (to, later) = oneshot::channel();
        self.0.send(Message::Ask(to)).await.map_err(|_| stopped())?;
        Ok(later)
    }

    /// As [`Hashing::ask`], waited for.
    pub(super) async fn states(&self) -> Result<Vec<Hasher>, StoreError> {
        self.ask().await?.await.map_err(|_| stopped())
    }
}

fn stopped() -> StoreError {
    StoreError::Failed("the hashing of an upload has stopped".into())
}

/// Ends when the upload is dropped.
async fn run(mut hashers: Vec<Hasher>, mut from: mpsc::Receiver<Message>) {
    let mut messages = Vec::with_capacity(WAITING);
    while from.recv_many(&mut messages, WAITING).await > 0 {
        let batch = std::mem::take(&mut messages);
        let bytes: usize = batch.iter().map(Message::length).sum();
        if bytes <= SMALL {
            hashers = hash(hashers, batch);
            continue;
        }
        match tokio::task::spawn_blocking(move || hash(hashers, batch)).await {
            Ok(known) => hashers = known,
            // The runtime is going down; who asks learns that nobody answers.
            Err(_) => return,
        }
    }
}

impl Message {
    fn length(&self) -> usize {
        match self {
            Self::Block(block) => block.len(),
            Self::Ask(_) => 0,
        }
    }
}

fn hash(mut hashers: Vec<Hasher>, batch: Vec<Message>) -> Vec<Hasher> {
    for message in batch {
        match message {
            Message::Block(block) => hashers.iter_mut().for_each(|hasher| hasher.update(&block)),
            // Who no longer waits does not care.
            Message::Ask(to) => drop(to.send(hashers.clone())),
        }
    }
    hashers
}
