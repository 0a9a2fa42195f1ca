//! Several tags with one push, and which digest a tag resolves to.

use super::table;
use crate::answer::Answer;
use crate::context::Context;
use crate::failure::{Failure, Outcome, ensure, skipped};
use crate::manifest::Manifest;
use crate::repository::Repository;

table! {
    m6_push_by_digest_with_one_tag: "M6" Should,
    m6_ten_tags_are_taken_at_once: "M6" Should,
    m6_each_accepted_tag_is_answered: "M6" Should,
    m6_tags_of_a_sha512_push_are_taken: "M6" Should,
    m6_invalid_tag_parameter_is_400_and_nothing_is_pushed: "M6" Berth,
    m6_very_many_tags_are_taken_or_refused: "M6" Should,
    m6_same_tag_twice_is_no_error: "M6" Berth,
    m6_tag_parameter_moves_a_tag: "M6" Berth,
    m7_tag_pushed_plain_resolves_to_sha256: "M7" Must,
    m7_tag_pushed_by_sha512_resolves_to_sha512: "M7" "#22" Must,
    m7_tag_pushed_plain_after_sha512_resolves_to_sha256: "M7" Must,
    m5_sha512_push_answers_sha512: "M5" "#22" Must,
    m5_sha512_of_other_bytes_is_400: "M5" Must,
}

fn push_with_tags(
    repository: &Repository<'_>,
    digest: &str,
    image: &Manifest,
    tags: &[String],
) -> Result<Answer, Failure> {
    let query: Vec<String> = tags.iter().map(|tag| format!("tag={tag}")).collect();
    repository.put(&format!("{digest}?{}", query.join("&")), image).send()
}

/// The accepted tags, from repeated OCI-Tag headers or comma lists.
fn accepted(answer: &Answer) -> Vec<String> {
    let values = answer.headers_named("OCI-Tag").into_iter();
    let mut tags: Vec<String> =
        values.flat_map(|v| v.split(',')).map(|tag| tag.trim().to_owned()).collect();
    tags.sort();
    tags
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("tag{i:04}")).collect()
}

fn m6_push_by_digest_with_one_tag(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    push_with_tags(&repository, &image.digest(), &image, &names(1))?.expect(201)?;
    repository
        .pull("tag0000")?
        .has("Docker-Content-Digest", &image.digest())?
        .body_is(&image.bytes)?;
    Ok(())
}

fn m6_ten_tags_are_taken_at_once(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let tags = names(10);
    push_with_tags(&repository, &image.digest(), &image, &tags)?.expect(201)?;
    for tag in &tags {
        repository.pull(tag)?.body_is(&image.bytes)?;
    }
    let listed = repository.tag_list()?;
    ensure!(listed == tags, "the tags are {listed:?}");
    Ok(())
}

fn m6_each_accepted_tag_is_answered(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let tags = names(10);
    let answer = push_with_tags(&repository, &image.digest(), &image, &tags)?.expect(201)?;
    let told = accepted(&answer);
    ensure!(told == tags, "{answer}: OCI-Tag tells {told:?}");
    Ok(())
}

fn m6_tags_of_a_sha512_push_are_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let digest = image.digest512();
    let tags = names(3);
    push_with_tags(&repository, &digest, &image, &tags)?.expect(201)?;
    for tag in &tags {
        repository.pull(tag)?.has("Docker-Content-Digest", &digest)?.body_is(&image.bytes)?;
    }
    Ok(())
}

fn m6_invalid_tag_parameter_is_400_and_nothing_is_pushed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for bad in ["", ".x", "a:b", "a%20b", "sha256:abc", &"t".repeat(129)] {
        let image = repository.image()?;
        let tags = ["good".to_owned(), bad.to_owned()];
        push_with_tags(&repository, &image.digest(), &image, &tags)?.expect(400)?.error_code()?;
        ctx.get(&repository.manifest(&image.digest())).send()?.expect(404)?;
        ctx.get(&repository.manifest("good")).send()?.expect(404)?;
    }
    Ok(())
}

fn m6_very_many_tags_are_taken_or_refused(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let answer = push_with_tags(&repository, &image.digest(), &image, &names(1000))?;
    let answer = answer.one_of(&[201, 400, 413, 414, 431])?;
    if answer.status == 201 && answer.header("OCI-Tag").is_some() {
        let told = accepted(&answer).len();
        ensure!(told == 1000, "{answer}: {told} of 1000 tags are told in a 201");
    }
    Ok(())
}

fn m6_same_tag_twice_is_no_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let tags = ["same".to_owned(), "same".to_owned()];
    push_with_tags(&repository, &image.digest(), &image, &tags)?.expect(201)?;
    let listed = repository.tag_list()?;
    ensure!(listed == ["same"], "the tags are {listed:?}");
    Ok(())
}

fn m6_tag_parameter_moves_a_tag(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("tag0000")?;
    let image = repository.image()?;
    push_with_tags(&repository, &image.digest(), &image, &names(1))?.expect(201)?;
    repository.pull("tag0000")?.body_is(&image.bytes)?;
    Ok(())
}

/// A push that must be taken; skips the test where the registry refuses sha512.
fn taken(answer: Answer) -> Result<Answer, Failure> {
    if answer.status == 400 {
        return Err(skipped(format!("{answer}: the registry does not take sha512")));
    }
    answer.expect(201)
}

/// Pushes by sha512 with one tag; skips the test where tag parameters are not supported.
fn tagged_by_sha512(repository: &Repository<'_>, image: &Manifest) -> Result<(), Failure> {
    let answer = taken(push_with_tags(repository, &image.digest512(), image, &names(1))?)?;
    if accepted(&answer).is_empty() {
        return Err(skipped("the registry does not take tag parameters"));
    }
    Ok(())
}

fn m7_tag_pushed_plain_resolves_to_sha256(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    for method in ["GET", "HEAD"] {
        let answer = ctx.client.request(method, &repository.manifest("latest")).send()?;
        answer.expect(200)?.has("Docker-Content-Digest", &image.digest())?;
    }
    Ok(())
}

fn m7_tag_pushed_by_sha512_resolves_to_sha512(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let digest = image.digest512();
    tagged_by_sha512(&repository, &image)?;
    for method in ["GET", "HEAD"] {
        let answer = ctx.client.request(method, &repository.manifest("tag0000")).send()?;
        answer.expect(200)?.has("Docker-Content-Digest", &digest)?;
    }
    repository.pull(&digest)?.has("Docker-Content-Digest", &digest)?.body_is(&image.bytes)?;
    Ok(())
}

fn m7_tag_pushed_plain_after_sha512_resolves_to_sha256(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    tagged_by_sha512(&repository, &image)?;
    repository.push("plain", &image)?;
    repository.pull("plain")?.has("Docker-Content-Digest", &image.digest())?;
    repository.pull("tag0000")?.has("Docker-Content-Digest", &image.digest512())?;
    Ok(())
}

fn m5_sha512_push_answers_sha512(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let digest = image.digest512();
    taken(repository.put(&digest, &image).send()?)?.has("Docker-Content-Digest", &digest)?;
    for method in ["GET", "HEAD"] {
        let answer = ctx.client.request(method, &repository.manifest(&digest)).send()?;
        answer.expect(200)?.has("Docker-Content-Digest", &digest)?;
    }
    Ok(())
}

fn m5_sha512_of_other_bytes_is_400(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let wrong = crate::digest::sha512(b"something else");
    repository.put(&wrong, &image).send()?.expect(400)?;
    ctx.get(&repository.manifest(&wrong)).send()?.one_of(&[400, 404])?;
    Ok(())
}
