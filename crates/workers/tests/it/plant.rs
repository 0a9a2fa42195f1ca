//! Builds storage trees file by file, as the original registry leaves them.

use oci::{Algorithm, Digest};

use crate::ground::Ground;

/// Every link of a planted tree bears this time, in milliseconds: 2021-03-04T05:06:07.089Z.
pub(crate) const THEN: i64 = 1_614_834_367_089;

pub(crate) struct Plant {
    ground: Ground,
}

impl Plant {
    pub(crate) fn new(ground: impl Into<Ground>) -> Self {
        Self { ground: ground.into() }
    }

    /// A file of any content below `docker/registry/v2`; returns its path below the root.
    pub(crate) fn file(&self, path: &str, content: &[u8]) -> String {
        self.file_at(path, content, THEN)
    }

    pub(crate) fn file_at(&self, path: &str, content: &[u8], millis: i64) -> String {
        self.ground.write(path, content, millis);
        format!("docker/registry/v2/{path}")
    }

    pub(crate) fn directory(&self, path: &str) -> String {
        self.ground.directory(path);
        format!("docker/registry/v2/{path}")
    }

    /// Bytes below `blobs/`, with no link.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::sha256(bytes);
        self.file(&data(&digest), bytes);
        digest
    }

    /// A blob and its link.
    pub(crate) fn layer(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = self.bytes(bytes);
        self.link(repository, "_layers", &digest, &digest.to_string());
        digest
    }

    /// A blob with a second link under its sha512.
    pub(crate) fn layer_512(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = self.layer(repository, bytes);
        let sha512 = Digest::of(Algorithm::Sha512, bytes);
        self.link(repository, "_layers", &sha512, &digest.to_string());
        digest
    }

    /// A manifest and its link.
    pub(crate) fn manifest(&self, repository: &str, body: &str) -> Digest {
        let digest = self.bytes(body.as_bytes());
        self.link(repository, "_manifests/revisions", &digest, &digest.to_string());
        digest
    }

    /// A manifest with tags.
    pub(crate) fn tagged(&self, repository: &str, body: &str, tags: &[&str]) -> Digest {
        let digest = self.manifest(repository, body);
        tags.iter().for_each(|tag| self.tag(repository, tag, &digest, THEN));
        digest
    }

    pub(crate) fn tag(&self, repository: &str, tag: &str, digest: &Digest, millis: i64) {
        let top = format!("repositories/{repository}/_manifests/tags/{tag}");
        let text = digest.to_string();
        let index = format!("{top}/index/{}/{}/link", digest.algorithm(), digest.hex());
        self.file_at(&index, text.as_bytes(), millis);
        self.file_at(&format!("{top}/current/link"), text.as_bytes(), millis);
    }

    /// A link file with any content.
    pub(crate) fn link(&self, repository: &str, below: &str, named: &Digest, text: &str) -> String {
        let (algorithm, hex) = (named.algorithm(), named.hex());
        let path = format!("repositories/{repository}/{below}/{algorithm}/{hex}/link");
        self.file(&path, text.as_bytes())
    }
}

/// The path of a blob's bytes below `docker/registry/v2`.
pub(crate) fn data(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("blobs/{}/{}/{hex}/data", digest.algorithm(), &hex[..2])
}

pub(crate) const LAYER: &[u8] = b"layer one\n";
pub(crate) const CONFIG: &[u8] =
    br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;

/// The manifest of `library/hello:latest` in [`debian`].
pub(crate) fn debian_manifest() -> String {
    [
        r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","#,
        r#""config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":78,"#,
        r#""digest":"sha256:c5b1d63604f273462ef36fadac3182d43ae6a6138731cf594b314835cf1c034f"},"#,
        r#""layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":10,"#,
        r#""digest":"sha256:28791cd3683215b645245f3832c8085fb096a7fefc04b63bb66483ad491007c4"}]}"#,
    ]
    .concat()
}

/// The list of `library/hello:multi` in [`debian`].
pub(crate) fn debian_list() -> String {
    let list = "application/vnd.docker.distribution.manifest.list.v2+json";
    let head = format!(r#"{{"schemaVersion":2,"mediaType":"{list}","manifests":["#);
    let rest = [
        r#"{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":421,"#,
        r#""digest":"sha256:a475f07c7191e560047066dd6b33777fecd7f33b1376b869e0401d476e6d495d","#,
        r#""platform":{"architecture":"amd64","os":"linux"}}]}"#,
    ];
    head + &rest.concat()
}

/// The tree that Debian's `docker-registry` 2.8.2 left after pushes of `library/hello:latest` (an
/// image) and `library/hello:multi` (a list of it), with two uploads that were begun and not
/// finished: file for file, byte for byte.
pub(crate) fn debian(ground: impl Into<Ground>) {
    let plant = Plant::new(ground);
    let (layer, config) = (
        "28791cd3683215b645245f3832c8085fb096a7fefc04b63bb66483ad491007c4",
        "c5b1d63604f273462ef36fadac3182d43ae6a6138731cf594b314835cf1c034f",
    );
    let (manifest, list) = (
        "a475f07c7191e560047066dd6b33777fecd7f33b1376b869e0401d476e6d495d",
        "e02e6232c77dda97f8b5e0d50b7a444aa1ca8506a8b97991edc0f99ed890eaba",
    );
    let (manifest_body, list_body) = (debian_manifest(), debian_list());
    let blobs: [(&str, &[u8]); 4] = [
        (layer, LAYER),
        (config, CONFIG),
        (manifest, manifest_body.as_bytes()),
        (list, list_body.as_bytes()),
    ];
    for (hex, bytes) in blobs {
        plant.file(&format!("blobs/sha256/{}/{hex}/data", &hex[..2]), bytes);
    }
    let top = "repositories/library/hello";
    let link = |path: String, hex: &str| {
        plant.file(&format!("{top}/{path}/link"), format!("sha256:{hex}").as_bytes());
    };
    for hex in [layer, config] {
        link(format!("_layers/sha256/{hex}"), hex);
    }
    for (hex, tag) in [(manifest, "latest"), (list, "multi")] {
        link(format!("_manifests/revisions/sha256/{hex}"), hex);
        link(format!("_manifests/tags/{tag}/index/sha256/{hex}"), hex);
        link(format!("_manifests/tags/{tag}/current"), hex);
    }
    // The state of an empty SHA-256 as Go writes it.
    let mut state = vec![0x73, 0x68, 0x61, 0x03];
    for word in [
        0x6a09_e667_u32,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ] {
        state.extend_from_slice(&word.to_be_bytes());
    }
    state.resize(108, 0);
    for upload in ["ac4aae0e-5e40-4b71-b961-b540df3c6c4a", "f9210357-16b6-41ca-911a-fff68b0278e2"] {
        let top = format!("{top}/_uploads/{upload}");
        plant.file(&format!("{top}/data"), b"");
        plant.file(&format!("{top}/hashstates/sha256/0"), &state);
        plant.file(&format!("{top}/startedat"), b"2026-11-21T10:24:45Z");
    }
}
