//! Puts a value into the tree.

use super::super::yaml::{Entry, Node, Place, Value};
use super::resolve::Step;

/// Sets the value at `steps`, making the sections on the way. What stands in the way of a section
/// is replaced by it.
pub(super) fn apply(root: &mut Node, steps: &[Step], node: Node) {
    if let Some(target) = descend(root, steps, &node.place) {
        *target = node;
    }
}

fn descend<'t>(root: &'t mut Node, steps: &[Step], place: &Place) -> Option<&'t mut Node> {
    let mut current = root;
    for (n, step) in steps.iter().enumerate() {
        current = match step {
            Step::Key(key) => {
                let entry = entry(current, key, place)?;
                if n.saturating_add(1) == steps.len() {
                    entry.place = place.clone();
                }
                &mut entry.node
            }
            Step::Index(index) => item(current, *index, place)?,
        };
    }
    Some(current)
}

fn entry<'t>(node: &'t mut Node, key: &str, place: &Place) -> Option<&'t mut Entry> {
    if !matches!(node.value, Value::Map(_)) {
        node.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut node.value else { return None };
    let at = entries.iter().position(|entry| entry.key == key).unwrap_or(entries.len());
    if at == entries.len() {
        let node = Node { place: place.clone(), value: Value::Null };
        entries.push(Entry { key: key.to_owned(), place: place.clone(), node });
    }
    entries.get_mut(at)
}

fn item<'t>(node: &'t mut Node, index: usize, place: &Place) -> Option<&'t mut Node> {
    if !matches!(node.value, Value::List(_)) {
        node.value = Value::List(Vec::new());
    }
    let Value::List(items) = &mut node.value else { return None };
    let at = index.min(items.len());
    if at == items.len() {
        items.push(Node { place: place.clone(), value: Value::Null });
    }
    items.get_mut(at)
}
