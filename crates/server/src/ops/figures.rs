//! Figures that other rooms keep and that are read when somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// How a figure moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    /// Only up.
    Counter,
    /// Up and down.
    Gauge,
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// The metric's name, without `_total`.
    pub name: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// How it moves.
    pub kind: FigureKind,
    /// Its present value; a whole number is shown without a fraction.
    pub value: f64,
}

/// Reads figures at every scrape.
pub(crate) struct Figures(pub(crate) Box<dyn Fn() -> Vec<Figure> + Send + Sync>);

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures")
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for figure in (self.0)() {
            figure.encode(&mut encoder)?;
        }
        Ok(())
    }
}

impl Figure {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        match (self.kind, whole(self.value)) {
            (FigureKind::Counter, Some(value)) => self.put(encoder, &ConstCounter::new(value)),
            (FigureKind::Counter, None) => self.put(encoder, &ConstCounter::new(self.value)),
            (FigureKind::Gauge, Some(value)) => self.put(encoder, &ConstGauge::new(value)),
            (FigureKind::Gauge, None) => self.put(encoder, &ConstGauge::new(self.value)),
        }
    }

    fn put(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        metric: &impl EncodeMetric,
    ) -> Result<(), fmt::Error> {
        let kind = metric.metric_type();
        metric.encode(encoder.encode_descriptor(self.name, self.help, None, kind)?)
    }
}

/// The number, if it is whole and a double holds it exactly.
#[expect(clippy::cast_possible_truncation, reason = "the number is whole and small enough")]
fn whole(value: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    ((0.0..=EXACT).contains(&value) && value.fract() == 0.0).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn figures_are_read_at_each_scrape_and_keep_their_fractions() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Figures(Box::new(|| {
            vec![
                Figure { name: "a", help: "A", kind: FigureKind::Counter, value: 3.0 },
                Figure { name: "b_seconds", help: "B", kind: FigureKind::Counter, value: 0.25 },
                Figure { name: "c", help: "C", kind: FigureKind::Gauge, value: 1e15 },
                Figure { name: "d", help: "D", kind: FigureKind::Gauge, value: 1.5 },
            ]
        }))));
        let mut out = String::new();
        text::encode(&mut out, &registry).unwrap();
        for line in ["a_total 3", "b_seconds_total 0.25", "c 1000000000000000", "d 1.5"] {
            assert!(out.lines().any(|found| found == line), "{line} is not in\n{out}");
        }
    }
}
