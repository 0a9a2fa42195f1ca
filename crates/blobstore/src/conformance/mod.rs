//! The contract of a blob store as a suite that every adapter runs.
//!
//! A case panics where the contract is broken. All cases may run against one
//! store, which must be fresh; they use contents and ids of their own.
#![allow(clippy::panic, clippy::expect_used, reason = "a suite says where the contract broke")]

mod digests;
mod keys;
mod material;
mod ranges;
mod resuming;
mod staging;

use std::sync::Arc;

use store::BlobStore;

/// Runs every case against a fresh store, on a tokio runtime.
///
/// # Panics
/// If the store breaks the contract.
pub async fn all(store: Arc<dyn BlobStore>) {
    let store = store.as_ref();
    digests::of_whole_uploads_are_right_around_buffer_edges(store).await;
    digests::of_sha512_are_right_hinted_or_read_back(store).await;
    resuming::goes_on_from_any_offset(store).await;
    resuming::goes_on_from_points_that_it_passed(store).await;
    resuming::begins_anew_where_no_point_was_noted(store).await;
    resuming::cuts_what_came_after_the_checkpoint(store).await;
    resuming::waits_for_a_writer_that_was_cut_off(store).await;
    resuming::finds_nothing_where_nothing_is(store).await;
    staging::is_gone_once_published(store).await;
    staging::is_listed_until_discarded(store).await;
    staging::shows_the_first_bytes(store).await;
    keys::are_never_used_twice(store).await;
    keys::are_unique_where_the_own_place_is_denied(store).await;
    keys::are_removed_once_and_quietly_again(store).await;
    keys::from_elsewhere_reach_nothing(store).await;
    ranges::are_read_exactly(store).await;
    ranges::beyond_the_end_are_damage(store).await;
}
