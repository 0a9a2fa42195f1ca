//! Work that waits for the disk leaves the async threads.

use store::StoreError;

/// Runs `work` on a blocking thread. It runs to its end even if nobody waits.
pub(super) async fn on<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_cancelled() => {
            Err(StoreError::Busy("file storage is shutting down".to_owned()))
        }
        Err(error) => Err(StoreError::Failed(format!("file storage task ended early: {error}"))),
    }
}
