//! A bucket as S3 speaks of it, whoever answers.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

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

/// Opens [`BUCKET`] behind `endpoint` to everybody. Signed here: curl signs no request with a query right.
pub(crate) fn open_to_all(endpoint: &str, policy: &str) {
    let mut clock = command::command("date");
    let now = command::ok(clock.args(["-u", "+%Y%m%dT%H%M%SZ"]));
    let (day, host) = (&now[..8], endpoint.trim_start_matches("http://"));
    let hash = |bytes: &[u8]| hex(&Sha256::digest(bytes));
    let (content, names) = (hash(policy.as_bytes()), "host;x-amz-content-sha256;x-amz-date");
    let headers = format!("host:{host}\nx-amz-content-sha256:{content}\nx-amz-date:{now}\n");
    let request = format!("PUT\n/{BUCKET}\npolicy=\n{headers}\n{names}\n{content}");
    let scope = format!("{day}/{REGION}/s3/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", hash(request.as_bytes()));
    let key = format!("AWS4{SECRET_KEY}").into_bytes();
    let key = [day, REGION, "s3", "aws4_request"].iter().fold(key, |key, part| sign(&key, part));
    let signature = hex(&sign(&key, &text));
    ureq::put(&format!("{endpoint}/{BUCKET}?policy="))
        .header("x-amz-date", &now)
        .header("x-amz-content-sha256", &content)
        .header(
            "Authorization",
            &format!(
                "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, \
                 Signature={signature}"
            ),
        )
        .send(policy)
        .unwrap();
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether anything answers at this URL, be it a refusal.
pub(crate) fn answers(url: &str) -> bool {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    ureq::Agent::from(config).get(url).call().is_ok_and(|answer| answer.status() != 503)
}
