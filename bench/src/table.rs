//! The report as Markdown: medians with ratios, CPU time of the servers, and the spread of the rounds.

use std::collections::BTreeMap;

use crate::report::{Better, Cell, Goal, Report, Row};
use crate::servers::Server;

type Line = (Row, BTreeMap<Server, Cell>);

/// Renders everything; `columns` are the servers with their versions.
pub(crate) fn render(report: &Report, columns: &[(Server, String)], goals: bool) -> String {
    let (cpu, main): (Vec<&Line>, Vec<&Line>) = report.rows.iter().partition(|(row, _)| row.is_cpu);
    let mut text = medians(&main, columns, goals);
    if !cpu.is_empty() {
        text += "\nCPU time of the server, user and system, for one operation:\n\n";
        text += &medians(&cpu, columns, goals);
    }
    if report.rows.iter().any(|(_, cells)| cells.values().any(spread)) {
        text += "\nLowest and highest round:\n\n";
        text += &ranges(&main, columns);
    }
    let bound = report.rows.iter().any(|(_, cells)| cells.values().any(|cell| cell.client_bound));
    if bound {
        text +=
            "\n† The client used more than 90 % of a core: the server may be faster than this.\n";
    }
    if !report.notes.is_empty() {
        text += "\n";
    }
    for note in &report.notes {
        text += &format!("- {note}\n");
    }
    text
}

fn medians(lines: &[&Line], columns: &[(Server, String)], goals: bool) -> String {
    let ratios = columns.iter().any(|(server, _)| *server == Server::Berth) && columns.len() > 1;
    let goals = goals && ratios;
    let mut header = vec!["work".to_owned(), "unit".to_owned()];
    header.extend(columns.iter().map(|(_, title)| title.clone()));
    if ratios {
        let reference = reference(columns).name();
        header.extend(["Berth / best peer".to_owned(), format!("Berth / {reference}")]);
    }
    if goals {
        header.push("goal".to_owned());
    }
    let mut text = head(&header);
    for (row, cells) in lines {
        let arrow = if row.better == Better::More { '↑' } else { '↓' };
        let mut fields = vec![row.title.clone(), format!("{} {arrow}", row.unit)];
        fields.extend(columns.iter().map(|(server, _)| value(cells.get(server))));
        if ratios {
            fields.push(ratio(cells, best_peer(row, cells)));
            fields.push(ratio(cells, of(cells, reference(columns))));
        }
        if goals {
            fields.push(verdicts(row, cells));
        }
        text += &line(&fields);
    }
    text
}

fn ranges(lines: &[&Line], columns: &[(Server, String)]) -> String {
    let mut header = vec!["work".to_owned(), "unit".to_owned()];
    header.extend(columns.iter().map(|(_, title)| title.clone()));
    let mut text = head(&header);
    for (row, cells) in lines {
        let mut fields = vec![row.title.clone(), row.unit.to_owned()];
        fields.extend(columns.iter().map(|(server, _)| {
            let range = cells.get(server).and_then(Cell::range);
            range.map_or_else(dash, |(low, high)| format!("{} – {}", number(low), number(high)))
        }));
        text += &line(&fields);
    }
    text
}

fn spread(cell: &Cell) -> bool {
    cell.range().is_some_and(|(low, high)| low < high)
}

fn of(cells: &BTreeMap<Server, Cell>, server: Server) -> Option<f64> {
    cells.get(&server)?.median()
}

/// What shows the bounds of the machine or of the store.
fn reference(columns: &[(Server, String)]) -> Server {
    let store = columns.iter().any(|(server, _)| *server == Server::Minio);
    if store { Server::Minio } else { Server::Nginx }
}

/// The best median among the registries beside Berth.
fn best_peer(row: &Row, cells: &BTreeMap<Server, Cell>) -> Option<f64> {
    let peers = cells.iter().filter(|(server, _)| server.is_peer());
    let better = match row.better {
        Better::More => f64::max,
        Better::Less => f64::min,
    };
    peers.filter_map(|(_, cell)| cell.median()).reduce(better)
}

fn ratio(cells: &BTreeMap<Server, Cell>, other: Option<f64>) -> String {
    let ratio = of(cells, Server::Berth).zip(other).filter(|(_, other)| *other > 0.0);
    ratio.map_or_else(dash, |(berth, other)| format!("{:.2}", berth / other))
}

