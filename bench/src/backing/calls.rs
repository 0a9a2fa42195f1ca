//! How many requests a store has answered, by its own count: the same counter for every registry, and
//! nothing between registry and store.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::Outcome;
use crate::http::{Connection, request};

/// Counted at the moment of asking; the older metrics of MinIO are some seconds old.
const METRICS: &str = "/minio/metrics/v3/api/requests";
const COUNTER: &str = "minio_api_requests_total{";

/// A registry may go on after it has answered: the count has settled when it stays for this long.
const QUIET: Duration = Duration::from_millis(100);
/// Looks before a count that never settles is an error.
const LOOKS: u32 = 100;

/// Requests by their name in the protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls(BTreeMap<String, u64>);

impl Calls {
    /// Reads until nothing is added.
    pub(super) async fn settled(store: SocketAddr) -> Outcome<Self> {
        let mut connection = Connection::open(store).await?;
        let mut last = Self::read(&mut connection).await?;
        for _ in 0..LOOKS {
            tokio::time::sleep(QUIET).await;
            let next = Self::read(&mut connection).await?;
            if next == last {
                return Ok(next);
            }
            last = next;
        }
        Err("the registry never stops calling its store".into())
    }

    async fn read(connection: &mut Connection) -> Outcome<Self> {
        let status = connection.exchange(request("GET", METRICS, "").as_bytes()).await?;
        if status != 200 {
            return Err(format!("metrics of the store: {}", connection.describe()));
        }
        Ok(Self::parse(&String::from_utf8_lossy(connection.body())))
    }

    fn parse(text: &str) -> Self {
        let one = |line: &str| {
            let (labels, count) = line.strip_prefix(COUNTER)?.split_once("} ")?;
            let name = labels.split(',').find_map(|label| label.strip_prefix("name=\""))?;
            let count = count.trim().parse::<f64>().ok()?;
            // Counters are whole numbers far below 2^53.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let count = count as u64;
            Some((name.trim_end_matches('"').to_owned(), count))
        };
        Self(text.lines().filter_map(one).collect())
    }

    /// What came in since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let old = |name| before.0.get(name).copied().unwrap_or(0);
        let new =
            self.0.iter().map(|(name, count)| (name.clone(), count.saturating_sub(old(name))));
        Self(new.filter(|(_, count)| *count > 0).collect())
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Every kind with its number for each of `operations`; none if there was no call.
    pub(crate) fn describe(&self, operations: u64) -> Option<String> {
        let each = |count: u64| format!("{:.1}", count as f64 / operations.max(1) as f64);
        let kinds = self
            .0
            .iter()
            .map(|(name, count)| format!("{name} {}", each(*count).trim_end_matches(".0")));
        (!self.0.is_empty()).then(|| kinds.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::Calls;

    const BEFORE: &str = "# TYPE minio_api_requests_total counter\n\
        minio_api_requests_total{name=\"PutObject\",server=\"a:1\",type=\"s3\"} 3\n\
        minio_api_requests_errors_total{name=\"PutObject\",server=\"a:1\",type=\"s3\"} 3\n";
    const AFTER: &str = "minio_api_requests_total{name=\"HeadObject\",server=\"a:1\",type=\"s3\"} 5\n\
        minio_api_requests_total{name=\"PutObject\",server=\"a:1\",type=\"s3\"} 13\n";

    #[test]
    fn calls_are_counted_by_their_name() {
        let new = Calls::parse(AFTER).since(&Calls::parse(BEFORE));
        assert_eq!(new.total(), 15);
        assert_eq!(new.describe(10).as_deref(), Some("HeadObject 0.5, PutObject 1"));
    }

    #[test]
    fn nothing_new_is_described_by_nothing() {
        let none = Calls::parse(AFTER).since(&Calls::parse(AFTER));
        assert_eq!((none.total(), none.describe(1)), (0, None));
    }
}
