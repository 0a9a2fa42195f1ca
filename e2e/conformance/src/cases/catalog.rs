//! The catalog: not in the specification, but used by podman, crane, oras and every interface.

use super::table;
use crate::context::Context;
use crate::failure::{Failure, Outcome, ensure};
use crate::manifest::{Manifest, OCI_INDEX, index_document};
use crate::repository::Repository;

table! {
    catalog_lists_repositories_in_byte_order: "list" Berth,
    catalog_finds_a_pushed_repository: "list" Berth,
    catalog_n_and_last_cut_the_page: "list" Berth,
    catalog_link_leads_on: "list" Berth,
    catalog_last_page_has_no_link: "list" Berth,
    catalog_shows_no_repository_without_a_manifest: "list" Berth,
    catalog_shows_no_open_upload: "list" Berth,
    catalog_keeps_a_repository_whose_tags_went: "list" Berth,
    catalog_bad_n_is_400: "list" "#51" Berth,
    catalog_past_the_end_is_an_empty_array: "list" "#52" Berth,
    catalog_default_page_is_100_and_leads_on: "list" Berth,
}

/// Four repositories with an image each that follow one another in byte order.
fn family(ctx: &Context) -> Result<(String, Vec<Repository<'_>>), Failure> {
    let root = ctx.repository().name;
    let mut family = Vec::new();
    for ending in ["a", "a-b", "a/b", "a_b"] {
        let mut repository = ctx.repository();
        repository.name = format!("{root}/{ending}");
        repository.push_image("latest")?;
        family.push(repository);
    }
    Ok((format!("{root}/"), family))
}

fn page(ctx: &Context, query: &str) -> Result<Vec<String>, Failure> {
    ctx.get(&format!("/v2/_catalog?{query}")).send()?.expect(200)?.strings("repositories")
}

fn after(ctx: &Context, last: &str, n: usize) -> Result<Vec<String>, Failure> {
    page(ctx, &format!("n={n}&last={last}"))
}

fn catalog_lists_repositories_in_byte_order(ctx: &Context) -> Outcome {
    let (root, family) = family(ctx)?;
    let listed = after(ctx, &root, 4)?;
    let names: Vec<_> = family.iter().map(|r| r.name.clone()).collect();
    ensure!(listed == names, "listed as {listed:?}");
    Ok(())
}

fn catalog_finds_a_pushed_repository(ctx: &Context) -> Outcome {
    let (root, family) = family(ctx)?;
    let mut next = Some(format!("/v2/_catalog?n=2&last={root}"));
    let mut missing: Vec<_> = family.iter().map(|r| r.name.clone()).collect();
    for _ in 0..3 {
        let Some(path) = next else { break };
        let answer = ctx.get(&path).send()?.expect(200)?;
        let listed = answer.strings("repositories")?;
        missing.retain(|name| !listed.contains(name));
        next = answer.next_page()?;
    }
    ensure!(missing.is_empty(), "not found: {missing:?}");
    Ok(())
}

fn catalog_n_and_last_cut_the_page(ctx: &Context) -> Outcome {
    let (root, family) = family(ctx)?;
    let listed = after(ctx, &root, 2)?;
    ensure!(listed == [family[0].name.clone(), family[1].name.clone()], "n=2: {listed:?}");
    let listed = after(ctx, &family[1].name, 1)?;
    ensure!(listed == [family[2].name.clone()], "last is the second, n=1: {listed:?}");
    Ok(())
}

fn catalog_link_leads_on(ctx: &Context) -> Outcome {
    let (root, family) = family(ctx)?;
    let answer = ctx.get(&format!("/v2/_catalog?n=2&last={root}")).send()?.expect(200)?;
    let next = answer.next_page()?;
    let next = next.ok_or_else(|| crate::failure::failed(format!("{answer}: no Link")))?;
    let listed = ctx.get(&next).send()?.expect(200)?.strings("repositories")?;
    ensure!(
        listed == [family[2].name.clone(), family[3].name.clone()],
        "the next page: {listed:?}"
    );
    Ok(())
}

fn catalog_last_page_has_no_link(ctx: &Context) -> Outcome {
    ctx.get("/v2/_catalog?n=5&last=zzzzzzzz").send()?.expect(200)?.lacks("Link")?;
    Ok(())
}

fn is_listed(ctx: &Context, repository: &Repository<'_>) -> Result<bool, Failure> {
    let mut before = repository.name.clone();
    before.pop();
    let listed = after(ctx, &before, 50)?;
    Ok(listed.contains(&repository.name))
}

fn catalog_shows_no_repository_without_a_manifest(ctx: &Context) -> Outcome {
    let repository = ctx.repository_ending("only-a-blob");
    repository.fresh_blob(10)?;
    ensure!(!is_listed(ctx, &repository)?, "{} is listed with a blob alone", repository.name);
    Ok(())
}

fn catalog_shows_no_open_upload(ctx: &Context) -> Outcome {
    let repository = ctx.repository_ending("only-an-upload");
    repository.append(&repository.open()?, 0, b"bytes")?;
    ensure!(!is_listed(ctx, &repository)?, "{} is listed with an open upload", repository.name);
    Ok(())
}

fn catalog_keeps_a_repository_whose_tags_went(ctx: &Context) -> Outcome {
    let repository = ctx.repository_ending("untagged");
    repository.push_image("latest")?;
    ensure!(is_listed(ctx, &repository)?, "{} is not listed", repository.name);
    ctx.delete(&repository.manifest("latest")).send()?.expect(202)?;
    ensure!(is_listed(ctx, &repository)?, "{} has a manifest, but is not listed", repository.name);
    Ok(())
}

fn catalog_bad_n_is_400(ctx: &Context) -> Outcome {
    for n in ["-1", "abc", "1.5", "1e3"] {
        ctx.get(&format!("/v2/_catalog?n={n}")).send()?.expect(400)?.error_code()?;
    }
    Ok(())
}

fn catalog_past_the_end_is_an_empty_array(ctx: &Context) -> Outcome {
    let listed = after(ctx, "zzzzzzzzzz", 5)?;
    ensure!(listed.is_empty(), "listed as {listed:?}");
    Ok(())
}

fn catalog_default_page_is_100_and_leads_on(ctx: &Context) -> Outcome {
    let empty = Manifest::new(OCI_INDEX, &index_document(vec![]));
    for _ in 0..101 {
        ctx.repository().push("latest", &empty)?;
    }
    let answer = ctx.get("/v2/_catalog").send()?.expect(200)?;
    let count = answer.strings("repositories")?.len();
    ensure!(count == 100, "{answer}: {count} repositories on the default page");
    ensure!(answer.next_page()?.is_some(), "{answer}: no Link, though there are more");
    Ok(())
}