fn verdicts(row: &Row, cells: &BTreeMap<Server, Cell>) -> String {
    let verdicts: Vec<_> = row.goals.iter().map(|goal| verdict(row, cells, *goal)).collect();
    verdicts.join("; ")
}

fn verdict(row: &Row, cells: &BTreeMap<Server, Cell>, goal: Goal) -> String {
    let (sign, bound, other, against) = match goal {
        Goal::Peers(bound) => (" ×", bound, best_peer(row, cells), " best peer"),
        Goal::Nginx(bound) => (" ×", bound, of(cells, Server::Nginx), " nginx"),
        Goal::Absolute(bound) => ("", bound, Some(1.0), ""),
    };
    let side = if row.better == Better::More { '≥' } else { '≤' };
    let verdict = match of(cells, Server::Berth).zip(other) {
        None => "?",
        Some((berth, other)) => {
            let met = match row.better {
                Better::More => berth >= bound * other,
                Better::Less => berth <= bound * other,
            };
            if met { "met" } else { "**missed**" }
        }
    };
    format!("{side} {bound}{sign}{against}: {verdict}")
}

fn value(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else { return dash() };
    let mark = if cell.client_bound { "†" } else { "" };
    cell.median().map_or_else(dash, |median| format!("{}{mark}", number(median)))
}

fn dash() -> String {
    "–".to_owned()
}

fn head(fields: &[String]) -> String {
    let rule: String =
        (0..fields.len()).map(|place| if place == 0 { "|---|" } else { "---:|" }).collect();
    format!("{}{rule}\n", line(fields))
}

fn line(fields: &[String]) -> String {
    format!("| {} |\n", fields.join(" | "))
}

/// Three digits that mean something, and commas between thousands.
pub(crate) fn number(value: f64) -> String {
    if value < 9.995 {
        return format!("{value:.2}");
    }
    if value < 99.95 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::{number, render};
    use crate::report::{Goal, Missed, Report, Row};
    use crate::servers::Server;

    #[test]
    fn numbers_are_short_and_grouped() {
        assert_eq!(number(0.417), "0.42");
        assert_eq!(number(9.999), "10.0");
        assert_eq!(number(99.97), "100");
        assert_eq!(number(65074.2), "65,074");
        assert_eq!(number(1_234_567.0), "1,234,567");
    }

    #[test]
    fn ratios_compare_berth_with_the_best_peer_and_with_nginx() {
        let mut report = Report::default();
        let row = || Row::more("pull", "MB/s").goal(Goal::Peers(1.0)).goal(Goal::Nginx(1.6));
        for (server, value) in [
            (Server::Berth, 3000.0),
            (Server::Olareg, 2000.0),
            (Server::DockerRegistry, 1000.0),
            (Server::Nginx, 2500.0),
        ] {
            report.record(server, row().measured(value));
        }
        let columns = [Server::Berth, Server::DockerRegistry, Server::Olareg, Server::Nginx]
            .map(|server| (server, server.name().to_owned()));
        let text = render(&report, &columns, true);
        assert!(text.contains(
            "| pull | MB/s ↑ | 3,000 | 1,000 | 2,000 | 2,500 | 1.50 | 1.20 \
             | ≥ 1 × best peer: met; ≥ 1.6 × nginx: **missed** |"
        ));
    }

    #[test]
    fn less_is_better_for_memory_and_a_missing_value_is_a_dash() {
        let mut report = Report::default();
        let row = || Row::less("memory", "MiB").goal(Goal::Absolute(20.0));
        report.record(Server::Berth, row().measured(10.0));
        report.record(Server::Distribution, row().measured(40.0));
        report.miss(Server::Olareg, row(), Missed::Unsupported("cannot".into()));
        let columns = [Server::Berth, Server::Distribution, Server::Olareg]
            .map(|server| (server, server.name().to_owned()));
        let text = render(&report, &columns, true);
        assert!(text.contains("| memory | MiB ↓ | 10.0 | 40.0 | – | 0.25 | – | ≤ 20: met |"));
        assert!(text.contains("- olareg, memory: cannot.\n"));
    }
}
