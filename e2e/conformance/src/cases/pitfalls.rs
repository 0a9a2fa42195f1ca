//! Mistakes that other registries have made and that fit no single rule, mostly of several clients
//! at once.

use super::table;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::{Failure, Outcome, ensure, failed};
use crate::manifest::{Manifest, OCI_MANIFEST};
use serde_json::json;

table! {
    two_pushes_of_a_new_tag_both_count: "M1" "#37" Must,
    many_pushes_of_the_same_image_all_succeed: "M1" "#37" Must,
    pushes_of_different_tags_at_once_are_all_listed: "T1" "#37" Must,
    referrers_pushed_at_once_are_all_listed: "R2" "#38" Must,
    push_and_delete_at_once_leave_a_true_answer: "X1" "#36" Must,
    blob_survives_a_delete_of_another_image_that_shares_it: "X1" "#36" Must,
    missing_tag_is_404_for_a_client_that_may_pull: "P3" "#10" Must,
    attestation_pushed_before_its_image_is_taken: "M2" "#23" Must,
    cache_manifest_of_buildkit_is_taken: "M8" "#24" Must,
    helm_chart_is_taken: "M8" Must,
    cosign_signature_tag_is_pushed_twice: "M1" Must,
    answers_on_a_kept_connection_stay_apart: "G8" Must,
    head_answers_do_not_shift_a_kept_connection: "G8" Must,
    http_1_0_requests_are_answered: "G8" Should,
    expect_100_continue_is_answered: "G8" Must,
    absolute_form_of_the_request_target_is_taken: "G8" Must,
}

/// Runs the same work in several threads and hands back what each returned.
fn at_once<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|i| scope.spawn(move || work(i))).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|result| result.map_err(|_| failed("a thread panicked"))?).collect()
    })
}

fn two_pushes_of_a_new_tag_both_count(ctx: &Context) -> Outcome {
    for round in 0..5 {
        let repository = ctx.repository();
        let images = [repository.image()?, repository.image()?, repository.image()?];
        at_once(3, |i| repository.push("new", &images[i]))?;
        let winner = repository.pull("new")?;
        let known = images.iter().any(|image| image.bytes == winner.body);
        ensure!(known, "round {round}: the tag resolves to none of the pushed images");
        for image in &images {
            repository.pull(&image.digest())?.body_is(&image.bytes)?;
        }
    }
    Ok(())
}

fn many_pushes_of_the_same_image_all_succeed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    at_once(8, |_| repository.push("latest", &image))?;
    repository.pull("latest")?.body_is(&image.bytes)?;
    let listed = repository.tag_list()?;
    ensure!(listed == ["latest"], "listed as {listed:?}");
    Ok(())
}

fn pushes_of_different_tags_at_once_are_all_listed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    at_once(16, |i| repository.push(&format!("t{i:02}"), &image))?;
    let count = repository.tag_list()?.len();
    ensure!(count == 16, "{count} of 16 tags are listed");
    Ok(())
}

fn referrers_pushed_at_once_are_all_listed(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let subject = image.descriptor();
    at_once(12, |_| repository.push_referrer("application/vnd.example.sbom", &subject))?;
    let count = repository.referrer_list(&image.digest(), "")?.len();
    ensure!(count == 12, "{count} of 12 referrers are listed");
    Ok(())
}

fn push_and_delete_at_once_leave_a_true_answer(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    at_once(4, |i| {
        if i % 2 == 0 {
            repository.put("latest", &image).send()?.expect(201)
        } else {
            ctx.delete(&repository.manifest(&image.digest())).send()?.one_of(&[202, 404, 405])
        }
    })?;
    let by_tag = ctx.get(&repository.manifest("latest")).send()?.one_of(&[200, 404])?;
    if by_tag.status == 200 {
        repository.pull(&image.digest())?.body_is(&image.bytes)?;
    }
    repository.push("latest", &image)?;
    repository.pull("latest")?.body_is(&image.bytes)?;
    Ok(())
}

fn blob_survives_a_delete_of_another_image_that_shares_it(ctx: &Context) -> Outcome {
    let (one, other) = (ctx.repository(), ctx.repository());
    let layer = ctx.bytes(400);
    let digest = sha256(&layer);
    for repository in [&one, &other] {
        repository.push_blob(&layer)?;
        let mut document = repository.image_document()?;
        document["layers"][0]["digest"] = json!(digest);
        document["layers"][0]["size"] = json!(layer.len());
        repository.push("latest", &Manifest::new(OCI_MANIFEST, &document))?;
    }
    let gone = one.pull("latest")?.need("Docker-Content-Digest")?.to_owned();
    ctx.delete(&one.manifest(&gone)).send()?.one_of(&[202, 405])?;
    ctx.delete(&one.blob(&digest)).send()?.one_of(&[202, 405])?;
    ctx.get(&other.blob(&digest)).send()?.expect(200)?.body_is(&layer)?;
    Ok(())
}

