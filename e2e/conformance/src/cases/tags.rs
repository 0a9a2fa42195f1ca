//! The list of tags: what stands in it, and when there is none.

use super::table;
use crate::context::Context;
use crate::failure::{Outcome, ensure};

table! {
    t1_list_has_name_and_tags: "T1" Must,
    t1_list_is_json_by_type: "T1" Should,
    t1_tags_are_sorted_by_bytes: "T1" Must,
    t1_tags_stand_once_each: "T1" Must,
    t1_digests_are_not_among_the_tags: "T1" "#52" Must,
    t1_tags_are_an_empty_array_when_only_a_blob_is_there: "T1" "#52" Berth,
    t1_tags_are_an_empty_array_when_only_digests_were_pushed: "T1" "#52" Must,
    t1_tags_are_an_empty_array_after_the_last_one_went: "T1" "#52" Must,
    t1_open_upload_makes_no_repository: "T1" Berth,
    t1_unknown_repository_is_404_or_an_empty_list: "T1" Must,
    t1_refused_push_makes_no_tag: "T1" Must,
    t1_many_tags_are_all_listed: "T1" Must,
    t1_without_n_the_list_is_whole: "T1" Berth,
    t1_new_tag_is_listed_at_once: "T1" Must,
    t1_repositories_below_others_keep_their_own_tags: "T1" Must,
}

fn t1_list_has_name_and_tags(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    let answer = ctx.get(&repository.tags()).send()?.expect(200)?;
    let json = answer.json()?;
    let name = json["name"].as_str().unwrap_or_default();
    ensure!(name == repository.name, "{answer}: name is {name:?}");
    let tags = answer.strings("tags")?;
    ensure!(tags == ["latest"], "{answer}: tags are {tags:?}");
    Ok(())
}

fn t1_list_is_json_by_type(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    let answer = ctx.get(&repository.tags()).send()?.expect(200)?;
    let media_type = answer.need("Content-Type")?;
    let json = media_type.split(';').next() == Some("application/json");
    ensure!(json, "{answer}: Content-Type {media_type:?}");
    Ok(())
}

fn t1_tags_are_sorted_by_bytes(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let mut tags =
        ["b", "a", "B", "A", "_", "1", "10", "2", "a-b", "a.b", "a_b", "aB", "ab", "z", "Z"];
    for tag in tags {
        repository.push(tag, &image)?;
    }
    tags.sort_unstable();
    let listed = repository.tag_list()?;
    ensure!(listed == tags, "listed as {listed:?}");
    Ok(())
}

fn t1_tags_stand_once_each(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for _ in 0..3 {
        repository.push_image("latest")?;
    }
    let listed = repository.tag_list()?;
    ensure!(listed == ["latest"], "listed as {listed:?}");
    Ok(())
}

fn t1_digests_are_not_among_the_tags(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    repository.push(&image.digest(), &image)?;
    let other = repository.image()?;
    repository.push(&other.digest(), &other)?;
    let listed = repository.tag_list()?;
    ensure!(listed == ["latest"], "listed as {listed:?}");
    Ok(())
}

fn t1_tags_are_an_empty_array_when_only_a_blob_is_there(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.fresh_blob(10)?;
    let listed = repository.tag_list()?;
    ensure!(listed.is_empty(), "listed as {listed:?}");
    Ok(())
}

fn t1_tags_are_an_empty_array_when_only_digests_were_pushed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    repository.push(&image.digest(), &image)?;
    let listed = repository.tag_list()?;
    ensure!(listed.is_empty(), "listed as {listed:?}");
    Ok(())
}

fn t1_tags_are_an_empty_array_after_the_last_one_went(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    ctx.delete(&repository.manifest(&image.digest())).send()?.expect(202)?;
    let listed = repository.tag_list()?;
    ensure!(listed.is_empty(), "listed as {listed:?}");
    Ok(())
}

fn t1_open_upload_makes_no_repository(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.append(&repository.open()?, 0, b"bytes")?;
    ctx.get(&repository.tags()).send()?.expect(404)?.code(&["NAME_UNKNOWN"])?;
    Ok(())
}

fn t1_unknown_repository_is_404_or_an_empty_list(ctx: &Context) -> Outcome {
    let answer = ctx.get(&ctx.repository().tags()).send()?.one_of(&[200, 404])?;
    if answer.status == 200 {
        ensure!(answer.strings("tags")?.is_empty(), "{answer}: tags of an unknown repository");
    }
    Ok(())
}

fn t1_refused_push_makes_no_tag(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("good")?;
    let broken = crate::manifest::Manifest::raw(crate::manifest::OCI_MANIFEST, "{");
    repository.put("broken", &broken).send()?.refused()?;
    let listed = repository.tag_list()?;
    ensure!(listed == ["good"], "listed as {listed:?}");
    Ok(())
}

fn t1_many_tags_are_all_listed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let tags: Vec<String> = (0..120).map(|i| format!("v{i:03}")).collect();
    for tag in &tags {
        repository.push(tag, &image)?;
    }
    let mut listed = Vec::new();
    let mut page = Some(repository.tags());
    while let Some(path) = page {
        let answer = ctx.get(&path).send()?.expect(200)?;
        listed.extend(answer.strings("tags")?);
        page = answer.next_page()?;
        ensure!(listed.len() <= tags.len(), "{answer}: more tags than were pushed");
    }
    listed.sort();
    ensure!(listed == tags, "{} of 120 tags are listed", listed.len());
    Ok(())
}

fn t1_without_n_the_list_is_whole(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    for i in 0..110 {
        repository.push(&format!("v{i:03}"), &image)?;
    }
    let answer = ctx.get(&repository.tags()).send()?.expect(200)?.lacks("Link")?;
    let count = answer.strings("tags")?.len();
    ensure!(count == 110, "{answer}: {count} of 110 tags");
    Ok(())
}

fn t1_new_tag_is_listed_at_once(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    for i in 1..6 {
        repository.push(&format!("v{i}"), &image)?;
        let count = repository.tag_list()?.len();
        ensure!(count == i, "{count} tags are listed after {i} pushes");
    }
    Ok(())
}

fn t1_repositories_below_others_keep_their_own_tags(ctx: &Context) -> Outcome {
    let outer = ctx.repository_ending("a");
    let mut inner = ctx.repository();
    inner.name = format!("{}/b", outer.name);
    outer.push_image("outer")?;
    inner.push_image("inner")?;
    for (repository, tag) in [(&outer, "outer"), (&inner, "inner")] {
        let listed = repository.tag_list()?;
        ensure!(listed == [tag], "{}: listed as {listed:?}", repository.name);
    }
    Ok(())
}
