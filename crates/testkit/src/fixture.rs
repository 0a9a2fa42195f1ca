//! Content by name: blobs, manifests and whole images.

use oci::{Digest, MediaType};
use serde_json::{Value, json};

use crate::{Answer, Client};

/// Bytes that no two seeds share, `length` of them.
pub fn blob(seed: u64, length: usize) -> Vec<u8> {
    let chance = crate::SeededRandom::new(seed);
    let mut bytes = vec![0; length];
    store::Random::fill(&chance, &mut bytes);
    bytes
}

/// A manifest: exact bytes and their type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFixture {
    /// As pushed.
    pub media_type: &'static str,
    /// Exact.
    pub bytes: Vec<u8>,
}

impl ManifestFixture {
    fn new(media_type: &'static str, document: &Value) -> Self {
        Self { media_type, bytes: serde_json::to_vec(document).unwrap() }
    }

    /// The sha256.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.bytes)
    }

    /// A descriptor of this manifest.
    pub fn descriptor(&self) -> Value {
        descriptor(self.media_type, &self.bytes)
    }

    /// Pushes it under a tag or digest.
    pub async fn push(&self, client: &Client, repository: &str, reference: &str) -> Answer {
        client.push_manifest(repository, reference, self.media_type, &self.bytes).await
    }
}

/// A descriptor of `bytes`.
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({
        "mediaType": media_type,
        "digest": Digest::sha256(bytes).to_string(),
        "size": bytes.len(),
    })
}

/// An OCI image manifest over a config and layers.
pub fn image_manifest(config: &[u8], layers: &[Vec<u8>]) -> ManifestFixture {
    let layers: Vec<Value> =
        layers.iter().map(|layer| descriptor(MediaType::OCI_LAYER_GZIP, layer)).collect();
    let document = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": descriptor(MediaType::OCI_CONFIG, config),
        "layers": layers,
    });
    ManifestFixture::new(MediaType::OCI_MANIFEST, &document)
}

/// An OCI index over manifests.
pub fn index(children: &[&ManifestFixture]) -> ManifestFixture {
    let manifests: Vec<Value> = children.iter().map(|child| child.descriptor()).collect();
    let document = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": manifests,
    });
    ManifestFixture::new(MediaType::OCI_INDEX, &document)
}

/// A Docker list over manifests.
pub fn docker_list(children: &[&ManifestFixture]) -> ManifestFixture {
    let manifests: Vec<Value> = children
        .iter()
        .map(|child| {
            let mut entry = child.descriptor();
            entry["platform"] = json!({ "architecture": "amd64", "os": "linux" });
            entry
        })
        .collect();
    let document = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DOCKER_LIST,
        "manifests": manifests,
    });
    ManifestFixture::new(MediaType::DOCKER_LIST, &document)
}

/// An artifact of `artifact_type` attached to `subject`; its one blob is `{}`.
pub fn artifact(subject: &ManifestFixture, artifact_type: &str) -> ManifestFixture {
    let empty = descriptor(MediaType::OCI_EMPTY, b"{}");
    let document = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": empty,
        "layers": [empty],
        "subject": subject.descriptor(),
    });
    ManifestFixture::new(MediaType::OCI_MANIFEST, &document)
}

/// A signed schema 1 manifest over layers.
pub fn schema1(layers: &[Vec<u8>]) -> ManifestFixture {
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| json!({ "blobSum": Digest::sha256(layer).to_string() }))
        .collect();
    let document = json!({
        "schemaVersion": 1,
        "name": "old",
        "tag": "latest",
        "architecture": "amd64",
        "fsLayers": layers,
        "history": [],
        "signatures": [{ "header": {}, "signature": "none", "protected": "none" }],
    });
    ManifestFixture::new(MediaType::DOCKER_SCHEMA1_SIGNED, &document)
}

/// A whole image: a config, layers and the manifest over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFixture {
    /// The config.
    pub config: Vec<u8>,
    /// The layers.
    pub layers: Vec<Vec<u8>>,
    /// The manifest.
    pub manifest: ManifestFixture,
}

/// An image that no two seeds share: one layer of `layer_bytes`.
pub fn image(seed: u64, layer_bytes: usize) -> ImageFixture {
    let config = format!("{{\"architecture\":\"amd64\",\"os\":\"linux\",\"seed\":{seed}}}");
    let config = config.into_bytes();
    let layers = vec![blob(seed, layer_bytes)];
    let manifest = image_manifest(&config, &layers);
    ImageFixture { config, layers, manifest }
}

impl ImageFixture {
    /// Every blob, the config first.
    pub fn blobs(&self) -> impl Iterator<Item = &Vec<u8>> {
        std::iter::once(&self.config).chain(&self.layers)
    }

    /// Pushes all of it under `tag`. Answers in order of the requests; the
    /// first that is no 201 ends the push.
    pub async fn push(&self, client: &Client, repository: &str, tag: &str) -> Vec<Answer> {
        let mut answers = Vec::new();
        for blob in self.blobs() {
            answers.push(client.push_blob(repository, blob).await);
            if answers.last().is_some_and(|answer| answer.status != 201) {
                return answers;
            }
        }
        answers.push(self.manifest.push(client, repository, tag).await);
        answers
    }

    /// Pushes all of it; the test fails if that does not succeed.
    pub async fn pushed(&self, client: &Client, repository: &str, tag: &str) {
        for answer in self.push(client, repository, tag).await {
            answer.expect(201);
        }
    }
}