fn missing_tag_is_404_for_a_client_that_may_pull(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let signature = image.digest().replace(':', "-") + ".sig";
    ctx.get(&repository.manifest(&signature)).send()?.expect(404)?;
    ctx.head(&repository.manifest(&signature)).send()?.expect(404)?;
    Ok(())
}

fn attestation_pushed_before_its_image_is_taken(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.image()?;
    let attestation = "application/vnd.docker.attestation.manifest.v1+json";
    let referrer = repository.push_referrer(attestation, &image.descriptor())?;
    repository.push("latest", &image)?;
    repository.pull(&referrer.digest())?.body_is(&referrer.bytes)?;
    Ok(())
}

fn typed(ctx: &Context, config: &str, layer: &str) -> Outcome {
    let repository = ctx.repository();
    let mut document = repository.image_document()?;
    document["config"]["mediaType"] = json!(config);
    document["layers"][0]["mediaType"] = json!(layer);
    let manifest = Manifest::new(OCI_MANIFEST, &document);
    repository.push("latest", &manifest)?;
    repository.pull("latest")?.body_is(&manifest.bytes)?;
    Ok(())
}

fn cache_manifest_of_buildkit_is_taken(ctx: &Context) -> Outcome {
    typed(ctx, "application/vnd.buildkit.cacheconfig.v0", crate::manifest::OCI_LAYER)
}

fn helm_chart_is_taken(ctx: &Context) -> Outcome {
    let layer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    typed(ctx, "application/vnd.cncf.helm.config.v1+json", layer)
}

fn cosign_signature_tag_is_pushed_twice(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let tag = image.digest().replace(':', "-") + ".sig";
    repository.push_image(&tag)?;
    let second = repository.push_image(&tag)?;
    repository.pull(&tag)?.body_is(&second.bytes)?;
    Ok(())
}

fn line(ctx: &Context, method: &str, path: &str, extra: &str) -> String {
    let (host, authorization) = (ctx.client.authority(), ctx.client.authorization_line());
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}{extra}\r\n")
}

fn answers_on_a_kept_connection_stay_apart(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let (digest, bytes) = repository.fresh_blob(3000)?;
    let mut wire =
        line(ctx, "GET", &repository.manifest("latest"), &format!("Accept: {OCI_MANIFEST}\r\n"));
    wire += &line(ctx, "GET", &repository.manifest("absent"), "");
    wire += &line(ctx, "GET", &repository.blob(&digest), "Range: bytes=10-19\r\n");
    wire += &line(ctx, "GET", &repository.blob(&digest), "Range: bytes=9000-\r\n");
    wire += &line(ctx, "GET", &repository.blob(&digest), "Connection: close\r\n");
    let answers = ctx.client.pipeline(wire.as_bytes(), 5)?;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    ensure!(statuses == [200, 404, 206, 416, 200], "the answers are {statuses:?}");
    ensure!(answers[0].body == image.bytes, "the first answer is not the manifest");
    ensure!(answers[4].body == bytes, "the last answer is not the blob");
    Ok(())
}

fn head_answers_do_not_shift_a_kept_connection(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, bytes) = repository.fresh_blob(3000)?;
    for path in [repository.blob(&digest), repository.manifest("absent"), repository.tags()] {
        let mut wire = line(ctx, "HEAD", &path, "");
        wire += &line(ctx, "GET", &repository.blob(&digest), "Connection: close\r\n");
        let last = ctx.client.head_then_get(wire.as_bytes())?;
        last.expect(200)?.body_is(&bytes)?;
    }
    Ok(())
}

fn http_1_0_requests_are_answered(ctx: &Context) -> Outcome {
    let authorization = ctx.client.authorization_line();
    let host = ctx.client.authority();
    let wire = format!("GET /v2/ HTTP/1.0\r\nHost: {host}\r\n{authorization}\r\n");
    let answer = ctx.client.raw(wire.as_bytes())?;
    answer.ok_or_else(|| failed("closed without an answer"))?.expect(200)?;
    Ok(())
}

fn expect_100_continue_is_answered(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let bytes = ctx.bytes(500);
    let request = repository.close(&repository.open()?, &sha256(&bytes), &bytes);
    request.header("Expect", "100-continue").send()?.expect(201)?;
    Ok(())
}

fn absolute_form_of_the_request_target_is_taken(ctx: &Context) -> Outcome {
    let target = format!("http://{}/v2/", ctx.client.authority());
    let wire = line(ctx, "GET", &target, "Connection: close\r\n");
    let answer = ctx.client.raw(wire.as_bytes())?;
    answer.ok_or_else(|| failed("closed without an answer"))?.expect(200)?;
    Ok(())
}
