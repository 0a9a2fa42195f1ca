//! Hostile paths and queries: refused in order, never a server error, never another resource.

use super::table;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::{Failure, Outcome, ensure};

table! {
    odd_names_are_answered_in_order: "input" Berth,
    odd_references_are_answered_in_order: "input" Berth,
    odd_digests_are_answered_in_order: "input" Berth,
    dots_and_encoded_slashes_never_leave_the_repository: "input" Berth,
    encoded_slash_is_no_separator: "input" Berth,
    encoded_letters_mean_the_letters: "G8" Must,
    encoded_colon_in_a_digest_means_the_colon: "G8" Must,
    bad_utf8_in_the_path_is_refused: "input" Berth,
    bad_utf8_in_the_query_is_no_server_error: "input" Berth,
    very_long_paths_are_refused: "input" Berth,
    very_deep_paths_are_refused: "input" Berth,
    duplicated_digest_parameters_are_refused_or_checked: "input" Berth,
    duplicated_list_parameters_are_no_server_error: "input" Berth,
    duplicated_mount_parameters_are_no_server_error: "input" Berth,
    very_many_parameters_are_no_server_error: "input" Berth,
    refusals_of_odd_paths_are_oci_json: "G4" Berth,
    odd_catalog_queries_are_no_server_error: "input" Berth,
    referrers_with_odd_queries_are_no_server_error: "input" Berth,
}

const ODD: &[&str] = &[
    "%00",
    "%0a",
    "%0d%0aX-Injected:%20yes",
    "..",
    "%2e%2e",
    "%2e%2e%2f%2e%2e",
    "..%5c..%5c",
    "%c0%ae%c0%ae",
    ".",
    "~",
    "*",
    "'",
    "%22",
    "%27%20OR%20%271%27=%271",
    ";drop",
    "$(id)",
    "%24%7bx%7d",
    "{{7*7}}",
    "<script>",
    "%f0%9f%90%b3",
    "%e2%80%ae",
    "%ff%fe",
    "CON",
    "%25s%25n",
    "%",
    "%zz",
    "sha256",
    "-",
    "--",
    "_",
    "__",
    "@",
    "a@sha256:x",
    ":",
    "::",
    "a:b:c",
    "a=b",
    "a&b",
    "a;b",
    "\\",
    "|",
    "^",
    "`",
];

/// Not a success, not a server error, and JSON of the specification if it claims to be an error.
fn in_order(ctx: &Context, method: &str, path: &str) -> Outcome {
    let answer = ctx.client.request(method, path).send_once()?;
    let fine = (300..500).contains(&answer.status);
    ensure!(fine, "{answer}, expected a refusal");
    ensure!(answer.header("X-Injected").is_none(), "{answer}: a header was injected");
    Ok(())
}

fn odd_names_are_answered_in_order(ctx: &Context) -> Outcome {
    for odd in ODD.iter().filter(|odd| !matches!(**odd, "sha256" | "." | "..")) {
        let name = ctx.repository_ending(odd).name;
        in_order(ctx, "POST", &format!("/v2/{name}/blobs/uploads/"))?;
        in_order(ctx, "GET", &format!("/v2/{name}/tags/list"))?;
        in_order(ctx, "GET", &format!("/v2/{name}/manifests/latest"))?;
    }
    Ok(())
}

fn odd_references_are_answered_in_order(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    for odd in ODD.iter().filter(|odd| !matches!(**odd, "sha256" | "CON" | "_" | "__" | "." | ".."))
    {
        let answer = repository.put(odd, &image).send_once()?;
        ensure!((300..500).contains(&answer.status), "{answer}, expected a refusal");
    }
    for odd in ODD {
        in_order(ctx, "GET", &repository.manifest(odd))?;
        in_order(ctx, "DELETE", &repository.manifest(odd))?;
    }
    Ok(())
}

