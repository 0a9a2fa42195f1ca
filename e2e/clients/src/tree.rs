//! A storage tree as a list of files with the digest of each, so that two trees can be compared byte
//! for byte.

use std::collections::BTreeMap;
use std::path::Path;

use crate::http::digest;

/// Path below `root` → digest of the file's bytes, for every file whose path `wanted` accepts.
pub fn files(root: &Path, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                open.push(path);
            } else if wanted(&name) {
                found.insert(name, digest(&std::fs::read(&path).unwrap()));
            }
        }
    }
    found
}

/// Bytes of all files below `root`, while others write there: what vanishes meanwhile counts nothing.
pub fn size(root: &Path) -> u64 {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}
