//! The contract of a blob store as a suite that every adapter runs.
//!
//! A case panics where the contract is broken. All cases may run against one
//! store, which must be fresh; they use contents and ids of their own.
#![allow(clippy::panic, clippy::expect_used, reason = "a suite says where the contract broke")]

mod digests;
mod keys;
mod material;
mod ranges;
mod replicas;
mod resuming;
mod staging;
mod stored;

use std::sync::Arc;

use store::BlobStore;

/// Runs every case against a fresh store, on a tokio runtime. A store that
/// gathers bytes before it writes them must do so by 5 MiB at most.
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
    staging::is_gone_once_published_and_discarded(store).await;
    staging::is_listed_until_discarded(store).await;
    staging::is_no_harm_to_a_blob_once_published(store).await;
    staging::goes_on_after_it_was_finished(store).await;
    staging::shows_the_first_bytes(store).await;
    keys::are_never_used_twice(store).await;
    keys::are_unique_where_the_own_place_is_denied(store).await;
    keys::are_removed_once_and_quietly_again(store).await;
    keys::from_elsewhere_reach_nothing(store).await;
    ranges::are_read_exactly(store).await;
    ranges::beyond_the_end_are_damage(store).await;
    stored::blobs_are_listed_page_by_page(store).await;
    stored::addresses_are_for_blobs_alone(store).await;
}

/// Runs the cases of several processes that share what they store: each of
/// `stores` stands for one of them.
///
/// # Panics
/// If the stores break the contract.
pub async fn shared(stores: [Arc<dyn BlobStore>; 2]) {
    let [one, other] = &stores;
    let (one, other) = (one.as_ref(), other.as_ref());
    replicas::take_turns_in_an_upload(one, other).await;
    replicas::go_on_from_points_that_others_passed(one, other).await;
    replicas::publish_what_others_finished(one, other).await;
    replicas::never_publish_what_only_has_the_right_size(one, other).await;
    replicas::leave_alone_what_others_published(one, other).await;
    replicas::never_mix_the_bytes_of_two_writers(one, other).await;
    replicas::discard_what_others_staged(one, other).await;
    replicas::see_the_same_blobs(one, other).await;
}
