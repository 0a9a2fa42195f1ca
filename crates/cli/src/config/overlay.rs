//! Environment variables over the file: `REGISTRY_A_B_C` sets `a.b.c`, `BERTH_A_B` sets `berth.a.b`.
//!
//! Names are resolved against the schema, so `_` may separate levels or belong to a key; both the
//! file's spelling of a key and the original's internal field name are known. Variables apply in
//! order of their names, a parent before its children, so that `REGISTRY_STORAGE=filesystem`
//! replaces a section and `REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY` then fills it.

mod apply;
mod resolve;
mod value;

use std::cmp::Ordering;
use std::sync::Arc;

use super::nearest::nearest_variable;
use super::problem::Problems;
use super::schema::ROOT;
use super::yaml::{Node, Place};

#[cfg(test)]
pub(super) use resolve::names;
pub(super) use value::expand_driver;

/// Says where the configuration is; read before everything else.
pub(super) const PATH: &str = "REGISTRY_CONFIGURATION_PATH";
/// Makes doubts errors; read before everything else.
pub(super) const STRICT: &str = "BERTH_STRICT";

/// Which registry commands talk to, and as whom; no settings of a server.
const CLIENT: [&str; 2] = ["BERTH_SERVER", "BERTH_TOKEN"];

/// One variable that may hold a setting.
struct Variable {
    name: Arc<str>,
    parts: Vec<String>,
    value: String,
    ours: bool,
}

/// Lays the settings of `env` over `root`.
pub(super) fn overlay(root: &mut Node, env: &[(String, String)], problems: &mut Problems<'_>) {
    let mut variables: Vec<Variable> = env.iter().filter_map(variable).collect();
    variables.sort_by(|a, b| by_parts(&a.parts, &b.parts));
    for variable in variables {
        set(root, &variable, problems);
    }
}

fn variable((name, value): &(String, String)) -> Option<Variable> {
    let is_for_commands = name == PATH || name == STRICT || CLIENT.contains(&name.as_str());
    if is_for_commands || is_service_link(name, value) {
        return None;
    }
    let (rest, ours) = match name.strip_prefix("REGISTRY_") {
        Some(rest) => (rest, false),
        None => (name.strip_prefix("BERTH_")?, true),
    };
    let own_section = ours.then(|| "BERTH".to_owned());
    let parts = own_section.into_iter().chain(rest.split('_').map(str::to_owned)).collect();
    Some(Variable { name: Arc::from(name.as_str()), parts, value: value.clone(), ours })
}

fn set(root: &mut Node, variable: &Variable, problems: &mut Problems<'_>) {
    let place = Place::Variable(variable.name.clone());
    if variable.parts == ["VERSION"] {
        problems.warning(&place, "", "has no effect", "the version stands in the file only");
        return;
    }
    let Some((steps, kind)) = resolve::resolve(&variable.parts, &ROOT, Some(root)) else {
        unknown(variable, &place, problems);
        return;
    };
    if kind.is_section() && variable.value.trim().is_empty() {
        // What a template with an unset value leaves must not take `auth` away.
        let text = "is empty, ignored";
        problems.warning(&place, &resolve::path(&steps), text, "write null to clear the section");
        return;
    }
    match value::interpret(&variable.value, kind, &place) {
        Ok(node) => apply::apply(root, &steps, node),
        Err(reason) => {
            let text = format!("wants {}: {reason}", kind.wanted());
            problems.error(&place, &resolve::path(&steps), text, "write it as YAML");
        }
    }
}

/// An unknown `REGISTRY_` name is never an error: other programs put such names there. An unknown
/// `BERTH_` name is a slip in a setting of ours.
fn unknown(variable: &Variable, place: &Place, problems: &mut Problems<'_>) {
    let known = resolve::names();
    let way_out = nearest_variable(&variable.name, known.iter().map(String::as_str))
        .map_or_else(String::new, |name| format!("did you mean {name}?"));
    if variable.ours {
        problems.error(place, "", "names no setting", way_out);
    } else {
        problems.warning(place, "", "names no setting, ignored", way_out);
    }
}

/// What Kubernetes puts into every container for a service called `registry` or `berth`:
/// `X_SERVICE_HOST`, `X_SERVICE_PORT…`, `X_PORT=tcp://…`, `X_PORT_5000_TCP…`.
fn is_service_link(name: &str, value: &str) -> bool {
    let parts: Vec<&str> = name.split('_').collect();
    let port_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let protocol = |part: &&str| ["TCP", "UDP", "SCTP"].contains(part);
    let service = parts.windows(2).any(|pair| matches!(pair, ["SERVICE", "HOST" | "PORT"]));
    let address = parts.windows(3).any(
        |three| matches!(three, ["PORT", number, kind] if port_number(number) && protocol(kind)),
    );
    let link = parts.last() == Some(&"PORT")
        && ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    service || address || link
}

/// By parts, with numbers in their natural order: item 10 after item 9.
fn by_parts(a: &[String], b: &[String]) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        let order = match (a.parse::<u64>(), b.parse::<u64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            _ => a.cmp(b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}
