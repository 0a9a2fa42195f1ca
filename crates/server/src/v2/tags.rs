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
use serde::Serialize;
use store::StoreError;
use tokio::sync::mpsc;

use crate::answer::Answer;
use crate::call::Call;
use crate::failure::Failure;

/// Tags read from the store at once when a whole list is streamed.
const BATCH: usize = 1000;

#[derive(Serialize)]
struct TagPage<'a> {
    name: &'a str,
    tags: &'a [Tag],
}

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
            let answer = Answer::ok().json(&TagPage { name, tags: &list.tags });
            Ok(match list.tags.last().filter(|_| list.more) {
                Some(last) => answer.text(
                    LINK,
                    call.next_link(&format!("/v2/{name}/tags/list"), last.as_str(), Some(n)),
                ),
                None => answer,
            })
        }
        None if !list.more => Ok(Answer::ok().json(&TagPage { name, tags: &list.tags })),
        None => Ok(stream(registry.clone(), granted, list.tags)),
    }
}

/// All tags, batch by batch, so that memory does not grow with their number.
fn stream(registry: Arc<Registry>, granted: Granted<Pull>, first: Vec<Tag>) -> Answer {
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        if let Err(error) = send_all(&registry, &granted, first, &sender).await {
            let _ = sender.send(Err(error)).await;
        }
    });
    Answer::ok()
        .set(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .stream(Box::pin(Chunks(receiver)), None)
}

async fn send_all(
    registry: &Registry,
    granted: &Granted<Pull>,
    mut tags: Vec<Tag>,
    sender: &mpsc::Sender<Result<Bytes, StoreError>>,
) -> Result<(), StoreError> {
    let mut text = format!("{{\"name\":\"{}\",\"tags\":[", granted.repository());
    let mut first = true;
    loop {
        for tag in &tags {
            // Tags hold no character that JSON escapes.
            text.push_str(if std::mem::take(&mut first) { "\"" } else { ",\"" });
            text.push_str(tag.as_str());
            text.push('"');
        }
        let Some(last) = tags.last().map(|tag| tag.as_str().to_owned()) else { break };
        if sender.send(Ok(Bytes::from(std::mem::take(&mut text)))).await.is_err() {
            return Ok(());
        }
        match registry.tags(granted, Some(last), BATCH).await {
            Ok(list) => tags = list.tags,
            Err(registry::Error::Store(error)) => return Err(error),
            Err(error) => return Err(StoreError::Failed(error.to_string())),
        }
    }
    text.push_str("]}\n");
    let _ = sender.send(Ok(Bytes::from(text))).await;
    Ok(())
}

struct Chunks(mpsc::Receiver<Result<Bytes, StoreError>>);

impl Stream for Chunks {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
