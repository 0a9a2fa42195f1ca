//! Where the configuration comes from.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::problem::ConfigError;

/// The original's directory for data.
pub(super) const SYSTEM_ROOT: &str = "/var/lib/registry";

/// Where the original's images keep their file, the newer one first.
const WELL_KNOWN: [&str; 2] = ["/etc/distribution/config.yml", "/etc/docker/registry/config.yml"];

/// The file of the `registry:2` image: what a well-known path means if nothing is there.
const IMAGE_DEFAULT: &str = include_str!("default.yml");

/// Larger than any configuration.
const MAX_BYTES: u64 = 1 << 20;

/// Where to look for the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The path on the command line.
    Argument(PathBuf),
    /// `REGISTRY_CONFIGURATION_PATH`, then the well-known paths, then the built-in defaults.
    Search,
}

/// Where the configuration was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In this file.
    File(PathBuf),
    /// Nowhere; the defaults of the image, since this well-known path was asked for.
    ImageDefault(PathBuf),
    /// Nowhere; the defaults of the bare binary.
    BareDefault,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::ImageDefault(path) => write!(f, "{} (not there: defaults)", path.display()),
            Self::BareDefault => f.write_str("no file: defaults"),
        }
    }
}

/// A configuration's text and where it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) origin: Origin,
    pub(super) name: String,
    pub(super) text: String,
}

/// Finds the text; `variable` looks up the environment.
pub(super) fn find<'env>(
    source: &Source,
    variable: impl Fn(&str) -> Option<&'env str>,
) -> Result<Found, ConfigError> {
    match choose(source, variable(super::overlay::PATH), Path::exists) {
        Origin::File(path) => file(&path),
        Origin::BareDefault => Ok(bare(variable)),
        origin @ Origin::ImageDefault(_) => Ok(Found {
            origin,
            name: "built-in defaults".to_owned(),
            text: IMAGE_DEFAULT.to_owned(),
        }),
    }
}

fn choose(source: &Source, variable: Option<&str>, exists: impl Fn(&Path) -> bool) -> Origin {
    let well_known = || WELL_KNOWN.iter().map(Path::new);
    let asked = match (source, variable) {
        (Source::Argument(path), _) => path.clone(),
        (Source::Search, Some(path)) if !path.is_empty() => PathBuf::from(path),
        (Source::Search, _) => {
            return well_known()
                .find(|path| exists(path))
                .map_or(Origin::BareDefault, |path| Origin::File(path.to_owned()));
        }
    };
    if well_known().any(|path| path == asked) && !exists(&asked) {
        Origin::ImageDefault(asked)
    } else {
        Origin::File(asked)
    }
}

/// What a binary does that was started without any configuration: it serves this machine only.
fn bare<'env>(variable: impl Fn(&str) -> Option<&'env str>) -> Found {
    let writable = rustix::fs::access(SYSTEM_ROOT, rustix::fs::Access::WRITE_OK).is_ok();
    let root = user_root(writable, variable("XDG_DATA_HOME"), variable("HOME"));
    let root = serde_json::Value::from(root.to_string_lossy());
    Found {
        origin: Origin::BareDefault,
        name: "built-in defaults".to_owned(),
        text: format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\n"),
    }
}

fn file(path: &Path) -> Result<Found, ConfigError> {
    let name = path.display().to_string();
    let fail = |reason: String, way_out: &str| Err(ConfigError::about(&name, reason, way_out));
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            fail("does not exist".to_owned(), "berth config default prints a file to begin with")
        }
        Err(error) => fail(format!("cannot be read: {error}"), ""),
        Ok(_) if bytes.len() as u64 > MAX_BYTES => {
            fail("is larger than 1 MiB".to_owned(), "is this the right file?")
        }
        Ok(_) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Found { origin: Origin::File(path.to_owned()), name, text }),
            Err(_) => fail("is not UTF-8".to_owned(), "save it as UTF-8"),
        },
    }
}

/// Where the bare binary keeps its data: the original's directory if it is there for us, else the
/// user's own place for data.
fn user_root(system_writable: bool, data_home: Option<&str>, home: Option<&str>) -> PathBuf {
    let absolute = |text: Option<&str>| text.map(PathBuf::from).filter(|path| path.is_absolute());
    if system_writable {
        return PathBuf::from(SYSTEM_ROOT);
    }
    absolute(data_home)
        .or_else(|| absolute(home).map(|home| home.join(".local/share")))
        .map_or_else(|| PathBuf::from(SYSTEM_ROOT), |data| data.join("berth"))
}