fn odd_digests_are_answered_in_order(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    for odd in ODD {
        for path in [repository.blob(odd), repository.blob(&format!("sha256:{odd}"))] {
            for method in ["GET", "HEAD", "DELETE"] {
                in_order(ctx, method, &path)?;
            }
        }
        let path = repository.referrers(&format!("sha256:{odd}"));
        in_order(ctx, "GET", &path)?;
    }
    Ok(())
}

fn dots_and_encoded_slashes_never_leave_the_repository(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (digest, _) = repository.fresh_blob(20)?;
    for trick in [
        "/v2/../../../../etc/passwd".to_owned(),
        "/v2/%2e%2e/%2e%2e/%2e%2e/etc/passwd".to_owned(),
        format!("/v2/{}/blobs/../../../../../etc/passwd", repository.name),
        format!("/v2/{}/manifests/..%2f..%2f..%2f_layers", repository.name),
        format!("/v2/{}/blobs/sha256:..%2f..%2f..%2f..%2fdata", repository.name),
        format!("/v2/{}/blobs/uploads/..%2f..%2f..%2fetc%2fpasswd", repository.name),
    ] {
        let answer = ctx.get(&trick).send_once()?;
        ensure!((300..500).contains(&answer.status), "{answer}, expected a refusal");
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(!text.contains("root:"), "{answer}: a file of the machine was served");
    }
    ctx.get(&repository.blob(&digest)).send()?.expect(200)?;
    Ok(())
}

fn encoded_slash_is_no_separator(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    let path = repository.tags().replace("/tags/list", "%2ftags%2flist");
    ctx.get(&path).send()?.refused()?;
    let name = repository.name.replace('/', "%2f");
    ctx.get(&format!("/v2/{name}/tags/list")).send()?.refused()?;
    Ok(())
}

fn encoded_letters_mean_the_letters(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let path = repository.manifest("l%61test");
    ctx.get(&path).send()?.expect(200)?.body_is(&image.bytes)?;
    Ok(())
}

fn encoded_colon_in_a_digest_means_the_colon(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let path = repository.manifest(&image.digest().replace(':', "%3A"));
    ctx.get(&path).send()?.expect(200)?.body_is(&image.bytes)?;
    Ok(())
}

fn bad_utf8_in_the_path_is_refused(ctx: &Context) -> Outcome {
    for name in ["%ff", "a%80b", "%c3", "%ed%a0%80", "%f8%88%80%80%80"] {
        in_order(ctx, "GET", &format!("/v2/{name}/tags/list"))?;
        in_order(ctx, "GET", &format!("/v2/a/manifests/{name}"))?;
    }
    Ok(())
}

fn no_server_error(ctx: &Context, method: &str, path: &str) -> Result<u16, Failure> {
    // send() takes every 5xx for a failure.
    Ok(ctx.client.request(method, path).send()?.status)
}

fn bad_utf8_in_the_query_is_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    let digest = sha256(b"x");
    for bad in ["%ff", "%", "%zz", "%c3", "%00"] {
        no_server_error(ctx, "GET", &format!("{}?last={bad}", repository.tags()))?;
        no_server_error(
            ctx,
            "GET",
            &format!("{}?artifactType={bad}", repository.referrers(&digest)),
        )?;
        no_server_error(ctx, "POST", &format!("{}?mount={bad}&from={bad}", repository.uploads()))?;
        no_server_error(ctx, "GET", &format!("{}?{bad}={bad}", repository.tags()))?;
        no_server_error(ctx, "GET", &format!("/v2/_catalog?last={bad}"))?;
    }
    Ok(())
}

fn very_long_paths_are_refused(ctx: &Context) -> Outcome {
    for length in [5_000, 60_000] {
        let long = "a".repeat(length);
        in_order(ctx, "GET", &format!("/v2/{long}/tags/list"))?;
        in_order(ctx, "GET", &format!("/v2/a/manifests/{long}"))?;
        in_order(ctx, "GET", &format!("/v2/a/blobs/sha256:{long}"))?;
    }
    ctx.get("/v2/").send()?.expect(200)?;
    Ok(())
}

