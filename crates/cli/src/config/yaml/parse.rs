//! Text to tree: anchors, aliases and merge keys resolved, under a budget.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, options};

use super::{Entry, Node, Place, Scalar, Value};

/// Nodes a configuration may have after aliases are expanded; an "alias bomb" stops here.
const MAX_NODES: usize = 100_000;
/// Nesting that a configuration may have; the deepest real setting stands at 6.
const MAX_DEPTH: usize = 64;

/// A parsed text and what was odd about it.
pub(in crate::config) struct Parsed {
    /// The tree; `Null` for an empty text.
    pub(in crate::config) root: Node,
    /// Keys written twice (the later one counts), with the place of the later one.
    pub(in crate::config) duplicates: Vec<(Place, String)>,
    /// Where a second document begins; only the first counts.
    pub(in crate::config) second_document: Option<Place>,
}

/// Why a text is no YAML.
pub(in crate::config) struct Malformed {
    /// Where.
    pub(in crate::config) place: Place,
    /// Why.
    pub(in crate::config) reason: String,
}

/// Parses one YAML text. `place` names the source if it is not the file.
pub(in crate::config) fn parse(text: &str, variable: Option<&Place>) -> Result<Parsed, Malformed> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder {
        events: Parser::new_from_str_with_options(text, options! { emit_comments: false }),
        variable: variable.cloned(),
        anchors: HashMap::new(),
        nodes: 0,
        duplicates: Vec::new(),
        here: Place::File { line: 1, column: 1 },
    };
    let root = builder.document()?;
    let second_document = builder.second_document()?;
    Ok(Parsed { root, duplicates: builder.duplicates, second_document })
}

struct Builder<'text> {
    events: Parser<'text, StrInput<'text>>,
    variable: Option<Place>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    duplicates: Vec<(Place, String)>,
    here: Place,
}

impl<'text> Builder<'text> {
    fn next(&mut self) -> Result<Event<'text>, Malformed> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                self.here = self.place(span);
                Ok(event)
            }
            Some(Err(error)) => {
                let place = self.place(Span::empty(*error.marker()));
                Err(Malformed { place, reason: error.info() })
            }
            None => Ok(Event::StreamEnd),
        }
    }

    fn place(&self, span: Span) -> Place {
        self.variable.clone().unwrap_or(Place::File {
            line: span.start.line().max(1),
            column: span.start.col().saturating_add(1),
        })
    }

    fn fail<T>(&self, reason: impl Into<String>) -> Result<T, Malformed> {
        Err(Malformed { place: self.here.clone(), reason: reason.into() })
    }

    fn document(&mut self) -> Result<Node, Malformed> {
        loop {
            match self.next()? {
                Event::StreamStart => {}
                Event::StreamEnd => {
                    return Ok(Node { place: self.here.clone(), value: Value::Null });
                }
                Event::DocumentStart(..) => {
                    let first = self.next()?;
                    return self.node(first, 0);
                }
                _ => return self.fail("expected the beginning of a document"),
            }
        }
    }

    fn second_document(&mut self) -> Result<Option<Place>, Malformed> {
        loop {
            match self.next()? {
                Event::StreamEnd => return Ok(None),
                Event::DocumentStart(..) => return Ok(Some(self.here.clone())),
                _ => {}
            }
        }
    }

    fn count(&mut self, nodes: usize) -> Result<(), Malformed> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return self.fail(format!("more than {MAX_NODES} values (are aliases nested?)"));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'text>, depth: usize) -> Result<Node, Malformed> {
        if depth > MAX_DEPTH {
            return self.fail(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.count(1)?;
        let place = self.here.clone();
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::SequenceStart(_, anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(depth)?, anchor),
            Event::Alias(id) => return self.alias(id),
            _ => return self.fail("expected a value"),
        };
        let node = Node { place, value };
        if anchor != 0 {
            self.count(size(&node))?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize) -> Result<Node, Malformed> {
        let Some(node) = self.anchors.get(&id).cloned() else {
            return self.fail("an alias inside of its own anchor");
        };
        self.count(size(&node))?;
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Value, Malformed> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::List(items)),
                event => items.push(self.node(event, depth.saturating_add(1))?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Malformed> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let event = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let key = self.node(event, depth.saturating_add(1))?;
            let place = key.place;
            let key = match key.value {
                Value::Scalar(scalar) => scalar.text,
                Value::Null => "null".to_owned(),
                _ => return self.fail("a key must be a word, not a list or a map"),
            };
            let event = self.next()?;
            let node = self.node(event, depth.saturating_add(1))?;
            if plain && key == "<<" {
                self.merge(node, &mut merged)?;
                continue;
            }
            match entries.iter_mut().find(|entry| entry.key == key) {
                Some(earlier) => {
                    self.duplicates.push((place.clone(), key));
                    earlier.place = place;
                    earlier.node = node;
                }
                None => entries.push(Entry { key, place, node }),
            }
        }
        for entry in merged {
            if !entries.iter().any(|own| own.key == entry.key) {
                entries.push(entry);
            }
        }
        Ok(Value::Map(entries))
    }

    /// `<<: *one` or `<<: [*one, *two]`: earlier ones win, the map's own keys win over all.
    fn merge(&self, node: Node, into: &mut Vec<Entry>) -> Result<(), Malformed> {
        let maps = match node.value {
            Value::Map(entries) => vec![entries],
            Value::List(items) => items
                .into_iter()
                .map(|item| match item.value {
                    Value::Map(entries) => Ok(entries),
                    _ => self.fail("<< merges maps only"),
                })
                .collect::<Result<_, _>>()?,
            _ => return self.fail("<< merges maps only"),
        };
        for entry in maps.into_iter().flatten() {
            if !into.iter().any(|earlier| earlier.key == entry.key) {
                into.push(entry);
            }
        }
        Ok(())
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let scalar = Scalar { text: text.to_owned(), quoted: style != ScalarStyle::Plain };
    if scalar.is_null() { Value::Null } else { Value::Scalar(scalar) }
}

