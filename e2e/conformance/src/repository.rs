//! One repository on the registry under test: its paths and the pushes that tests begin with.

use crate::answer::Answer;
use crate::context::Context;
use crate::digest::sha256;
use crate::failure::Failure;
use crate::http::Request;
use crate::manifest::{
    Manifest, OCI_CONFIG, OCI_EMPTY, OCI_LAYER, OCI_MANIFEST, descriptor, image_document,
};
use serde_json::{Value, json};

/// A repository by name; it may not exist yet.
#[derive(Debug)]
pub(crate) struct Repository<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) name: String,
}

impl<'a> Repository<'a> {
    pub(crate) fn blob(&self, digest: &str) -> String {
        format!("/v2/{}/blobs/{digest}", self.name)
    }

    pub(crate) fn manifest(&self, reference: &str) -> String {
        format!("/v2/{}/manifests/{reference}", self.name)
    }

    pub(crate) fn uploads(&self) -> String {
        format!("/v2/{}/blobs/uploads/", self.name)
    }

    pub(crate) fn tags(&self) -> String {
        format!("/v2/{}/tags/list", self.name)
    }

    pub(crate) fn referrers(&self, digest: &str) -> String {
        format!("/v2/{}/referrers/{digest}", self.name)
    }

    /// Opens an upload session and returns its Location.
    pub(crate) fn open(&self) -> Result<String, Failure> {
        let answer = self.ctx.post(&self.uploads()).send()?.expect(202)?;
        Ok(answer.need("Location")?.to_owned())
    }