fn very_deep_paths_are_refused(ctx: &Context) -> Outcome {
    let deep = vec!["a"; 2_000].join("/");
    in_order(ctx, "GET", &format!("/v2/{deep}/tags/list"))?;
    in_order(ctx, "POST", &format!("/v2/{deep}/blobs/uploads/"))
}

fn duplicated_digest_parameters_are_refused_or_checked(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let (right, wrong) = (sha256(b"bytes"), sha256(b"other"));
    for (first, second) in [(&right, &wrong), (&wrong, &right)] {
        let location = repository.open()?;
        let sign = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{sign}digest={first}&digest={second}");
        let answer = ctx.put(&path).body(*b"bytes").send()?.one_of(&[201, 400])?;
        if answer.status == 201 {
            let told = answer.header("Docker-Content-Digest").unwrap_or(&right);
            ensure!(told == right, "{answer}: the blob is known as {told}");
        }
        ctx.get(&repository.blob(&wrong)).send()?.expect(404)?;
    }
    Ok(())
}

fn duplicated_list_parameters_are_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    repository.push_image("latest")?;
    for query in [
        "n=1&n=2",
        "n=1&n=abc",
        "last=a&last=b",
        "n=&n=",
        "n",
        "last",
        "n=1&last",
        "&&&",
        "=",
        "=1",
    ] {
        no_server_error(ctx, "GET", &format!("{}?{query}", repository.tags()))?;
        no_server_error(ctx, "GET", &format!("/v2/_catalog?{query}"))?;
    }
    Ok(())
}

fn duplicated_mount_parameters_are_no_server_error(ctx: &Context) -> Outcome {
    let (from, to) = (ctx.repository(), ctx.repository());
    let (digest, _) = from.fresh_blob(30)?;
    for query in [
        format!("mount={digest}&mount={digest}&from={}", from.name),
        format!("mount={digest}&from={}&from=UPPER", from.name),
        format!("mount={digest}&digest={digest}&from={}", from.name),
        "mount=&from=&digest=".to_owned(),
        "mount&from&digest".to_owned(),
    ] {
        no_server_error(ctx, "POST", &format!("{}?{query}", to.uploads()))?;
    }
    Ok(())
}

fn very_many_parameters_are_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    let many: Vec<String> = (0..800).map(|i| format!("p{i}=v")).collect();
    let many = many.join("&");
    no_server_error(ctx, "GET", &format!("{}?{many}", repository.tags()))?;
    let types = vec!["artifactType=x"; 400].join("&");
    no_server_error(ctx, "GET", &format!("{}?{types}", repository.referrers(&image.digest())))?;
    Ok(())
}

fn refusals_of_odd_paths_are_oci_json(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    for odd in ["%00", "%2e%2e", "%ff", "*", "%0a", "a%2fb"] {
        for path in [
            format!("/v2/{odd}/tags/list"),
            repository.manifest(odd),
            repository.blob(odd),
            repository.referrers(odd),
        ] {
            ctx.get(&path).send()?.refused()?.error_code()?;
        }
    }
    Ok(())
}

fn odd_catalog_queries_are_no_server_error(ctx: &Context) -> Outcome {
    for odd in ODD {
        no_server_error(ctx, "GET", &format!("/v2/_catalog?n=1&last={odd}"))?;
        no_server_error(ctx, "GET", &format!("/v2/_catalog?n={odd}"))?;
    }
    Ok(())
}

fn referrers_with_odd_queries_are_no_server_error(ctx: &Context) -> Outcome {
    let repository = ctx.repository();
    let image = repository.push_image("latest")?;
    for odd in ODD {
        let path = format!("{}?artifactType={odd}", repository.referrers(&image.digest()));
        no_server_error(ctx, "GET", &path)?;
    }
    Ok(())
}
