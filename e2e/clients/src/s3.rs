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

/// Makes [`BUCKET`] behind `endpoint`. `false` as long as the server is not ready for it, which some say of
/// themselves too early.
pub(crate) fn make_bucket(endpoint: &str) -> bool {
    let mut curl = command::command("curl");
    curl.args(["--silent", "--fail", "--request", "PUT", "--user"]);
    curl.arg(format!("{ACCESS_KEY}:{SECRET_KEY}"));
    curl.args(["--aws-sigv4", &format!("aws:amz:{REGION}:s3")]);
    curl.arg(format!("{endpoint}/{BUCKET}")).output().is_ok_and(|done| done.status.success())
}

/// Whether anything answers at this URL, be it a refusal.
pub(crate) fn answers(url: &str) -> bool {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    ureq::Agent::from(config).get(url).call().is_ok_and(|answer| answer.status() != 503)
}
