//! `/v2/<name>/tags/list`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, LINK};
use oci::Tag;
use registry::access::Pull;
use registry::{Granted, Registry};
use store::StoreError;
use tokio::sync::mpsc;

use crate::answer::Answer;
use crate::call::Call;
use crate::failure::Failure;

/// Tags read from the store at once when a whole list is streamed.
const BATCH: usize = 1000;

/// A page of tags, or without `n` all of them.
pub(crate) async fn get(
    registry: &Arc<Registry>,
    granted: Granted<Pull>,
    call: &Call<'_>,
) -> Result<Answer, Failure> {
    let n = call.page_size()?.map(|n| n.min(call.settings.tags_max));
    let list = registry.tags(&granted, call.after(), n.unwrap_or(BATCH)).await?;
    let name = granted.repository().as_str();
    match n {
        Some(n) => {
            let answer = page(name, &list.tags);
            Ok(match list.tags.last().filter(|_| list.more) {
                Some(last) => answer.text(
                    LINK,
                    call.next_link(&format!("/v2/{name}/tags/list"), last.as_str(), Some(n)),
                ),
                None => answer,
            })
        }
        None if !list.more => Ok(page(name, &list.tags)),
        None => Ok(stream(registry.clone(), granted, list.tags)),
    }
}

fn page(name: &str, tags: &[Tag]) -> Answer {
    let mut listing = Listing::new(name);
    listing.add(tags);
    json().full(listing.end())
}

fn json() -> Answer {
    Answer::ok().set(CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

/// All tags, batch by batch, so that memory does not grow with their number.
fn stream(registry: Arc<Registry>, granted: Granted<Pull>, first: Vec<Tag>) -> Answer {
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        if let Err(error) = send_all(&registry, &granted, first, &sender).await {
            let _ = sender.send(Err(error)).await;
        }
    });
    json().stream(Box::pin(Chunks(receiver)), None)
}

async fn send_all(
    registry: &Registry,
    granted: &Granted<Pull>,
    mut tags: Vec<Tag>,
    sender: &mpsc::Sender<Result<Bytes, StoreError>>,
) -> Result<(), StoreError> {
    let mut listing = Listing::new(granted.repository().as_str());
    loop {
        listing.add(&tags);
        let Some(last) = tags.last().map(|tag| tag.as_str().to_owned()) else { break };
        if sender.send(Ok(listing.take())).await.is_err() {
            return Ok(());
        }
        match registry.tags(granted, Some(last), BATCH).await {
            Ok(list) => tags = list.tags,
            Err(registry::Error::Store(error)) => return Err(error),
            Err(error) => return Err(StoreError::Failed(error.to_string())),
        }
    }
    let _ = sender.send(Ok(listing.end())).await;
    Ok(())
}

/// The JSON of a list in the making. It is put together by hand because names
/// and tags hold no character that JSON escapes.
struct Listing {
    text: String,
    first: bool,
}

impl Listing {
    fn new(name: &str) -> Self {
        Self { text: format!("{{\"name\":\"{name}\",\"tags\":["), first: true }
    }

    fn add(&mut self, tags: &[Tag]) {
        self.text.reserve(tags.iter().map(|tag| tag.as_str().len() + 3).sum::<usize>() + 3);
        for tag in tags {
            self.text.push_str(if std::mem::take(&mut self.first) { "\"" } else { ",\"" });
            self.text.push_str(tag.as_str());
            self.text.push('"');
        }
    }

    /// What is written so far.
    fn take(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.text))
    }

    fn end(mut self) -> Bytes {
        self.text.push_str("]}\n");
        self.take()
    }
}

struct Chunks(mpsc::Receiver<Result<Bytes, StoreError>>);

impl Stream for Chunks {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