fn size(node: &Node) -> usize {
    let inner: usize = match &node.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|entry| size(&entry.node)).sum(),
        Value::Null | Value::Scalar(_) => 0,
    };
    inner.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        match parse(text, None) {
            Ok(parsed) => parsed.root,
            Err(error) => panic!("{}", error.reason),
        }
    }

    fn text_of<'a>(node: &'a Node, key: &str) -> &'a str {
        match &node.entry(key).expect(key).node.value {
            Value::Scalar(scalar) => &scalar.text,
            other => panic!("{key} is {other:?}"),
        }
    }

    #[test]
    fn every_node_knows_its_line_and_column() {
        let root = tree("a: 1\nb:\n  c: [x, yy]\n");
        let list = &root.entry("b").unwrap().node.entry("c").unwrap().node;
        assert_eq!(root.entry("b").unwrap().place, Place::File { line: 2, column: 1 });
        assert_eq!(list.items()[1].place, Place::File { line: 3, column: 10 });
    }

    #[test]
    fn own_keys_win_over_merged_ones_and_earlier_merges_over_later() {
        let root = tree(
            "x-a: &a {k: 1, l: 1, m: 1}\nx-b: &b {l: 2, n: 2}\nuse:\n  k: 0\n  <<: [*a, *b]\n",
        );
        let node = &root.entry("use").unwrap().node;
        let got = ["k", "l", "m", "n"].map(|key| text_of(node, key));
        assert_eq!(got, ["0", "1", "1", "2"]);
    }

    #[test]
    fn a_key_written_twice_counts_once_and_is_reported() {
        let parsed = parse("a: 1\na: 2\n", None).unwrap_or_else(|_| panic!());
        assert_eq!(text_of(&parsed.root, "a"), "2");
        assert_eq!(parsed.duplicates, [(Place::File { line: 2, column: 1 }, "a".to_owned())]);
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..9 {
            let inner = vec![format!("*a{}", n - 1); 9].join(", ");
            text.push_str(&format!("a{n}: &a{n} [{inner}]\n"));
        }
        let error = parse(&text, None).err().expect("refused");
        assert!(error.reason.contains("aliases nested"), "{}", error.reason);
    }

    #[test]
    fn depth_is_bounded() {
        let error =
            parse(&format!("{}{}", "[".repeat(200), "]".repeat(200)), None).err().expect("refused");
        assert_eq!(error.reason, "nested deeper than 64 levels");
    }

    #[test]
    fn only_the_first_document_is_read() {
        let parsed = parse("a: 1\n---\nb: 2\n", None).unwrap_or_else(|_| panic!());
        assert_eq!(text_of(&parsed.root, "a"), "1");
        assert!(parsed.second_document.is_some());
    }

    #[test]
    fn an_empty_text_is_nothing() {
        assert_eq!(tree("# only a comment\n").value, Value::Null);
        assert_eq!(tree("").value, Value::Null);
    }
}
