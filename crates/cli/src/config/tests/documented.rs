//! The manual names every key, and no other.

use super::super::schema::{Key, Kind, ROOT};

const MANUAL: &str = include_str!("../../../../../docs/configuration.md");

fn keys(keys: &[Key], path: &str, visit: &mut impl FnMut(&Key, String)) {
    for key in keys {
        let path = super::super::check::join(path, key.name);
        match &key.kind {
            Kind::List(Kind::Fields(inner)) => {
                self::keys(inner, &format!("{path}[]"), visit);
            }
            kind => self::keys(kind.keys(), &path, visit),
        }
        visit(key, path);
    }
}

#[test]
fn the_manual_names_every_key() {
    let mut missing = Vec::new();
    keys(ROOT.keys(), "", &mut |key, path| {
        let section = !key.kind.keys().is_empty();
        let free = if matches!(key.kind, Kind::Table(_)) { ".NAME" } else { "" };
        let list = matches!(key.kind, Kind::List(Kind::Fields(_)));
        if !section && !list && !MANUAL.contains(&format!("| `{path}{free}` |")) {
            missing.push(path);
        }
    });
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_manual_names_no_key_that_does_not_exist() {
    let mut known = Vec::new();
    keys(ROOT.keys(), "", &mut |_, path| known.push(path));
    for line in MANUAL.lines().filter(|line| line.starts_with("| `")) {
        let name = line.split('`').nth(1).unwrap_or_default();
        let free = name.trim_end_matches(".NAME");
        assert!(known.iter().any(|key| key == free), "{name} is in the manual only");
    }
}

#[test]
fn the_manual_names_the_other_spellings_of_variables() {
    keys(ROOT.keys(), "", &mut |key, path| {
        if let Some(field) = key.field {
            assert!(MANUAL.contains(field), "{path}: {field}");
        }
    });
}
