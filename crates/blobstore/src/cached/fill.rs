//! A file that grows while others read it.

use std::fs::File;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::layout::blocks;

/// How long a reader waits for one block before it goes to the store by itself.
const STALL: Duration = Duration::from_secs(2);

/// How far a fill has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// So many blocks are there. The last one is there only once the digest was right.
    Blocks(u64),
    /// Nothing more will come.
    GivenUp,
    /// The bytes are not those of the blob.
    Mismatch,
}

/// Why a block does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoBlock {
    /// The fill was given up, or takes too long.
    Late,
    /// The bytes are not those of the blob.
    Mismatch,
}

/// The bytes of one blob on their way to the disk.
pub(super) struct Fill {
    pub file: File,
    pub size: u64,
    sums: Mutex<Vec<u32>>,
    progress: watch::Sender<Progress>,
}

impl Fill {
    pub(super) fn new(file: File, size: u64) -> Self {
        let progress = watch::Sender::new(Progress::Blocks(0));
        Self { file, size, sums: Mutex::new(Vec::new()), progress }
    }

    /// The checksum of the next block, which readers may have unless it is the last.
    pub(super) fn wrote(&self, sum: u32) {
        let count = {
            let mut sums = self.sums.lock();
            sums.push(sum);
            sums.len() as u64
        };
        if count < blocks(self.size) {
            self.go_on(Progress::Blocks(count));
        }
    }

    /// The digest is right: readers may have the last block.
    pub(super) fn is_right(&self) {
        self.go_on(Progress::Blocks(blocks(self.size)));
    }

    pub(super) fn is_wrong(&self) {
        self.go_on(Progress::Mismatch);
    }

    /// Tells how far it is, unless that does not matter any more.
    fn go_on(&self, next: Progress) {
        self.progress.send_if_modified(|progress| {
            let goes_on = matches!(progress, Progress::Blocks(_));
            if goes_on {
                *progress = next;
            }
            goes_on
        });
    }

    /// Sends its readers to the store, unless they have everything.
    pub(super) fn give_up(&self) {
        if *self.progress.borrow() != Progress::Blocks(blocks(self.size)) {
            self.go_on(Progress::GivenUp);
        }
    }

    /// Whether the entry had to go: what is still written has no place any more.
    pub(super) fn is_given_up(&self) -> bool {
        *self.progress.borrow() == Progress::GivenUp
    }

    pub(super) fn sums(&self) -> Vec<u32> {
        self.sums.lock().clone()
    }

    /// Waits for a block and returns its checksum.
    pub(super) async fn block(&self, number: u64) -> Result<u32, NoBlock> {
        let mut progress = self.progress.subscribe();
        let come = progress.wait_for(|progress| match progress {
            Progress::Blocks(count) => *count > number,
            Progress::GivenUp | Progress::Mismatch => true,
        });
        let come = match tokio::time::timeout(STALL, come).await {
            Ok(Ok(progress)) => *progress,
            _ => return Err(NoBlock::Late),
        };
        match come {
            Progress::Blocks(_) => {
                let number = usize::try_from(number).unwrap_or(usize::MAX);
                self.sums.lock().get(number).copied().ok_or(NoBlock::Late)
            }
            Progress::GivenUp => Err(NoBlock::Late),
            Progress::Mismatch => Err(NoBlock::Mismatch),
        }
    }
}
