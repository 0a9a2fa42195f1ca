//! What a variable's value means, which depends on the setting it is for.

use super::super::schema::Kind;
use super::super::yaml::{Entry, Node, Place, Value, parse};

/// Reads `text` as a value for a setting of this kind. An error says why it is not one.
///
/// Sections and lists are YAML, as with the original. A text is taken by its letters (so `@a`,
/// `a: b` and `abc #def` stay whole, where the original fails or cuts), unless it is one quoted
/// YAML text.
pub(super) fn interpret(text: &str, kind: &Kind, place: &Place) -> Result<Node, String> {
    match kind {
        Kind::Text | Kind::Secret => Ok(literal(text, place)),
        Kind::Choice(_) | Kind::Flag | Kind::Number | Kind::Bytes | Kind::Time | Kind::Age => {
            Ok(yaml(text, place).unwrap_or_else(|_| Node::text(place.clone(), text.trim())))
        }
        Kind::List(inner) => list(text, inner, place),
        Kind::Any => Ok(yaml(text, place).unwrap_or_else(|_| literal(text, place))),
        Kind::Drivers(_) => {
            let mut node = yaml(text, place)?;
            expand_driver(&mut node);
            Ok(node)
        }
        Kind::Fields(_) | Kind::Table(_) => yaml(text, place),
    }
}

/// `storage: filesystem` and `auth: none` stand for the section of that name without keys.
pub(in crate::config) fn expand_driver(node: &mut Node) {
    if let Value::Scalar(scalar) = &node.value {
        if scalar.text.is_empty() {
            return;
        }
        let place = node.place.clone();
        let key = scalar.text.to_ascii_lowercase();
        let entry = Entry { key, place: place.clone(), node: Node::map(place) };
        node.value = Value::Map(vec![entry]);
    }
}

fn yaml(text: &str, place: &Place) -> Result<Node, String> {
    match parse(text, Some(place)) {
        Ok(parsed) => Ok(parsed.root),
        Err(malformed) => Err(malformed.reason),
    }
}

fn list(text: &str, inner: &Kind, place: &Place) -> Result<Node, String> {
    match yaml(text, place) {
        Ok(node) if matches!(node.value, Value::List(_) | Value::Null) => Ok(node),
        Ok(node) if matches!(node.value, Value::Map(_)) && matches!(inner, Kind::Fields(_)) => {
            Ok(node)
        }
        Err(reason) if matches!(inner, Kind::Fields(_)) || text.trim_start().starts_with('[') => {
            Err(reason)
        }
        _ => {
            let item = interpret(text, inner, place)?;
            Ok(Node { place: place.clone(), value: Value::List(vec![item]) })
        }
    }
}

fn literal(text: &str, place: &Place) -> Node {
    let text = text.trim();
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Node { place: place.clone(), value: Value::Null };
    }
    quoted(text, place).unwrap_or_else(|| Node::text(place.clone(), text))
}

/// The content of one quoted YAML text with nothing after it. As the item of a flow list a comment
/// would swallow the bracket, and a second text would be a second item.
fn quoted(text: &str, place: &Place) -> Option<Node> {
    if !text.starts_with(['"', '\'']) {
        return None;
    }
    let Value::List(items) = yaml(&format!("[{text}]"), place).ok()?.value else { return None };
    let [item] = <[Node; 1]>::try_from(items).ok()?;
    matches!(&item.value, Value::Scalar(scalar) if scalar.quoted).then_some(item)
}
