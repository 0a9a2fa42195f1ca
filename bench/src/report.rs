//! What was measured: rows of the table, with the samples of every server and round.

use std::collections::BTreeMap;

use crate::servers::Server;

/// Above this share of one core the client may be what bounds a rate.
const CLIENT_BOUND: f64 = 0.9;

/// Which direction is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

/// What a row must show; for rows where less is better the bound is an upper one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Times the best registry beside Berth.
    Peers(f64),
    /// Times nginx.
    Nginx(f64),
    /// In the unit of the row.
    Absolute(f64),
}

/// One line of a table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) goals: Vec<Goal>,
    /// True for CPU time of the server, which has a table of its own.
    pub(crate) is_cpu: bool,
}

/// A value for a row.
pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) value: f64,
    /// The CPU time of the client as a share of one core.
    pub(crate) client_share: f64,
    pub(crate) note: Option<String>,
}

/// Why there is no value.
pub(crate) enum Missed {
    /// The server cannot do this; shown as a dash.
    Unsupported(String),
    /// Something went wrong; the run fails at its end.
    Failed(String),
}

/// The samples of one server in one row.
#[derive(Default)]
pub(crate) struct Cell {
    samples: Vec<f64>,
    pub(crate) client_bound: bool,
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<(Row, BTreeMap<Server, Cell>)>,
    pub(crate) notes: Vec<String>,
    pub(crate) failures: Vec<String>,
}

impl Row {
    pub(crate) fn more(title: impl Into<String>, unit: &'static str) -> Self {
        Self { title: title.into(), unit, better: Better::More, goals: Vec::new(), is_cpu: false }
    }

    pub(crate) fn less(title: impl Into<String>, unit: &'static str) -> Self {
        Self { better: Better::Less, ..Self::more(title, unit) }
    }

    /// CPU time of the server for the work of another row.
    pub(crate) fn cpu(title: &str, unit: &'static str) -> Self {
        Self { is_cpu: true, ..Self::less(title, unit) }
    }

    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        self.goals.push(goal);
        self
    }

    pub(crate) fn measured(self, value: f64) -> Measured {
        Measured { row: self, value, client_share: 0.0, note: None }
    }
}

impl Measured {
    pub(crate) fn client_busy(self, share: f64) -> Self {
        Self { client_share: share, ..self }
    }
}

impl From<String> for Missed {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

impl Cell {
    /// The median of the rounds; none without samples.
    pub(crate) fn median(&self) -> Option<f64> {
        median(&self.samples)
    }

    /// The lowest and the highest sample.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let low = self.samples.iter().copied().reduce(f64::min)?;
        let high = self.samples.iter().copied().reduce(f64::max)?;
        Some((low, high))
    }
}

impl Report {
    pub(crate) fn record(&mut self, server: Server, measured: Measured) {
        let Measured { row, value, client_share, note } = measured;
        let kind = if row.is_cpu { "server CPU, " } else { "" };
        let title = format!("{kind}{}", row.title);
        eprintln!("  {:<16} {title:<60} {value:>12.2} {}", server.name(), row.unit);
        if let Some(note) = note {
            self.note(format!("{}, {}: {note}.", server.name(), row.title));
        }
        let cell = self.cells(row).entry(server).or_default();
        cell.samples.push(value);
        cell.client_bound |= client_share > CLIENT_BOUND;
    }

    pub(crate) fn miss(&mut self, server: Server, row: Row, missed: Missed) {
        let subject = format!("{}, {}", server.name(), row.title);
        // The row is shown all the same, with a dash for this server.
        self.cells(row).entry(server).or_default();
        match missed {
            Missed::Unsupported(reason) => self.note(format!("{subject}: {reason}.")),
            Missed::Failed(message) => {
                eprintln!("  {subject}: FAILED: {message}");
                self.note(format!("{subject}: failed."));
                self.failures.push(format!("{subject}: {message}"));
            }
        }
    }

    /// Adds a sentence below the table, once.
    pub(crate) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The median of a server in the row of that title.
    pub(crate) fn median(&self, title: &str, server: Server) -> Option<f64> {
        let (_, cells) = self.rows.iter().find(|(row, _)| !row.is_cpu && row.title == title)?;
        cells.get(&server)?.median()
    }

    fn cells(&mut self, row: Row) -> &mut BTreeMap<Server, Cell> {
        let same = |(other, _): &(Row, _)| other.title == row.title && other.is_cpu == row.is_cpu;
        let place = self.rows.iter().position(same).unwrap_or(self.rows.len());
        if place == self.rows.len() {
            self.rows.push((row, BTreeMap::new()));
        }
        let last = self.rows.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the place is that of a row")]
        &mut self.rows[place.min(last)].1
    }
}

/// The middle value, or the mean of the two middle ones.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::{Report, Row, median};
    use crate::servers::Server;

    #[test]
    fn the_median_drops_an_outlier() {
        assert_eq!(median(&[3.0, 900.0, 1.0]), Some(3.0));
        assert_eq!(median(&[4.0, 2.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn samples_of_the_same_row_and_server_come_together() {
        let mut report = Report::default();
        for value in [10.0, 30.0, 20.0] {
            report.record(Server::Berth, Row::more("work", "MB/s").measured(value));
            report.record(Server::Berth, Row::cpu("work", "s/GiB").measured(1.0));
        }
        assert_eq!(report.rows.len(), 2);
        assert_eq!(report.median("work", Server::Berth), Some(20.0));
        assert_eq!(report.rows[0].1[&Server::Berth].range(), Some((10.0, 30.0)));
    }
}
