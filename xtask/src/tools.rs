//! The inventory: every program that the tests and the benchmark call, pinned where a version is ours
//! to choose. What the distribution packages is taken from there; the rest is built once per machine
//! into a cache folder outside of the tree, keyed by version.

use std::path::PathBuf;

/// A program of the distribution.
pub(crate) struct Packaged {
    /// The command, or an absolute path where the package brings no command.
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
    /// The package to build, inside of the module.
    pub package: &'static str,
}

/// A cargo subcommand.
pub(crate) struct CargoProgram {
    pub program: &'static str,
    pub version: &'static str,
}

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
    packaged("htpasswd", "apache2-utils"),
    packaged("openssl", "openssl"),
    packaged("curl", "curl"),
    packaged("strace", "strace"),
    packaged("mkfs.ext4", "e2fsprogs"),
    packaged("xfs_io", "xfsprogs"),
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
];

/// Peers that only the benchmark runs.
pub(crate) const GO_PEERS: &[GoProgram] = &[
    go("registry", "github.com/distribution/distribution/v3", "v3.1.2", "cmd/registry"),
    go("olareg", "github.com/olareg/olareg", "v0.1.2", "cmd/olareg"),
];

pub(crate) const CARGO_PROGRAMS: &[CargoProgram] = &[
    CargoProgram { program: "cargo-deny", version: "0.20.2" },
    CargoProgram { program: "cargo-audit", version: "0.22.2" },
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
        if self.program.starts_with('/') {
            return Some(PathBuf::from(self.program)).filter(|path| path.exists());
        }
        search_path(self.program)
    }
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

impl CargoProgram {
    /// The folder of this version, which holds nothing else.
    pub(crate) fn folder(&self) -> PathBuf {
        cache().join(format!("{}-{}", self.program, self.version))
    }

    pub(crate) fn find(&self) -> Option<PathBuf> {
        Some(self.folder().join("bin").join(self.program)).filter(|path| path.is_file())
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
    let folders = built.chain(CARGO_PROGRAMS.iter().map(|tool| tool.folder().join("bin")));
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
