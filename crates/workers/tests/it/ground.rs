//! Where a tree lies in these tests, and the test that runs on either ground.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use store::Timestamp;

use crate::shelf::Shelf;

/// Everything the original writes lies below.
const V2: &str = "docker/registry/v2";

/// The two kinds of ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    Bucket,
}

/// A directory or a bucket.
#[derive(Clone)]
pub(crate) enum Ground {
    Directory(PathBuf),
    Bucket(Arc<Shelf>),
}

impl From<&Path> for Ground {
    fn from(root: &Path) -> Self {
        Self::Directory(root.to_owned())
    }
}

impl From<&Ground> for Ground {
    fn from(ground: &Ground) -> Self {
        ground.clone()
    }
}

/// Paths are below `docker/registry/v2`.
impl Ground {
    pub(crate) fn write(&self, path: &str, content: &[u8], millis: i64) {
        match self {
            Self::Directory(root) => {
                let path = root.join(V2).join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, content).unwrap();
                let at = UNIX_EPOCH + Duration::from_millis(millis.unsigned_abs());
                fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
            }
            Self::Bucket(shelf) => {
                shelf.put_at(&format!("{V2}/{path}"), content, Timestamp::from_millis(millis));
            }
        }
    }

    /// An empty directory, or the object by which some tools mark one.
    pub(crate) fn directory(&self, path: &str) {
        match self {
            Self::Directory(root) => fs::create_dir_all(root.join(V2).join(path)).unwrap(),
            // The slash at its end gets lost on the way through the library.
            Self::Bucket(_) => self.write(path, b"", 0),
        }
    }

    /// Removes a file, or a folder and all below it.
    pub(crate) fn remove(&self, path: &str) {
        match self {
            Self::Directory(root) => {
                let path = root.join(V2).join(path);
                match path.is_dir() {
                    true => fs::remove_dir_all(path).unwrap(),
                    false => fs::remove_file(path).unwrap(),
                }
            }
            Self::Bucket(shelf) => shelf.remove_all(&format!("{V2}/{path}")),
        }
    }

    /// Path and content of every file.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        match self {
            Self::Directory(root) => files(&root.join(V2)),
            Self::Bucket(shelf) => {
                let keys = shelf.keys(&format!("{V2}/")).into_iter();
                keys.map(|(key, _)| {
                    let content = shelf.content(&key).unwrap().to_vec();
                    (key[V2.len() + 1..].to_owned(), content)
                })
                .collect()
            }
        }
    }

    /// The same without uploads, which no export touches.
    pub(crate) fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files();
        files.retain(|path, _| !path.contains("/_uploads/"));
        files
    }

    pub(crate) fn holds(&self, path: &str) -> bool {
        self.files().contains_key(path)
    }

    pub(crate) fn text(&self, path: &str) -> String {
        String::from_utf8(self.files()[path].clone()).unwrap()
    }

    /// When a file was written, in milliseconds.
    pub(crate) fn millis(&self, path: &str) -> i64 {
        match self {
            Self::Directory(root) => {
                let modified = fs::metadata(root.join(V2).join(path)).unwrap().modified().unwrap();
                let since = modified.duration_since(UNIX_EPOCH).unwrap();
                i64::try_from(since.as_millis()).unwrap()
            }
            Self::Bucket(shelf) => shelf.keys(&format!("{V2}/{path}"))[0].1.millis(),
        }
    }

    /// Copies everything to another ground, with times.
    pub(crate) fn copy(&self, to: &Self) {
        for (path, content) in self.files() {
            to.write(&path, &content, self.millis(&path));
        }
    }
}

fn files(top: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            if let Ok(target) = fs::read_link(&path) {
                found.insert(name, target.to_str().unwrap().into());
            } else if path.is_dir() {
                open.push(path);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Makes tests of functions: each is run over a tree in a directory and over one in a bucket.
macro_rules! on_both {
    ($($name:ident,)*) => {
        mod in_a_directory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::ground::Kind::Directory).await;
            })*
        }

        mod in_a_bucket {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::ground::Kind::Bucket).await;
            })*
        }
    };
}
pub(crate) use on_both;