/// The file that `berth config default` prints.
pub(crate) fn default_yaml() -> &'static str {
    IMAGE_DEFAULT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_goes_to_the_system_directory_if_it_is_ours_else_to_the_user() {
        assert_eq!(user_root(true, Some("/d"), Some("/h")), Path::new("/var/lib/registry"));
        assert_eq!(user_root(false, Some("/d"), Some("/h")), Path::new("/d/berth"));
        assert_eq!(user_root(false, None, Some("/h")), Path::new("/h/.local/share/berth"));
        assert_eq!(user_root(false, Some("rel"), Some("/h")), Path::new("/h/.local/share/berth"));
        assert_eq!(user_root(false, None, None), Path::new("/var/lib/registry"));
    }

    #[test]
    fn a_path_that_does_not_exist_is_an_error_with_a_way_out() {
        let error = find(&Source::Argument("/nowhere/c.yml".into()), |_| None).unwrap_err();
        let expected =
            "/nowhere/c.yml: does not exist; berth config default prints a file to begin with";
        assert_eq!(error.to_string(), expected);
        let error = find(&Source::Search, |_| Some("/nowhere/d.yml")).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/d.yml: does not exist"));
    }

    #[test]
    fn the_look_up_goes_from_the_argument_to_the_built_in_defaults() {
        let argument = |path: &str| Source::Argument(path.into());
        let [newer, older] = WELL_KNOWN;
        let own = |path: &str| Origin::File(path.into());
        let rows: [(Source, Option<&str>, &[&str], Origin); 9] = [
            (argument("/a.yml"), Some("/b.yml"), &["/a.yml", "/b.yml"], own("/a.yml")),
            (argument("/a.yml"), None, &[newer], own("/a.yml")),
            (argument(older), None, &[newer], Origin::ImageDefault(older.into())),
            (argument(older), None, &[older], own(older)),
            (Source::Search, Some("/b.yml"), &[newer], own("/b.yml")),
            (Source::Search, Some(newer), &[], Origin::ImageDefault(newer.into())),
            (Source::Search, Some(""), &[newer, older], own(newer)),
            (Source::Search, None, &[older], own(older)),
            (Source::Search, None, &[], Origin::BareDefault),
        ];
        for (source, variable, files, expected) in rows {
            let exists = |path: &Path| files.iter().any(|file| Path::new(file) == path);
            assert_eq!(choose(&source, variable, exists), expected, "{source:?} {variable:?}");
        }
    }

    #[test]
    fn a_bare_binary_serves_this_machine_from_a_directory_that_it_may_write() {
        let found = bare(|name| (name == "XDG_DATA_HOME").then_some("/data: \"#home"));
        let (config, warnings) = super::super::read("c", &found.text, &[], true).unwrap();
        let root = config.storage.root_directory().unwrap();
        let system = Path::new(SYSTEM_ROOT);
        assert!(root == system || root == Path::new("/data: \"#home/berth"), "{root:?}");
        assert_eq!(config.http.listen.to_string(), "localhost:5000");
        assert!(warnings.is_empty());
    }

    #[test]
    fn the_file_is_read_from_the_argument_or_the_variable() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.yml");
        std::fs::write(&path, "version: 0.1\n").unwrap();
        let found = find(&Source::Argument(path.clone()), |_| Some("/nowhere")).unwrap();
        assert_eq!(found.origin, Origin::File(path.clone()));
        let found = find(&Source::Search, |_| path.to_str()).unwrap();
        assert_eq!(found.text, "version: 0.1\n");
    }

    #[test]
    fn a_file_too_large_or_not_utf_8_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.yml");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        let error = find(&Source::Argument(path.clone()), |_| None).unwrap_err();
        assert!(error.to_string().ends_with("c.yml: is not UTF-8; save it as UTF-8"));
        std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
        let error = find(&Source::Argument(path), |_| None).unwrap_err();
        assert!(error.to_string().contains("is larger than 1 MiB"));
    }
}
