//! The question to the log that a filter means, the same for both engines.

use store::{AuditFilter, AuditOrder};

use crate::access::PAGE;

/// The columns of a line, in the order in which it is read.
const COLUMNS: &str = "id, at, actor, via, address, action, target, outcome, request, detail, \
     count, sequence, hash";

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parameter {
    Text(String),
    Number(i64),
}

/// A statement and its parameters.
#[derive(Debug)]
pub(crate) struct AuditQuery {
    pub(crate) sql: String,
    pub(crate) parameters: Vec<Parameter>,
}

/// Whose words the question is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl AuditQuery {
    /// The question for lines that match.
    pub(crate) fn new(
        dialect: Dialect,
        filter: AuditFilter,
        order: AuditOrder,
        limit: usize,
    ) -> Self {
        let id = id(dialect, &filter, order);
        let sign = if dialect == Dialect::Sqlite { '?' } else { '$' };
        let mut building = Building { sign, conditions: Vec::new(), parameters: Vec::new() };
        building.exactly("actor", filter.actor);
        building.exactly("outcome", filter.outcome);
        building.at_or_below("action", filter.action, &["."]);
        building.at_or_below("target", filter.target, &["/", ":", "@"]);
        building.number("at >=", filter.since.map(store::Timestamp::millis));
        building.number("at <", filter.until.map(store::Timestamp::millis));
        let direction = match order {
            AuditOrder::NewestFirst(below) => {
                building.number(&format!("{id} <"), below);
                "DESC"
            }
            AuditOrder::OldestFirst(above) => {
                building.number(&format!("{id} >"), above);
                "ASC"
            }
        };
        building.ask(&format!("{id} {direction}"), limit)
    }
}

/// How the number is written. SQLite does not know how few rows match a filter
/// and would rather read all in order; with a `+` it cannot, and goes by the
/// filter. Lines of an actor are in order by themselves, and a page of a time
/// span after its first one begins in its middle.
fn id(dialect: Dialect, filter: &AuditFilter, order: AuditOrder) -> &'static str {
    let is_first = matches!(order, AuditOrder::NewestFirst(None) | AuditOrder::OldestFirst(None));
    let by_time = is_first && (filter.since.is_some() || filter.until.is_some());
    let by_filter = filter.actor.is_none() && (filter.target.is_some() || by_time);
    if dialect == Dialect::Sqlite && by_filter { "+id" } else { "id" }
}

struct Building {
    sign: char,
    conditions: Vec<String>,
    parameters: Vec<Parameter>,
}

impl Building {
    fn parameter(&mut self, parameter: Parameter) -> String {
        self.parameters.push(parameter);
        format!("{}{}", self.sign, self.parameters.len())
    }

    fn exactly(&mut self, column: &str, text: Option<String>) {
        if let Some(text) = text {
            let place = self.parameter(Parameter::Text(text));
            self.conditions.push(format!("{column} = {place}"));
        }
    }

    fn number(&mut self, comparison: &str, number: Option<i64>) {
        if let Some(number) = number {
            let place = self.parameter(Parameter::Number(number));
            self.conditions.push(format!("{comparison} {place}"));
        }
    }

    /// The text itself, or what goes on after it with one of the separators,
    /// which are in order. Nothing but comparisons: no character is special.
    fn at_or_below(&mut self, column: &str, text: Option<String>, separators: &[&str]) {
        let Some(text) = text else { return };
        // One range of an index holds all of them, and a few others.
        let last = separators.last().map_or(String::new(), |last| after(last));
        let first = self.parameter(Parameter::Text(text.clone()));
        let end = self.parameter(Parameter::Text(format!("{text}{last}")));
        let mut ways = vec![format!("{column} = {first}")];
        for separator in separators {
            let from = self.parameter(Parameter::Text(format!("{text}{separator}")));
            let to = self.parameter(Parameter::Text(format!("{text}{}", after(separator))));
            ways.push(format!("({column} >= {from} AND {column} < {to})"));
        }
        self.conditions
            .push(format!("{column} >= {first} AND {column} < {end} AND ({})", ways.join(" OR ")));
    }

    fn ask(mut self, order: &str, limit: usize) -> AuditQuery {
        let limit = i64::try_from(limit.min(PAGE)).unwrap_or(0);
        let limit = self.parameter(Parameter::Number(limit));
        let filter = match self.conditions.as_slice() {
            [] => String::new(),
            conditions => format!(" WHERE {}", conditions.join(" AND ")),
        };
        let sql = format!("SELECT {COLUMNS} FROM audit{filter} ORDER BY {order} LIMIT {limit}");
        AuditQuery { sql, parameters: self.parameters }
    }
}

/// The least text after all that begin with `separator`, which is ASCII.
fn after(separator: &str) -> String {
    separator.chars().map(|c| char::from_u32(u32::from(c) + 1).unwrap_or(char::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_compared_and_never_matched_as_a_pattern() {
        let filter = AuditFilter { target: Some("a_%".into()), ..AuditFilter::default() };
        let query =
            AuditQuery::new(Dialect::Sqlite, filter, AuditOrder::NewestFirst(Some(9)), 5000);
        assert_eq!(
            query.sql,
            format!(
                "SELECT {COLUMNS} FROM audit WHERE target >= ?1 AND target < ?2 AND (target = ?1 \
                 OR (target >= ?3 AND target < ?4) OR (target >= ?5 AND target < ?6) \
                 OR (target >= ?7 AND target < ?8)) AND +id < ?9 ORDER BY +id DESC LIMIT ?10"
            )
        );
        let text = |text: &str| Parameter::Text(text.into());
        let expected = [
            text("a_%"),
            text("a_%A"),
            text("a_%/"),
            text("a_%0"),
            text("a_%:"),
            text("a_%;"),
            text("a_%@"),
            text("a_%A"),
            Parameter::Number(9),
            Parameter::Number(1000),
        ];
        assert_eq!(query.parameters, expected);
    }

    #[test]
    fn no_filter_is_no_condition() {
        let order = AuditOrder::OldestFirst(None);
        let query = AuditQuery::new(Dialect::Postgres, AuditFilter::default(), order, 10);
        assert!(query.sql.ends_with("FROM audit ORDER BY id ASC LIMIT $1"), "{}", query.sql);
    }
}
