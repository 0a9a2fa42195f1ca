//! What a directory holds, for comparing trees byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Path below the top, and content, of every file below `docker/registry/v2`.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let top = root.join("docker/registry/v2");
    let mut found = BTreeMap::new();
    let mut open = vec![top.clone()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The same without uploads, which no export touches.
pub(crate) fn content(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(root);
    files.retain(|path, _| !path.contains("/_uploads/"));
    files
}

/// Copies everything below `docker/registry/v2` of one root to another, with times.
pub(crate) fn copy(from: &Path, to: &Path) {
    for name in files(from).keys() {
        let (from, to) =
            (from.join("docker/registry/v2").join(name), to.join("docker/registry/v2").join(name));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&from, &to).unwrap();
        let at = fs::metadata(&from).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&to).unwrap().set_modified(at).unwrap();
    }
}
