//! Requests to the store itself, signed as Amazon's protocol wants it (version 4, the body unsigned),
//! so that the client of the registries can measure the store as well.

use sha2::{Digest as _, Sha256};

use super::minio::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};
use crate::clock;
use crate::http::{HOST, request};

const BLOCK: usize = 64;
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// The head of a request for an object of the bucket; `length` is that of its body. The name must need
/// no escapes. Good for 15 minutes.
pub(crate) fn signed(method: &str, object: &str, length: u64) -> String {
    let target = format!("/{BUCKET}/{object}");
    let (day, time) = date(clock::since_epoch());
    let stamp = format!("{day}T{time}Z");
    let authorization = authorization(method, &target, &day, &stamp);
    let fields = format!(
        "x-amz-content-sha256: {UNSIGNED}\r\nx-amz-date: {stamp}\r\n\
         Authorization: {authorization}\r\nContent-Length: {length}\r\n"
    );
    request(method, &target, &fields)
}

fn authorization(method: &str, target: &str, day: &str, stamp: &str) -> String {
    let names = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!(
        "{method}\n{target}\n\nhost:{HOST}\nx-amz-content-sha256:{UNSIGNED}\nx-amz-date:{stamp}\n\n\
         {names}\n{UNSIGNED}"
    );
    let scope = format!("{day}/{REGION}/s3/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
    for part in [day, REGION, "s3", "aws4_request", &text] {
        key = hmac(&key, part.as_bytes());
    }
    let signature = hex(&key);
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, \
         Signature={signature}"
    )
}

/// HMAC with SHA-256, for keys of at most one block.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |mask: u8| {
        let mut block = [mask; BLOCK];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let inner = Sha256::new_with_prefix(padded(0x36)).chain_update(message).finalize();
    Sha256::new_with_prefix(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `YYYYMMDD` and `HHMMSS` of seconds since 1970, in the Gregorian calendar.
fn date(seconds: u64) -> (String, String) {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March have their leap day at the end; 719,468 days lie between the first of
    // March of the year 0 and 1970.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + next;
    let time = (rest / 3600, rest / 60 % 60, rest % 60);
    (format!("{year:04}{month:02}{date:02}"), format!("{:02}{:02}{:02}", time.0, time.1, time.2))
}

#[cfg(test)]
mod tests {
    use super::{date, hex, hmac};

    #[test]
    fn dates_follow_the_calendar() {
        let of = |seconds| format!("{}T{}Z", date(seconds).0, date(seconds).1);
        assert_eq!(of(0), "19700101T000000Z");
        assert_eq!(of(951_782_399), "20000228T235959Z");
        assert_eq!(of(951_782_400), "20000229T000000Z");
        assert_eq!(of(1_798_761_599), "20261231T235959Z");
    }

    #[test]
    fn the_hmac_is_that_of_rfc_4231() {
        let found = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&found), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
