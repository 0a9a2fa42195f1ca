//! What stands in the image, path by path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::libraries;
use crate::shell::Outcome;

/// The default configuration of the original's image: whoever mounts another one over it finds it here.
const CONFIG: &str = include_str!("config.yml");

/// Names come from /etc/hosts, which the engine writes, then from DNS.
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files dns\n";

/// Berth starts as root, as the original does, and serves as the second of these, whose number the
/// image's environment names.
const PASSWD: &str = "root:x:0:0:root:/:/bin/false\nberth:x:10001:10001:berth:/:/bin/false\n";
const GROUP: &str = "root:x:0:\nberth:x:10001:\n";

const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// `docker exec registry du -sh /var/lib/registry` is how people look at their registry.
const DU: &str = "/usr/bin/du";

/// One path of the image, owned by root.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A folder and its mode.
    Folder(u32),
    /// A file: mode and bytes.
    File(u32, Vec<u8>),
    /// A symbolic link and what it points to.
    Link(&'static str),
}

/// Every path below `/`, without the leading slash, in byte order, folders before what they hold.
pub(crate) fn entries(berth: &Path) -> Outcome<BTreeMap<PathBuf, Entry>> {
    let mut image = Image(BTreeMap::new());
    image.file("/bin/berth", 0o755, read(berth)?);
    // One binary: the name it is called by decides how it answers.
    image.add("/bin/registry", Entry::Link("berth"));
    image.add("/entrypoint.sh", Entry::Link("/bin/berth"));
    image.file("/bin/du", 0o755, read(Path::new(DU))?);
    for library in libraries::of(&[berth, Path::new(DU)])? {
        let bytes = read(&library)?;
        image.file(&library, 0o755, bytes);
    }
    image.file(CERTIFICATES, 0o644, read(Path::new(CERTIFICATES))?);
    image.file("/etc/docker/registry/config.yml", 0o644, CONFIG.into());
    // A file or a folder mounted at the later releases' place lands here as well: engines follow links.
    image.add("/etc/distribution", Entry::Link("docker/registry"));
    image.file("/etc/nsswitch.conf", 0o644, NSSWITCH.into());
    image.file("/etc/passwd", 0o644, PASSWD.into());
    image.file("/etc/group", 0o644, GROUP.into());
    image.add("/tmp", Entry::Folder(0o1777));
    // A new volume takes this mode: any uid that the container is started with can begin a registry.
    image.add("/var/lib/registry", Entry::Folder(0o1777));
    Ok(image.0)
}

struct Image(BTreeMap<PathBuf, Entry>);

impl Image {
    fn file(&mut self, path: impl AsRef<Path>, mode: u32, bytes: Vec<u8>) {
        self.add(path, Entry::File(mode, bytes));
    }

    fn add(&mut self, path: impl AsRef<Path>, entry: Entry) {
        let path = path.as_ref();
        let path = path.strip_prefix("/").unwrap_or(path);
        for above in path.ancestors().skip(1).filter(|above| above.as_os_str() != "") {
            self.0.entry(above.to_path_buf()).or_insert(Entry::Folder(0o755));
        }
        self.0.insert(path.to_path_buf(), entry);
    }
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_comes_before_what_it_holds() {
        let mut image = Image(BTreeMap::new());
        image.file("/etc/docker/registry/config.yml", 0o644, Vec::new());
        let order: Vec<_> = image.0.keys().map(|path| path.display().to_string()).collect();
        let deep = "etc/docker/registry/config.yml";
        assert_eq!(order, ["etc", "etc/docker", "etc/docker/registry", deep]);
    }

    #[test]
    fn a_mode_once_given_to_a_folder_stays() {
        let mut image = Image(BTreeMap::new());
        image.add("/tmp", Entry::Folder(0o1777));
        image.file("/tmp/x", 0o644, Vec::new());
        assert!(matches!(image.0.get(Path::new("tmp")), Some(Entry::Folder(0o1777))));
    }
}
