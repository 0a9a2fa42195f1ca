//! Other files of ours in YAML, read with the same rules as the configuration.

use serde_json::{Map, Value as Json};

use super::problem::Problems;
use super::yaml::{self, Node, Value};

/// Reads a file called `name`. Every scalar is a text, so that a user may be called `no`; only
/// under a key of `flags` it is true or false.
pub(crate) fn read_document(name: &str, text: &str, flags: &[&str]) -> Result<Json, String> {
    let mut problems = Problems::new(name, text, true);
    let parsed = yaml::parse(text, None).map_err(|malformed| {
        let text = format!("is no YAML: {}", malformed.reason);
        Problems::new(name, "", true).fatal(&malformed.place, text).to_string()
    })?;
    for (place, key) in &parsed.duplicates {
        problems.error(place, key, "is written twice", "take one of them out");
    }
    if let Some(place) = &parsed.second_document {
        problems.error(place, "", "begins a second document", "keep one document");
    }
    let read = json(&parsed.root, false, flags, &mut problems);
    problems.finish().map_err(|error| error.to_string())?;
    Ok(read)
}

/// The YAML of a tree, as [`read_document`] reads it.
pub(crate) fn write_document(tree: &Json) -> String {
    yaml::emit(tree)
}

fn json(node: &Node, is_flag: bool, flags: &[&str], problems: &mut Problems<'_>) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Scalar(scalar) if is_flag => scalar.flag().map(Json::from).unwrap_or_else(|| {
            let text = format!("{} is no flag", node.describe());
            problems.error(&node.place, "", text, "write true or false");
            Json::Null
        }),
        Value::Scalar(scalar) => Json::from(scalar.text.as_str()),
        Value::List(items) => items.iter().map(|item| json(item, false, flags, problems)).collect(),
        Value::Map(entries) => {
            let pair = |entry: &yaml::Entry| {
                let is_flag = flags.contains(&entry.key.as_str());
                (entry.key.clone(), json(&entry.node, is_flag, flags, problems))
            };
            Json::Object(entries.iter().map(pair).collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_texts_unless_a_flag_is_wanted() {
        let read =
            read_document("f", "users:\n- {name: no, admin: yes}\n- {name: 0x1}\n", &["admin"]);
        let expected = json!({"users": [{"name": "no", "admin": true}, {"name": "0x1"}]});
        assert_eq!(read.unwrap(), expected);
        assert_eq!(read_document("f", &write_document(&expected), &["admin"]).unwrap(), expected);
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_place() {
        for (text, said) in [
            ("a: [", "f:"),
            ("a: 1\na: 2\n", "a: is written twice"),
            ("a: 1\n---\nb: 2\n", "second document"),
            ("admin: perhaps", "write true or false"),
        ] {
            let error = read_document("f", text, &["admin"]).unwrap_err();
            assert!(error.starts_with("f:") && error.contains(said), "{error}");
        }
    }
}