    /// One chunk with Content-Range, starting at this offset.
    pub(crate) fn chunk(&self, location: &str, start: usize, bytes: &[u8]) -> Request<'a> {
        let end = (start + bytes.len()).saturating_sub(1);
        self.ctx.patch(location).header("Content-Range", format!("{start}-{end}")).body(bytes)
    }

    /// Sends one chunk that must be taken and returns the next Location.
    pub(crate) fn append(
        &self,
        location: &str,
        start: usize,
        bytes: &[u8],
    ) -> Result<String, Failure> {
        let answer = self.chunk(location, start, bytes).send()?.expect(202)?;
        Ok(answer.need("Location")?.to_owned())
    }

    /// The closing PUT.
    pub(crate) fn close(&self, location: &str, digest: &str, last: &[u8]) -> Request<'a> {
        let request = self.ctx.put(&with_query(location, "digest", digest));
        request.header("Content-Type", "application/octet-stream").body(last)
    }

    /// Pushes a blob with POST and PUT and returns its digest.
    pub(crate) fn push_blob(&self, bytes: &[u8]) -> Result<String, Failure> {
        let digest = sha256(bytes);
        self.push_blob_as(&digest, bytes)?;
        Ok(digest)
    }

    /// Pushes a blob under this digest, whatever its algorithm.
    pub(crate) fn push_blob_as(&self, digest: &str, bytes: &[u8]) -> Result<Answer, Failure> {
        self.close(&self.open()?, digest, bytes).send()?.expect(201)
    }

    /// Pushes a fresh blob of this length; returns digest and bytes.
    pub(crate) fn fresh_blob(&self, length: usize) -> Result<(String, Vec<u8>), Failure> {
        let bytes = self.ctx.bytes(length);
        Ok((self.push_blob(&bytes)?, bytes))
    }

    /// Pushes a fresh config and returns its descriptor.
    pub(crate) fn fresh_config(&self) -> Result<Value, Failure> {
        let config = json!({
            "architecture": "amd64", "os": "linux", "author": self.ctx.word(),
            "rootfs": {"type": "layers", "diff_ids": []}
        });
        let bytes = config.to_string().into_bytes();
        self.push_blob(&bytes)?;
        Ok(descriptor(OCI_CONFIG, &bytes))
    }

    /// Pushes a fresh layer and returns its descriptor.
    pub(crate) fn fresh_layer(&self) -> Result<Value, Failure> {
        let (_, bytes) = self.fresh_blob(300)?;
        Ok(descriptor(OCI_LAYER, &bytes))
    }

    /// The document of an image whose config and layer are pushed; itself it is not.
    pub(crate) fn image_document(&self) -> Result<Value, Failure> {
        Ok(image_document(self.fresh_config()?, vec![self.fresh_layer()?]))
    }

    /// An image whose config and layer are pushed; itself it is not.
    pub(crate) fn image(&self) -> Result<Manifest, Failure> {
        Ok(Manifest::new(OCI_MANIFEST, &self.image_document()?))
    }

    /// The document of an artifact with the empty config, pushed, and no layers but that one.
    pub(crate) fn artifact_document(&self, artifact_type: &str) -> Result<Value, Failure> {
        self.push_blob(b"{}")?;
        let empty = descriptor(OCI_EMPTY, b"{}");
        Ok(json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact_type,
            "config": empty, "layers": [empty], "annotations": {"org.example.id": self.ctx.word()}
        }))
    }

    /// Pushes an artifact by digest whose subject is the given descriptor.
    pub(crate) fn push_referrer(
        &self,
        artifact_type: &str,
        subject: &Value,
    ) -> Result<Manifest, Failure> {
        let mut document = self.artifact_document(artifact_type)?;
        if let Some(fields) = document.as_object_mut() {
            fields.insert("subject".to_owned(), subject.clone());
        }
        let manifest = Manifest::new(OCI_MANIFEST, &document);
        self.push(&manifest.digest(), &manifest)?;
        Ok(manifest)
    }

    /// The PUT of a manifest, not sent yet.
    pub(crate) fn put(&self, reference: &str, manifest: &Manifest) -> Request<'a> {
        let request = self.ctx.put(&self.manifest(reference));
        request.header("Content-Type", &*manifest.media_type).body(manifest.bytes.clone())
    }

    /// Pushes a manifest under a tag or digest; it must be taken.
    pub(crate) fn push(&self, reference: &str, manifest: &Manifest) -> Result<Answer, Failure> {
        self.put(reference, manifest).send()?.expect(201)
    }

    /// Pushes a fresh image under this tag.
    pub(crate) fn push_image(&self, tag: &str) -> Result<Manifest, Failure> {
        let image = self.image()?;
        self.push(tag, &image)?;
        Ok(image)
    }

    /// Reads a manifest that must be there.
    pub(crate) fn pull(&self, reference: &str) -> Result<Answer, Failure> {
        self.ctx.get(&self.manifest(reference)).send()?.expect(200)
    }

    /// The tags as listed.
    pub(crate) fn tag_list(&self) -> Result<Vec<String>, Failure> {
        self.ctx.get(&self.tags()).send()?.expect(200)?.strings("tags")
    }

    /// The descriptors that the referrers list of this digest holds.
    pub(crate) fn referrer_list(&self, digest: &str, query: &str) -> Result<Vec<Value>, Failure> {
        let answer =
            self.ctx.get(&format!("{}{query}", self.referrers(digest))).send()?.expect(200)?;
        let json = answer.json()?;
        let list = json.get("manifests").and_then(Value::as_array).cloned();
        list.ok_or_else(|| crate::failure::failed(format!("{answer}: manifests is not an array")))
    }
}

/// Adds one query parameter to a Location, which may hold others.
pub(crate) fn with_query(location: &str, key: &str, value: &str) -> String {
    let sign = if location.contains('?') { '&' } else { '?' };
    format!("{location}{sign}{key}={}", encode(value))
}

/// Percent-encodes everything but unreserved characters, colon and slash.
pub(crate) fn encode(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_keeps_its_own_query() {
        assert_eq!(with_query("/u/1", "digest", "sha256:a"), "/u/1?digest=sha256:a");
        assert_eq!(with_query("/u/1?_state=x", "digest", "a+b"), "/u/1?_state=x&digest=a%2Bb");
    }
}
