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

mod accounts;
mod audit;
mod blobs;
mod counters;
mod emptied;
mod fixture;
mod grants;
mod imports;
mod leases;
mod lists;
mod liveness;
mod manifests;
mod moves;
mod settings;
mod tokens;
mod uploads;
mod walks;

macro_rules! run {
    // Subjects apart: together they would need more stack than a test has.
    ($fresh:ident: $($subject:ident { $($check:ident),* $(,)? })*) => {$(
        Box::pin(async { $(
            eprintln!("conformance: {}", stringify!($check));
            $subject::$check(&*$fresh().await).await;
        )* }).await;
    )*};
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
            the_rule_hears_which_tags_point_elsewhere,
            a_sha512_reference_counts_as_the_aliased_blob,
            a_refused_manifest_changes_nothing,
            the_last_media_type_wins,
            deleting_a_manifest_takes_its_tags_along,
            deleting_in_one_repository_keeps_the_bytes_of_the_other,
            deleting_a_tag_keeps_the_manifest,
            deleting_what_is_not_there_says_so,
        }
        emptied {
            a_repository_is_emptied_with_its_last_manifest,
            the_time_of_the_last_emptying_stays_until_the_next,
            a_tag_that_goes_or_a_manifest_pushed_again_empties_nothing,
            the_collector_empties_a_repository_too,
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
            an_upload_that_went_on_since_it_was_listed_stays,
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
            the_history_of_tags_is_told_in_order_and_kept_when_they_are_gone,
            history_made_elsewhere_takes_the_place_of_an_end,
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
        accounts {
            an_account_is_read_back_as_it_was_made,
            a_number_is_never_given_twice,
            what_is_there_is_not_made_again,
            what_is_not_there_is_named,
            every_change_of_an_account_is_kept,
            groups_are_replaced_as_a_whole,
            an_account_is_bound_to_one_at_its_source,
            accounts_come_in_pages_in_byte_order,
            a_page_of_accounts_has_at_most_a_thousand,
            names_are_found_exactly,
            a_team_knows_its_members,
            of_two_writers_of_one_name_one_wins,
        }
        tokens {
            a_token_is_found_by_its_hash_with_its_account,
            a_token_goes_only_by_its_owner,
            the_last_use_of_a_token_is_kept,
            a_new_token_raises_no_version,
            ended_tokens_are_removed_oldest_first,
        }
        grants {
            an_empty_store_has_an_empty_policy,
            a_policy_is_whole_and_in_order,
            a_grant_needs_its_subject_and_its_named_role,
            only_the_very_grant_is_revoked,
            a_role_in_use_stays,
            a_visibility_is_taken_away_once,
            a_removed_account_takes_everything_along,
            a_removed_team_takes_its_grants_along,
            the_rule_sees_how_it_would_be,
            of_two_who_take_the_last_admin_away_one_is_refused,
            a_refused_change_leaves_nothing,
            each_change_raises_the_version_by_one,
            what_was_decided_by_an_older_version_is_refused,
            of_two_who_decided_by_one_version_one_is_refused,
            a_change_writes_its_lines_without_a_seal,
            whoever_waits_is_woken_by_a_change,
        }
        audit {
            a_line_is_read_back_as_it_was_written,
            the_log_is_read_from_either_end_in_pages,
            a_page_of_the_log_has_at_most_a_thousand_lines,
            all_that_a_filter_names_must_match,
            a_target_is_found_with_what_is_below_it,
            texts_of_a_filter_mean_themselves,
            the_oldest_lines_are_sealed_first,
            a_line_must_settle_before_it_is_sealed,
            the_second_of_two_sealers_loses,
            a_seal_is_never_written_over,
            the_log_never_shrinks_beyond_a_line_that_must_stay,
            the_log_shrinks_at_its_beginning_by_age,
            the_log_shrinks_at_its_beginning_by_count,
        }
        moves {
            what_is_restored_is_read_back_as_it_was,
            accounts_and_tokens_are_walked_by_number,
            a_restored_row_takes_the_place_of_what_was_there,
            what_is_gone_elsewhere_goes,
            a_name_and_a_token_are_free_for_another_number,
            of_rows_that_cannot_be_written_none_is,
            numbers_go_on_above_those_of_another_store,
            a_log_is_restored_with_numbers_and_seals,
            a_long_end_of_the_log_goes_in_steps,
            accounts_that_are_held_do_not_change,
        }
    }
}
