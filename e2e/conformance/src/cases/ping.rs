//! The root of the API, and the header that every answer below it carries.

use super::table;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::{Outcome, ensure, skipped};

table! {
    g1_ping_is_200: "G1" Must,
    ping_of_head_is_like_get: "G8" Should,
    anonymous_ping_is_401_with_a_challenge_when_credentials_exist: "G1" "#1" Must,
    wrong_password_is_401_with_a_challenge: "G4" Must,
    api_version_stands_on_the_ping: "wire" Berth,
    api_version_stands_on_reads: "wire" Berth,
    api_version_stands_on_pushes: "wire" Berth,
    api_version_stands_on_errors: "wire" Berth,
    api_version_stands_on_the_401: "wire" Berth,
    g6_warnings_have_the_form_of_the_specification: "G6" May,
    paths_outside_of_the_api_are_no_server_error: "input" Berth,
}

const VERSION: &str = "Docker-Distribution-Api-Version";

fn g1_ping_is_200(ctx: &Context) -> Outcome {
    ctx.get("/v2/").send()?.expect(200)?;
    Ok(())
}

fn ping_of_head_is_like_get(ctx: &Context) -> Outcome {
    ctx.head("/v2/").send()?.expect(200)?;
    Ok(())
}

fn need_credentials(ctx: &Context) -> Outcome {
    if ctx.client.has_credentials() {
        return Ok(());
    }
    Err(skipped("runs only with credentials"))
}

fn anonymous_ping_is_401_with_a_challenge_when_credentials_exist(ctx: &Context) -> Outcome {
    need_credentials(ctx)?;
    let answer = ctx.get("/v2/").anonymous().send()?.expect(401)?;
    answer.need("WWW-Authenticate")?;
    answer.code(&["UNAUTHORIZED"])?;
    Ok(())
}

fn wrong_password_is_401_with_a_challenge(ctx: &Context) -> Outcome {
    need_credentials(ctx)?;
    let request = ctx.get("/v2/").anonymous().header("Authorization", "Basic bm9ib2R5OndvcmQ=");
    let answer = request.send()?.expect(401)?;
    answer.need("WWW-Authenticate")?;
    answer.code(&["UNAUTHORIZED"])?;
    Ok(())
}

fn api_version_stands_on_the_ping(ctx: &Context) -> Outcome {
    ctx.get("/v2/").send()?.has(VERSION, "registry/2.0")?;
    Ok(())
}

fn api_version_stands_on_reads(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let (blob, _) = repository.fresh_blob(10)?;
    for path in [
        repository.manifest("latest"),
        repository.blob(&blob),
        repository.tags(),
        repository.referrers(&image.digest()),
        "/v2/_catalog?n=1".to_owned(),
    ] {
        ctx.get(&path).send()?.expect(200)?.has(VERSION, "registry/2.0")?;
    }
    ctx.head(&repository.blob(&blob)).send()?.has(VERSION, "registry/2.0")?;
    Ok(())
}

fn api_version_stands_on_pushes(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let opened = ctx.post(&repository.uploads()).send()?.has(VERSION, "registry/2.0")?;
    let location = opened.need("Location")?.to_owned();
    ctx.get(&location).send()?.expect(204)?.has(VERSION, "registry/2.0")?;
    let chunk = repository.chunk(&location, 0, b"abc").send()?.has(VERSION, "registry/2.0")?;
    let location = chunk.need("Location")?.to_owned();
    repository.close(&location, &sha256(b"abc"), b"").send()?.has(VERSION, "registry/2.0")?;
    let image = repository.image()?;
    repository.push("latest", &image)?.has(VERSION, "registry/2.0")?;
    Ok(())
}

fn api_version_stands_on_errors(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for path in [
        repository.manifest("absent"),
        repository.blob(&sha256(b"absent")),
        repository.blob("sha256:short"),
        repository.tags(),
        format!("{}no-such-session", repository.uploads()),
        "/v2/UPPER/tags/list".to_owned(),
        "/v2/no/such/route".to_owned(),
    ] {
        ctx.get(&path).send()?.refused()?.has(VERSION, "registry/2.0")?;
    }
    ctx.put(&repository.tags()).send()?.refused()?.has(VERSION, "registry/2.0")?;
    Ok(())
}

fn api_version_stands_on_the_401(ctx: &Context) -> Outcome {
    need_credentials(ctx)?;
    ctx.get("/v2/").anonymous().send()?.expect(401)?.has(VERSION, "registry/2.0")?;
    Ok(())
}

fn g6_warnings_have_the_form_of_the_specification(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let pushed = repository.image()?;
    let answers =
        [ctx.get("/v2/").send()?, repository.push("latest", &pushed)?, repository.pull("latest")?];
    for answer in answers {
        let warnings = answer.headers_named("Warning");
        let total: usize = warnings.iter().map(|w| w.len()).sum();
        ensure!(total <= 4096, "{answer}: {total} bytes of warnings, 4096 allowed");
        for warning in warnings {
            let quoted = warning.starts_with("299 - \"") && warning.ends_with('"');
            ensure!(quoted, "{answer}: Warning {warning:?} is not 299 - \"text\"");
        }
    }
    Ok(())
}

fn paths_outside_of_the_api_are_no_server_error(ctx: &Context) -> Outcome {
    for path in ["/", "/v1/_ping", "/v3/", "/v2", "/favicon.ico"] {
        let answer = ctx.get(path).send_once()?;
        ensure!(answer.status < 500, "{answer}");
    }
    Ok(())
}
