//! What is wrong with a configuration, told so that the reader can mend it: the place, the key,
//! the problem, the way out, and the line of the file.

use std::fmt;

use super::yaml::Place;

/// Problems that one message shows; the rest is counted.
const SHOWN: usize = 20;

/// One thing that is wrong or without effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// `config.yml:3:5`, or the environment variable's name, or the source alone.
    place: String,
    /// The setting, such as `http.tls.key`; empty if it is about the file itself.
    key: String,
    /// What is wrong with it.
    text: String,
    /// What to do about it; may be empty.
    way_out: String,
    /// The line of the file with a mark under the column.
    snippet: Option<String>,
    order: Place,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.text)?;
        if !self.way_out.is_empty() {
            write!(f, "; {}", self.way_out)?;
        }
        Ok(())
    }
}

/// Something that does not stop the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Warning {
    /// What is odd.
    pub(crate) problem: Problem,
    /// True if the operator surely expects an effect that will not come: log it as an error.
    pub(crate) loud: bool,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

/// Every problem of a configuration that cannot be used; `Display` shows the first 20.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// An error about a file as a whole.
    pub(super) fn about(source: &str, text: String, way_out: &str) -> Self {
        Problems::new(source, "", false).stop(&Place::Whole, text, way_out)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().take(SHOWN).enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
            if let Some(snippet) = &problem.snippet {
                write!(f, "\n{snippet}")?;
            }
        }
        match self.problems.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Gathers errors and warnings while a configuration is read.
pub(super) struct Problems<'text> {
    source: &'text str,
    text: &'text str,
    strict: bool,
    errors: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl<'text> Problems<'text> {
    /// For a file called `source` that holds `text`; `strict` turns doubts into errors.
    pub(super) fn new(source: &'text str, text: &'text str, strict: bool) -> Self {
        Self { source, text, strict, errors: Vec::new(), warnings: Vec::new() }
    }

    /// Something that stops the start.
    pub(super) fn error(
        &mut self,
        place: &Place,
        key: &str,
        text: impl Into<String>,
        way_out: impl Into<String>,
    ) {
        let problem = self.problem(place, key, text.into(), way_out.into());
        self.errors.push(problem);
    }

    /// Something without effect that a strict check does not let pass: a slip of the pen.
    pub(super) fn doubt(
        &mut self,
        place: &Place,
        key: &str,
        text: impl Into<String>,
        way_out: impl Into<String>,
    ) {
        if self.strict {
            self.error(place, key, text, way_out);
        } else {
            self.warning(place, key, text, way_out);
        }
    }

    /// Something that works, but not as one may think.
    pub(super) fn warning(
        &mut self,
        place: &Place,
        key: &str,
        text: impl Into<String>,
        way_out: impl Into<String>,
    ) {
        let problem = self.problem(place, key, text.into(), way_out.into());
        self.warnings.push(Warning { problem, loud: false });
    }

    /// A warning that must not be missed.
    pub(super) fn loud_warning(
        &mut self,
        place: &Place,
        key: &str,
        text: impl Into<String>,
        way_out: impl Into<String>,
    ) {
        self.warning(place, key, text, way_out);
        if let Some(warning) = self.warnings.last_mut() {
            warning.loud = true;
        }
    }

    /// The error of a text that cannot be read any further.
    pub(super) fn fatal(self, place: &Place, text: String) -> ConfigError {
        self.stop(place, text, "")
    }

    /// What was wrong so far, and this about no key in particular.
    fn stop(mut self, place: &Place, text: String, way_out: &str) -> ConfigError {
        self.error(place, "", text, way_out);
        ConfigError { problems: self.errors }
    }

    /// The warnings if nothing was an error, else all errors, each kind in the order of the file.
    pub(super) fn finish(mut self) -> Result<Vec<Warning>, ConfigError> {
        self.warnings.sort_by(|a, b| a.problem.order.cmp(&b.problem.order));
        self.errors.sort_by(|a, b| a.order.cmp(&b.order));
        self.errors.dedup();
        if self.errors.is_empty() {
            Ok(self.warnings)
        } else {
            Err(ConfigError { problems: self.errors })
        }
    }

    fn problem(&self, place: &Place, key: &str, text: String, way_out: String) -> Problem {
        let (name, snippet) = match place {
            Place::File { line, column } => {
                (format!("{}:{line}:{column}", self.source), self.snippet(*line, *column))
            }
            Place::Variable(name) => (name.to_string(), None),
            Place::Whole => (self.source.to_owned(), None),
        };
        let key = key.to_owned();
        Problem { place: name, key, text, way_out, snippet, order: place.clone() }
    }

    fn snippet(&self, line: usize, column: usize) -> Option<String> {
        let content = self.text.lines().nth(line.checked_sub(1)?)?;
        let content = content.strip_prefix('\u{feff}').unwrap_or(content);
        let before = column.saturating_sub(1);
        if content.chars().count() > 160 || before > content.chars().count() {
            return None;
        }
        let content: String =
            content.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let gutter = line.to_string().len();
        Some(format!("  {line} | {}\n  {:gutter$} | {}^", mask(&content), "", " ".repeat(before)))
    }
}

/// Cuts a line after a key that holds a secret.
fn mask(line: &str) -> String {
    const SECRETS: [&str; 10] = [
        "password",
        "private_key",
        "connectionstring",
        "secret",
        "apikey",
        "licensekey",
        "accountkey",
        "accesskey",
        "secretkey",
        "authorization",
    ];
    let lower = line.to_ascii_lowercase();
    let ends =
        SECRETS.iter().flat_map(|word| lower.match_indices(word)).filter_map(|(at, word)| {
            let end = at.checked_add(word.len())?;
            let rest = line.get(end..)?;
            let colon = rest.find(':')?;
            let only_quotes = rest.get(..colon)?.chars().all(|c| matches!(c, '"' | '\'' | ' '));
            let empty = rest.get(colon.checked_add(1)?..)?.trim().is_empty();
            (only_quotes && !empty).then_some(end)
        });
    match ends.min().and_then(|end| line.get(..end)) {
        Some(key) => format!("{key}: ***"),
        None => hide_user(line),
    }
}

/// Takes out what stands before an `@`, which in an address may be a password.
fn hide_user(line: &str) -> String {
    let Some((before, behind)) = line.rsplit_once('@') else { return line.to_owned() };
    let start = before.rfind(|c: char| c.is_whitespace() || "\"'{[".contains(c));
    let kept = start.and_then(|start| before.get(..=start)).unwrap_or_default();
    format!("{kept}***@{behind}")
}

/// A value short enough for a message.
pub(super) fn shorten(text: &str) -> String {
    const LIMIT: usize = 80;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
