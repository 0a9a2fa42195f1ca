//! The contract of the metadata stores as runnable checks, the same for every
//! adapter. A failed check panics with what it expected.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a check fails by panicking"
)]

use std::sync::Arc;

use crate::MetadataStore;

mod blobs;
mod counters;
mod fixture;
mod imports;
mod leases;
mod lists;
mod liveness;
mod manifests;
mod settings;
mod uploads;
mod walks;

macro_rules! run {
    ($fresh:ident: $($subject:ident { $($check:ident),* $(,)? })*) => {$($(
        eprintln!("conformance: {}", stringify!($check));
        $subject::$check(&*$fresh().await).await;
    )*)*};
}

/// Runs every check, each on a store that `fresh` makes empty.
#[allow(clippy::large_futures, reason = "checks run one after the other, once")]
pub async fn all<S: MetadataStore>(fresh: impl AsyncFn() -> Arc<S>) {
    run! { fresh:
        blobs {
            a_published_blob_is_read_back_from_its_repository_alone,
            a_blob_is_found_by_sha512_once_it_was_pushed_by_it,
            a_refused_publish_leaves_no_repository,
            the_second_of_two_keys_loses,
            the_same_key_never_loses_against_itself,
            taking_new_bytes_replaces_a_buried_row,
            a_plan_that_cannot_be_applied_is_an_error,
            a_publish_finishes_its_upload,
            a_mount_sees_the_named_source_or_all,
            a_mounted_blob_is_a_member,
            a_refused_mount_changes_nothing,
            unlink_names_the_manifest_that_needs_the_blob,
            unlink_sees_a_need_by_the_other_digest,
            an_unlinked_blob_is_gone_from_its_repository_alone,
        }
        manifests {
            push_by_tag_moves_the_tag,
            a_manifest_is_found_by_either_digest,
            a_tag_pushed_by_sha512_resolves_to_it,
            presence_tells_blobs_from_manifests_in_order,
            a_sha512_reference_counts_as_the_aliased_blob,
            a_refused_manifest_changes_nothing,
            the_last_media_type_wins,
            deleting_a_manifest_takes_its_tags_along,
            deleting_in_one_repository_keeps_the_bytes_of_the_other,
            deleting_a_tag_keeps_the_manifest,
            deleting_what_is_not_there_says_so,
        }
        lists {
            names_sort_by_bytes,
            tags_sort_by_bytes,
            pages_start_after_names_that_need_not_exist,
            the_catalog_holds_only_repositories_with_a_manifest,
            referrers_are_found_by_either_digest_of_the_subject,
            referrers_come_in_pages,
            a_page_is_never_longer_than_its_limit,
        }
        uploads {
            an_upload_keeps_its_hash_states,
            held_bytes_are_kept_exactly,
            a_saved_upload_replaces_its_row,
            a_save_over_another_version_changes_nothing,
            an_ended_upload_is_never_written_over,
            stale_uploads_come_oldest_first,
            a_removed_upload_is_gone,
        }
        settings {
            a_setting_is_kept_and_replaced,
            a_secret_is_made_exactly_once,
        }
        imports {
            imported_blobs_are_readable_and_unverified,
            a_verdict_is_kept,
            a_verdict_on_old_bytes_spares_new_ones,
            importing_twice_changes_nothing,
            a_newer_record_moves_the_tag,
            a_tag_without_a_manifest_is_left_out,
            a_large_batch_arrives_whole,
            what_an_import_links_is_as_old_as_the_import,
            an_imported_sha512_name_is_kept_until_it_is_found_wrong,
            a_pushed_sha512_name_counts_more_than_an_imported_one,
        }
        counters {
            pulls_add_up_by_manifest_and_by_tag,
            pulls_of_what_is_gone_are_passed_over,
            a_manifest_takes_its_counters_along,
            a_tag_that_moves_keeps_its_counter,
        }
        walks {
            a_walk_visits_everything_in_order,
            a_walk_of_an_unknown_repository_is_empty,
        }
        liveness {
            a_link_is_stale_when_no_manifest_needs_it,
            a_stale_link_that_was_pushed_again_stays,
            untagged_manifests_leave_out_what_an_index_or_subject_keeps,
            a_manifest_that_got_a_tag_meanwhile_stays,
            only_orphans_are_buried,
            a_forgotten_blob_takes_its_alias_along,
            stored_bytes_without_a_row_are_unheld,
        }
        leases {
            a_lease_has_one_holder,
            a_lease_runs_out,
            only_the_holder_gives_a_lease_back,
            the_store_tells_a_time_that_goes_on,
        }
    }
}
