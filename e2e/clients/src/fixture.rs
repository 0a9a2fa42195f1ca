//! Things to push: build contexts, random layers, image manifests.

use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use serde_json::json;

use crate::http::digest;

/// What a container of [`context`] prints.
pub const GREETING: &str = "berth is afloat";

/// Bytes that do not compress, the same ones for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// Writes a build context into `folder`: an image from scratch that prints [`GREETING`] when run.
pub fn context(folder: &Path) {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from);
    let busybox = busybox.iter().find(|path| path.exists()).expect("package busybox-static");
    std::fs::copy(busybox, folder.join("busybox")).unwrap();
    let lines = format!(
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY data /data\nENTRYPOINT [\"/bin/busybox\"]\nCMD [\"echo\", \"{GREETING}\"]\n"
    );
    std::fs::write(folder.join("Dockerfile"), lines).unwrap();
    std::fs::write(folder.join("data"), noise(1, 100_000)).unwrap();
}

/// An image as bytes: blobs first (the configuration leads them), then the manifest over them.
#[derive(Clone, Debug)]
pub struct Image {
    /// Configuration and layers.
    pub blobs: Vec<Vec<u8>>,
    /// The manifest that names them.
    pub manifest: Vec<u8>,
}

/// An image of `layers` random layers of `size` bytes each.
pub fn image(seed: u64, layers: usize, size: usize) -> Image {
    let config = json!({ "architecture": "amd64", "os": "linux", "seed": seed }).to_string();
    let mut blobs = vec![config.into_bytes()];
    blobs.extend((0..layers).map(|layer| noise(seed * 1_000 + layer as u64, size)));
    let descriptor = |kind: &str, bytes: &[u8]| {
        let media_type = format!("application/vnd.oci.image.{kind}");
        json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", &blobs[0]),
        "layers": blobs[1..].iter().map(|blob| descriptor("layer.v1.tar", blob)).collect::<Vec<_>>(),
    });
    Image { manifest: manifest.to_string().into_bytes(), blobs }
}
