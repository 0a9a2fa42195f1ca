//! A bucket as S3 speaks of it, whoever answers.

use crate::command;

/// The region that the servers of the tests believe to be in.
pub const REGION: &str = "eu-central-1";
/// The access key of the tests' servers.
pub const ACCESS_KEY: &str = "tester";
/// The secret of [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "a secret of the tests";
/// The bucket that every fixture makes.
pub const BUCKET: &str = "registry";

/// The driver's lines of `storage` for the bucket behind `endpoint`, two spaces in.
pub fn section(endpoint: &str) -> String {
    format!(
        "  s3:\n    accesskey: {ACCESS_KEY}\n    secretkey: {SECRET_KEY}\n    region: {REGION}\n    regionendpoint: {endpoint}\n    bucket: {BUCKET}\n    forcepathstyle: true\n    secure: false\n    rootdirectory: /images\n"
    )
}

/// Makes [`BUCKET`] behind `endpoint`.
pub fn make_bucket(endpoint: &str) {
    let user = format!("{ACCESS_KEY}:{SECRET_KEY}");
    let signature = format!("aws:amz:{REGION}:s3");
    let bucket = format!("{endpoint}/{BUCKET}");
    let quiet = ["--silent", "--show-error", "--fail-with-body", "--request", "PUT"];
    let signed = ["--user", &user, "--aws-sigv4", &signature, &bucket];
    command::run("curl", &[&quiet[..], &signed[..]].concat());
}

/// Whether anything answers at this URL, be it a refusal.
pub(crate) fn answers(url: &str) -> bool {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    ureq::Agent::from(config).get(url).call().is_ok_and(|answer| answer.status() != 503)
}
