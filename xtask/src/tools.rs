//! The inventory: every program that the tests and the benchmark call, pinned where a version is ours
//! to choose. What the distribution packages is taken from there; the rest is built or installed once
//! per machine into a cache folder outside of the tree, keyed by version.

use std::path::{Path, PathBuf};

/// A program of the distribution.
pub(crate) struct Packaged {
    /// The command, or an absolute path where the package brings no command. A folder named `*` stands
    /// for the newest one there.
    pub program: &'static str,
    /// The package that brings it.
    pub package: &'static str,
}

/// A program built from a Go module.
pub(crate) struct GoProgram {
    pub program: &'static str,
    pub module: &'static str,
    /// The module's version, with its `v`.
    pub version: &'static str,
    /// The package to build, inside of the module; empty where the module itself is the program.
    pub package: &'static str,
}

/// A program or a library of the npm registry.
pub(crate) struct NpmProgram {
    /// The package's name, and its command if it has one.
    pub program: &'static str,
    pub version: &'static str,
    /// The file below `node_modules` that shows that it is there.
    pub file: &'static str,
}

/// A cargo subcommand.
pub(crate) struct CargoProgram {
    pub program: &'static str,
    pub version: &'static str,
}

/// An older version of Berth, which the tests of upgrades run beside the one under test.
pub(crate) struct OlderBerth {
    /// The name under which the tests find it.
    pub program: &'static str,
    /// The commit that it is built from, in full.
    pub commit: &'static str,
}

/// Debian keeps the server's programs beside each other by version and off everybody's PATH.
const POSTGRES: &str = "/usr/lib/postgresql/*/bin/postgres";

pub(crate) const PACKAGED: &[Packaged] = &[
    packaged("dockerd", "docker.io"),
    packaged("docker", "docker.io"),
    packaged("iptables", "iptables"),
    packaged("runc", "runc"),
    packaged("containerd", "containerd"),
    packaged("ctr", "containerd"),
    packaged("podman", "podman"),
    packaged("buildah", "buildah"),
    packaged("skopeo", "skopeo"),
    packaged("docker-registry", "docker-registry"),
    packaged("nginx", "nginx-light"),
    packaged(POSTGRES, "postgresql"),
    packaged("pgbouncer", "pgbouncer"),
    packaged("slapd", "slapd"),
    packaged("ldapadd", "ldap-utils"),
    packaged("node", "nodejs"),
    packaged("npm", "npm"),
    packaged("htpasswd", "apache2-utils"),
    packaged("openssl", "openssl"),
    packaged("curl", "curl"),
    packaged("strace", "strace"),
    packaged("mkfs.ext4", "e2fsprogs"),
    packaged("xfs_io", "xfsprogs"),
    packaged("git", "git"),
    packaged("sqlite3", "sqlite3"),
    packaged("mount", "mount"),
    packaged("unshare", "util-linux"),
    packaged("ip", "iproute2"),
    // Static, so that an image from scratch has something to run.
    packaged("busybox", "busybox-static"),
    packaged("/etc/ssl/certs/ca-certificates.crt", "ca-certificates"),
];

pub(crate) const GO_PROGRAMS: &[GoProgram] = &[
    go("crane", "github.com/google/go-containerregistry", "v0.21.9", "cmd/crane"),
    go("regctl", "github.com/regclient/regclient", "v0.11.5", "cmd/regctl"),
    go("oras", "oras.land/oras", "v1.2.3", "cmd/oras"),
    go("helm", "helm.sh/helm/v3", "v3.22.0", "cmd/helm"),
    go("cosign", "github.com/sigstore/cosign/v3", "v3.1.3", "cmd/cosign"),
    go("buildctl", "github.com/moby/buildkit", "v0.28.0", "cmd/buildctl"),
    go("buildkitd", "github.com/moby/buildkit", "v0.28.0", "cmd/buildkitd"),
    go("buildx", "github.com/docker/buildx", "v0.30.1", "cmd/buildx"),
    go("docker-compose", "github.com/docker/compose/v2", "v2.40.3", "cmd"),
    go("minio", "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c", ""),
    go("versitygw", "github.com/versity/versitygw", "v1.8.0", "cmd/versitygw"),
];

/// Peers that only the benchmark runs.
pub(crate) const GO_PEERS: &[GoProgram] = &[
    go("registry", "github.com/distribution/distribution/v3", "v3.1.2", "cmd/registry"),
    go("olareg", "github.com/olareg/olareg", "v0.1.2", "cmd/olareg"),
];

pub(crate) const NPM_PROGRAMS: &[NpmProgram] = &[
    NpmProgram { program: "azurite", version: "3.35.0", file: ".bin/azurite" },
    // A certified OpenID provider; a library, which the tests give its clients and users.
    NpmProgram { program: "oidc-provider", version: "8.8.1", file: "oidc-provider/lib/index.js" },
];

pub(crate) const CARGO_PROGRAMS: &[CargoProgram] = &[
    CargoProgram { program: "cargo-deny", version: "0.20.2" },
    CargoProgram { program: "cargo-audit", version: "0.22.2" },
];

