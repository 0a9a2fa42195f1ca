//! Which addresses are Amazon's own: from machines there the bucket is closer
//! than the CDN, and its bytes cost nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use object_store::ClientOptions;
use object_store::client::{HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use parking_lot::RwLock;
use serde::Deserialize;

/// The list has some 2 MiB today.
const LARGEST: usize = 32 << 20;

/// How long fetching it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients on Amazon's own networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmazonClients {
    /// `awsregion`: only those of these regions; all if empty.
    pub regions: Vec<String>,
    /// `iprangesurl`: where Amazon's list is.
    pub url: String,
    /// `updatefrequency`: how often it is fetched, not zero.
    pub every: Duration,
}

/// The networks of the list. Empty before it was fetched: then all go to the CDN.
#[derive(Debug)]
pub(super) struct Ranges {
    settings: AmazonClients,
    /// First and last address of each, in order and apart from each other.
    known: RwLock<Arc<[(u128, u128)]>>,
    begun: AtomicBool,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    prefixes: Vec<Prefix>,
    #[serde(default)]
    ipv6_prefixes: Vec<Prefix>,
}

#[derive(Deserialize)]
struct Prefix {
    #[serde(alias = "ip_prefix", alias = "ipv6_prefix")]
    network: String,
    #[serde(default)]
    region: String,
}

impl Ranges {
    pub(super) fn new(settings: AmazonClients) -> Self {
        Self { settings, known: RwLock::new(Arc::new([])), begun: AtomicBool::new(false) }
    }

    /// Whether the client is on one of the networks. The first question begins the fetching.
    pub(super) fn hold(self: &Arc<Self>, client: IpAddr) -> bool {
        if !self.begun.swap(true, Ordering::Relaxed) {
            tokio::spawn(keep_fetching(Arc::downgrade(self), self.settings.every));
        }
        let (known, address) = (Arc::clone(&self.known.read()), number(client));
        let next = known.partition_point(|(first, _)| *first <= address);
        next.checked_sub(1).and_then(|at| known.get(at)).is_some_and(|(_, last)| address <= *last)
    }

    async fn fetch(&self) -> Result<(), String> {
        let body = tokio::time::timeout(PATIENCE, download(&self.settings.url)).await;
        let body = body.map_err(|_| "the list did not come in time".to_owned())??;
        let known = parse(&body, &self.settings.regions)?;
        tracing::debug!(networks = known.len(), "the list of Amazon's networks was fetched");
        *self.known.write() = known.into();
        Ok(())
    }
}

async fn keep_fetching(ranges: std::sync::Weak<Ranges>, every: Duration) {
    while let Some(ranges) = ranges.upgrade() {
        if let Err(error) = ranges.fetch().await {
            tracing::warn!(
                %error,
                url = ranges.settings.url,
                "Amazon's networks are not known anew; clients go where they went before"
            );
        }
        drop(ranges);
        tokio::time::sleep(every).await;
    }
}

async fn download(url: &str) -> Result<Vec<u8>, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let options = ClientOptions::new().with_allow_http(true).with_timeout(PATIENCE);
    let client = ReqwestConnector::default().connect(&options).map_err(|error| said(&error))?;
    let request = http::Request::builder().uri(url).body(HttpRequestBody::empty());
    let request: HttpRequest = request.map_err(|error| said(&error))?;
    let answer = client.execute(request).await.map_err(|error| said(&error))?;
    if !answer.status().is_success() {
        return Err(format!("the answer was {}", answer.status()));
    }
    let (mut body, mut pieces) = (Vec::new(), answer.into_body().bytes_stream());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| said(&error))?;
        if body.len() + piece.len() > LARGEST {
            return Err(format!("the list has more than {LARGEST} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The networks of these regions, joined where they touch.
fn parse(body: &[u8], regions: &[String]) -> Result<Vec<(u128, u128)>, String> {
    let list: List = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let all = list.prefixes.iter().chain(&list.ipv6_prefixes);
    let wanted = all.filter(|prefix| {
        let is_region = |region: &String| region.eq_ignore_ascii_case(&prefix.region);
        regions.is_empty() || regions.iter().any(is_region)
    });
    let mut ranges: Vec<_> = wanted.filter_map(|prefix| range(&prefix.network)).collect();
    ranges.sort_unstable();
    let mut joined: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    Ok(joined)
}

/// First and last address of `10.0.0.0/8` or `2001:db8::/32`.
fn range(network: &str) -> Option<(u128, u128)> {
    let (address, length) = network.split_once('/')?;
    let (address, length): (IpAddr, u32) = (address.parse().ok()?, length.parse().ok()?);
    let host = match address {
        IpAddr::V4(_) => 32_u32.checked_sub(length)?,
        IpAddr::V6(_) => 128_u32.checked_sub(length)?,
    };
    let mask = 1_u128.checked_shl(host).map_or(u128::MAX, |size| size - 1);
    let first = number(address) & !mask;
    Some((first, first | mask))
}

/// All addresses on one line: those of version 4 where version 6 maps them.
fn number(address: IpAddr) -> u128 {
    let mapped = |v4: Ipv4Addr| v4.to_ipv6_mapped();
    u128::from(match address {
        IpAddr::V4(v4) => mapped(v4),
        IpAddr::V6(v6) => v6,
    } as Ipv6Addr)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"syncToken": "1", "prefixes": [
        {"ip_prefix": "3.5.140.0/22", "region": "ap-northeast-2", "service": "AMAZON"},
        {"ip_prefix": "52.94.76.0/22", "region": "us-west-2", "service": "EC2"},
        {"ip_prefix": "52.94.76.0/24", "region": "us-west-2", "service": "AMAZON"},
        {"ip_prefix": "nonsense", "region": "us-west-2"}],
        "ipv6_prefixes": [
        {"ipv6_prefix": "2600:1f14::/35", "region": "us-west-2", "service": "EC2"}]}"#;

    fn holds(regions: &[&str], client: &str) -> bool {
        let regions: Vec<_> = regions.iter().map(|&region| region.to_owned()).collect();
        let settings = AmazonClients { regions, url: String::new(), every: Duration::MAX };
        let ranges = Ranges::new(settings);
        *ranges.known.write() = parse(LIST.as_bytes(), &ranges.settings.regions).unwrap().into();
        ranges.begun.store(true, Ordering::Relaxed);
        Arc::new(ranges).hold(client.parse().unwrap())
    }

    #[test]
    fn clients_of_the_regions_are_known_and_others_are_not() {
        for (client, anywhere, west) in [
            ("3.5.140.0", true, false),
            ("3.5.143.255", true, false),
            ("3.5.144.0", false, false),
            ("3.5.139.255", false, false),
            ("52.94.76.7", true, true),
            ("52.94.79.255", true, true),
            ("::ffff:52.94.79.255", true, true),
            ("52.94.80.0", false, false),
            ("2600:1f14:1fff::1", true, true),
            ("2600:1f14:2000::1", false, false),
            ("::1", false, false),
        ] {
            assert_eq!(holds(&[], client), anywhere, "{client}");
            assert_eq!(holds(&["US-WEST-2", "x"], client), west, "{client}");
        }
    }

    #[test]
    fn a_list_that_is_none_is_an_error() {
        assert!(parse(b"<html>", &[]).is_err());
        assert_eq!(parse(b"{}", &[]), Ok(vec![]));
        assert_eq!(range("0.0.0.0/0").map(|(first, last)| last - first), Some(u32::MAX.into()));
        assert_eq!(range("::/0"), Some((0, u128::MAX)));
        assert_eq!((range("1.2.3.4/33"), range("1.2.3.4")), (None, None));
    }
}
