//! `middleware.storage`: addresses of blobs at Amazon's CDN.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::super::address::Address;
use super::super::duration;
use super::super::problem::{Problems, shorten};
use super::super::section::Section;

/// Amazon's own list of its networks.
const RANGES: &str = "https://ip-ranges.amazonaws.com/ip-ranges.json";

/// The options of `cloudfront`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CloudFront {
    /// Scheme, host and maybe a path, without a slash at the end.
    #[serde(rename = "baseurl")]
    pub(crate) base_url: String,
    /// The PEM file of the key to sign with.
    #[serde(rename = "privatekey")]
    pub(crate) private_key: PathBuf,
    /// Amazon's name of it.
    #[serde(rename = "keypairid")]
    pub(crate) key_pair_id: String,
    /// How long an address works.
    #[serde(serialize_with = "duration::go")]
    pub(crate) duration: Duration,
    /// Who is sent to the bucket itself.
    #[serde(rename = "ipfilteredby")]
    pub(crate) filter: Filter,
    /// With [`Filter::AwsRegion`]: these regions, in small letters, with commas between them.
    #[serde(rename = "awsregion", skip_serializing_if = "String::is_empty")]
    pub(crate) regions: String,
    /// How often the list of Amazon's networks is fetched.
    #[serde(rename = "updatefrequency", serialize_with = "duration::go")]
    pub(crate) update_frequency: Duration,
    /// Where that list is.
    #[serde(rename = "iprangesurl")]
    pub(crate) ranges_url: String,
}

/// Clients that are sent to the bucket instead of the CDN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Filter {
    /// None.
    None,
    /// Those on Amazon's networks.
    Aws,
    /// Those on Amazon's networks in some regions.
    AwsRegion,
}

/// Reads the options.
pub(super) fn read(options: &Section<'_>, problems: &mut Problems<'_>) -> Option<CloudFront> {
    let base_url = options.required(problems, "baseurl", "write it as https://cdn.example.org");
    let key = options.required(problems, "privatekey", "name the PEM file of the signing key");
    let id = options.required(problems, "keypairid", "name the key as Amazon does");
    let filter = match options.choice("ipfilteredby").as_deref() {
        Some("aws") => Filter::Aws,
        Some("awsregion") => Filter::AwsRegion,
        _ => Filter::None,
    };
    let regions = match filter {
        Filter::AwsRegion => regions(options, problems),
        Filter::None | Filter::Aws => String::new(),
    };
    let ranges_url = options.text("iprangesurl").unwrap_or_else(|| RANGES.to_owned());
    if Address::parse(&ranges_url, None).is_none() {
        let text = format!("{:?} is no address", shorten(&ranges_url));
        options.error(problems, "iprangesurl", text, format!("write it as {RANGES}"));
    }
    let cloudfront = CloudFront {
        base_url: String::new(),
        private_key: key.unwrap_or_default().into(),
        key_pair_id: id.unwrap_or_default(),
        duration: time(options, "duration", Duration::from_secs(20 * 60), problems),
        filter,
        regions,
        update_frequency: every(options, problems),
        ranges_url,
    };
    // The original adds the scheme as well.
    let address = base_url.and_then(|_| Address::read(options, "baseurl", Some("https"), problems));
    Some(CloudFront { base_url: address?.to_string(), ..cloudfront })
}

fn regions(options: &Section<'_>, problems: &mut Problems<'_>) -> String {
    let text = options.required(problems, "awsregion", "name regions, such as us-east-1,us-west-2");
    let text = text.unwrap_or_default().to_ascii_lowercase();
    let regions: Vec<_> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    regions.join(",")
}

/// `registry:2` misspelled it, and both took its value for `duration`.
fn every(options: &Section<'_>, problems: &mut Problems<'_>) -> Duration {
    let (right, wrong) = ("updatefrequency", "updatefrenquency");
    if options.holds(wrong) {
        let text = "is the old spelling of updatefrequency";
        options.warning(problems, wrong, text, "write updatefrequency");
    }
    let key = if options.holds(wrong) && !options.holds(right) { wrong } else { right };
    time(options, key, Duration::from_secs(12 * 60 * 60), problems)
}

fn time(
    options: &Section<'_>,
    key: &str,
    default: Duration,
    problems: &mut Problems<'_>,
) -> Duration {
    options.positive_time(problems, key).unwrap_or(default)
}