pub(crate) const OLDER_BERTHS: &[OlderBerth] = &[
    // The last one before buckets and PostgreSQL: schema 4 of SQLite.
    OlderBerth { program: "berth-core", commit: "e742deeebb7868ff5aa09c8ad93df7e6ca09a4a3" },
    // The last one before accounts: schema 1 of PostgreSQL.
    OlderBerth { program: "berth-cluster", commit: "2860ae2e0fb0e70b85143e6d104b22b406ef5e19" },
];

const fn packaged(program: &'static str, package: &'static str) -> Packaged {
    Packaged { program, package }
}

const fn go(
    program: &'static str,
    module: &'static str,
    version: &'static str,
    package: &'static str,
) -> GoProgram {
    GoProgram { program, module, version, package }
}

impl Packaged {
    /// Where it stands, or none.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        match self.program.split_once("/*/") {
            Some((parent, rest)) => newest(Path::new(parent), rest),
            None if self.program.starts_with('/') => {
                Some(PathBuf::from(self.program)).filter(|path| path.exists())
            }
            None => search_path(self.program),
        }
    }
}

/// The file `rest` in the folder below `parent` that is named by the highest number.
fn newest(parent: &Path, rest: &str) -> Option<PathBuf> {
    let folders = std::fs::read_dir(parent).into_iter().flatten().flatten();
    folders
        .filter_map(|folder| {
            let version = folder.file_name().to_str()?.parse::<u32>().ok()?;
            Some((version, folder.path().join(rest)))
        })
        .filter(|(_, path)| path.exists())
        .max()
        .map(|(_, path)| path)
}

impl GoProgram {
    /// The folder of this version, which holds nothing else.
    pub(crate) fn folder(&self) -> PathBuf {
        cache().join(format!("{}-{}", self.program, self.version))
    }

    pub(crate) fn find(&self) -> Option<PathBuf> {
        Some(self.folder().join(self.program)).filter(|path| path.is_file())
    }
}

impl NpmProgram {
    /// The folder of this version, which holds it and the modules that it brings.
    pub(crate) fn folder(&self) -> PathBuf {
        cache().join(format!("{}-{}", self.program, self.version))
    }

    /// The folder of its command.
    fn bin(&self) -> PathBuf {
        self.folder().join("node_modules/.bin")
    }

    pub(crate) fn find(&self) -> Option<PathBuf> {
        Some(self.folder().join("node_modules").join(self.file)).filter(|path| path.is_file())
    }
}

impl CargoProgram {
    /// The folder of this version, which holds nothing else.
    pub(crate) fn folder(&self) -> PathBuf {
        cache().join(format!("{}-{}", self.program, self.version))
    }

    pub(crate) fn find(&self) -> Option<PathBuf> {
        Some(self.folder().join("bin").join(self.program)).filter(|path| path.is_file())
    }
}

impl OlderBerth {
    /// The folder of this commit, which holds nothing else.
    pub(crate) fn folder(&self) -> PathBuf {
        cache().join(format!("{}-{}", self.program, self.short()))
    }

    /// The commit, as people write it.
    pub(crate) fn short(&self) -> &'static str {
        self.commit.get(..10).unwrap_or(self.commit)
    }

    pub(crate) fn find(&self) -> Option<PathBuf> {
        Some(self.folder().join(self.program)).filter(|path| path.is_file())
    }
}

/// Where built programs live: `$BERTH_TOOLS_DIR`, else the user's cache folder.
pub(crate) fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("BERTH_TOOLS_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("berth-tools")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/berth-tools")))
        .unwrap_or_else(|| std::env::temp_dir().join("berth-tools"))
}

/// The value of `PATH` under which every built program is found before one of the same name elsewhere.
pub(crate) fn path_with_tools() -> std::ffi::OsString {
    let built = GO_PROGRAMS.iter().chain(GO_PEERS).map(GoProgram::folder);
    let postgres = packaged(POSTGRES, "").find();
    let folders = built
        .chain(NPM_PROGRAMS.iter().map(NpmProgram::bin))
        .chain(CARGO_PROGRAMS.iter().map(|tool| tool.folder().join("bin")))
        .chain(OLDER_BERTHS.iter().map(OlderBerth::folder))
        .chain(postgres.as_deref().and_then(Path::parent).map(Path::to_path_buf));
    let before = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.chain(std::env::split_paths(&before)).chain(system_folders());
    // A folder with a colon in its name cannot be on PATH at all; then only the old value is left.
    std::env::join_paths(all).unwrap_or(before)
}

fn search_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(system_folders())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Daemons live here, and a user's PATH often leaves these folders out.
fn system_folders() -> impl Iterator<Item = PathBuf> {
    ["/usr/local/sbin", "/usr/sbin", "/sbin"].into_iter().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_the_highest_version_that_has_the_program() {
        let parent = std::env::temp_dir().join(format!("berth-newest-{}", std::process::id()));
        for path in ["9/bin/postgres", "15/bin/postgres", "17/bin/psql", "notes/bin/postgres"] {
            let file = parent.join(path);
            std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
            std::fs::write(file, "").expect("a file");
        }
        let found = newest(&parent, "bin/postgres");
        std::fs::remove_dir_all(&parent).expect("removed");
        assert_eq!(found, Some(parent.join("15/bin/postgres")));
        assert_eq!(newest(&parent, "bin/postgres"), None);
    }
}
