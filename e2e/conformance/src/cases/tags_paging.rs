//! Paging through tags with `n`, `last` and Link.

use super::table;
use crate::context::Context;
use crate::failure::{Failure, Outcome, ensure};
use crate::repository::Repository;

table! {
    t2_n_limits_the_page: "T2" Must,
    t2_n_beyond_the_end_is_the_whole_list: "T2" Must,
    t2_n_of_zero_is_an_empty_list_without_link: "T2" Must,
    t2_last_is_exclusive: "T2" Must,
    t2_last_works_without_n: "T2" Must,
    t2_last_that_is_no_tag_still_cuts: "T2" Must,
    t2_last_past_the_end_is_an_empty_list: "T2" Must,
    t3_link_leads_through_all_pages: "T3" Should,
    t3_link_keeps_n: "T3" Should,
    t3_last_page_has_no_link: "T3" Should,
    t3_page_that_fits_exactly_has_no_link: "T3" Berth,
    t3_link_is_a_path_on_the_same_host: "T3" Berth,
    t2_bad_n_is_400: "T2" "#51" Berth,
    t2_bad_n_is_no_server_error: "T2" "#51" Must,
    t2_huge_n_is_taken_or_400: "T2" "#51" Must,
    t2_tag_pushed_while_paging_appears_later: "T2" Berth,
    t2_tag_deleted_while_paging_hides_no_other: "T2" Must,
}

const TAGS: [&str; 7] = ["A", "Z", "_x", "a", "b", "c", "d"];

fn tagged(ctx: &Context) -> Result<Repository<'_>, Failure> {
    let repository = ctx.repository();
    let image = repository.image()?;
    for tag in TAGS.iter().rev() {
        repository.push(tag, &image)?;
    }
    Ok(repository)
}

fn page(ctx: &Context, query: &str, expected: &[&str]) -> Outcome {
    let repository = tagged(ctx)?;
    page_of(&repository, query, expected)
}

fn page_of(repository: &Repository<'_>, query: &str, expected: &[&str]) -> Outcome {
    let answer =
        repository.ctx.get(&format!("{}?{query}", repository.tags())).send()?.expect(200)?;
    let tags = answer.strings("tags")?;
    ensure!(tags == expected, "{answer}: tags {tags:?}, expected {expected:?}");
    Ok(())
}

fn t2_n_limits_the_page(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    page_of(&repository, "n=1", &TAGS[..1])?;
    page_of(&repository, "n=3", &TAGS[..3])?;
    page_of(&repository, "n=7", &TAGS)
}

fn t2_n_beyond_the_end_is_the_whole_list(ctx: &Context) -> Outcome {
    page(ctx, "n=50", &TAGS)
}

fn t2_n_of_zero_is_an_empty_list_without_link(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    page_of(&repository, "n=0", &[])?;
    ctx.get(&format!("{}?n=0", repository.tags())).send()?.lacks("Link")?;
    Ok(())
}

fn t2_last_is_exclusive(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    page_of(&repository, "n=2&last=Z", &["_x", "a"])?;
    page_of(&repository, "last=a&n=2", &["b", "c"])
}

fn t2_last_works_without_n(ctx: &Context) -> Outcome {
    page(ctx, "last=a", &["b", "c", "d"])
}

fn t2_last_that_is_no_tag_still_cuts(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    page_of(&repository, "n=9&last=aa", &["b", "c", "d"])?;
    page_of(&repository, "n=9&last=B", &TAGS[1..])
}

fn t2_last_past_the_end_is_an_empty_list(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    page_of(&repository, "n=5&last=d", &[])?;
    page_of(&repository, "n=5&last=zzz", &[])
}

fn t3_link_leads_through_all_pages(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    for n in [1, 2, 3, 7] {
        let mut listed = Vec::new();
        let mut next = Some(format!("{}?n={n}", repository.tags()));
        while let Some(path) = next {
            let answer = ctx.get(&path).send()?.expect(200)?;
            listed.extend(answer.strings("tags")?);
            next = answer.next_page()?;
            ensure!(listed.len() <= TAGS.len(), "n={n}: the pages list {listed:?}");
        }
        ensure!(listed == TAGS, "n={n}: the pages list {listed:?}");
    }
    Ok(())
}

fn t3_link_keeps_n(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    let answer = ctx.get(&format!("{}?n=2", repository.tags())).send()?.expect(200)?;
    let next = answer.next_page()?;
    let next = next.ok_or_else(|| crate::failure::failed(format!("{answer}: no Link")))?;
    ensure!(next.contains("n=2"), "{answer}: Link leads to {next:?}");
    Ok(())
}

fn t3_last_page_has_no_link(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    for query in ["n=50", "n=5&last=a", "last=a", "n=5&last=zzz"] {
        ctx.get(&format!("{}?{query}", repository.tags())).send()?.expect(200)?.lacks("Link")?;
    }
    Ok(())
}

fn t3_page_that_fits_exactly_has_no_link(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    for query in ["n=7", "n=3&last=a"] {
        ctx.get(&format!("{}?{query}", repository.tags())).send()?.expect(200)?.lacks("Link")?;
    }
    Ok(())
}

fn t3_link_is_a_path_on_the_same_host(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    let answer = ctx.get(&format!("{}?n=2", repository.tags())).send()?.expect(200)?;
    let link = answer.need("Link")?;
    let start = format!("<{}?", repository.tags());
    ensure!(link.starts_with(&start), "{answer}: Link {link:?} does not begin with {start:?}");
    Ok(())
}

const BAD: &[&str] = &["-1", "abc", "1.5", "1e3", "0x10", "%20", "+", "1,2", "%00", "١"];

fn t2_bad_n_is_400(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    for n in BAD {
        ctx.get(&format!("{}?n={n}", repository.tags())).send()?.expect(400)?.error_code()?;
    }
    Ok(())
}

fn t2_bad_n_is_no_server_error(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    for n in BAD.iter().chain(&["", "null", "-99999999999999999999"]) {
        ctx.get(&format!("{}?n={n}", repository.tags())).send()?.one_of(&[200, 400])?;
    }
    Ok(())
}

fn t2_huge_n_is_taken_or_400(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    for n in [
        "10000",
        "2147483648",
        "9223372036854775807",
        "18446744073709551616",
        "99999999999999999999999999",
    ] {
        let answer =
            ctx.get(&format!("{}?n={n}", repository.tags())).send()?.one_of(&[200, 400])?;
        if answer.status == 200 {
            ensure!(answer.strings("tags")?.len() == 7, "{answer}: not all tags are listed");
        }
    }
    Ok(())
}

fn t2_tag_pushed_while_paging_appears_later(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    page_of(&repository, "n=4", &TAGS[..4])?;
    repository.push_image("bb")?;
    repository.push_image("0")?;
    page_of(&repository, "n=9&last=a", &["b", "bb", "c", "d"])
}

fn t2_tag_deleted_while_paging_hides_no_other(ctx: &Context) -> Outcome {
    let repository = tagged(ctx)?;
    page_of(&repository, "n=4", &TAGS[..4])?;
    let answer = ctx.delete(&repository.manifest("a")).send()?.one_of(&[202, 400, 405])?;
    if answer.status != 202 {
        return Err(crate::failure::skipped("the registry does not delete tags"));
    }
    page_of(&repository, "n=9&last=a", &["b", "c", "d"])
}
