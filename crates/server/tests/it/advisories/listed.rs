//! The list of `docs/security.md` beside the tests that it names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The names of all tests below `directory`, from the sources.
fn tests(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            tests(&path, names);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if let Some(rest) =
                    line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")
                {
                    let name = rest.split('(').next().unwrap();
                    if std::mem::take(&mut is_test) {
                        names.insert(name.to_owned());
                    }
                }
            }
        }
    }
}

/// What stands in backquotes in the last column of the tables.
fn listed(document: &str) -> BTreeSet<String> {
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let last = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    last.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_test_that_the_list_of_holes_names_is_there() {
    let document = fs::read_to_string(format!("{ROOT}/docs/security.md")).unwrap();
    let listed = listed(&document);
    let mut known = BTreeSet::new();
    tests(&Path::new(ROOT).join("crates"), &mut known);
    let missing: Vec<_> = listed.difference(&known).collect();
    assert!(listed.len() > 60, "{listed:?}");
    assert!(missing.is_empty(), "there is no such test: {missing:#?}");
    let is_named = |name: &&String| {
        ["cve_", "ghsa_", "harbor_", "zot_"].iter().any(|start| name.starts_with(start))
    };
    let unlisted: Vec<_> =
        known.iter().filter(is_named).filter(|it| !listed.contains(*it)).collect();
    assert!(unlisted.is_empty(), "docs/security.md does not name {unlisted:#?}");
}
