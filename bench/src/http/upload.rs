//! The three requests of a push (POST, one PATCH, PUT) and the PUT of a manifest. Answers are checked.

use super::{Connection, request, request_with_body};
use crate::Outcome;
use crate::content::{LargeBlob, UniqueBlob};

const BYTES: &str = "application/octet-stream";

/// Pushes a small blob.
pub(crate) async fn push_blob(
    connection: &mut Connection,
    repository: &str,
    blob: &UniqueBlob,
) -> Outcome<()> {
    let location = begin(connection, repository).await?;
    let head = request_with_body("PATCH", &location, BYTES, blob.size() as u64);
    connection.send_all(&[head.as_bytes(), &blob.beginning, &blob.end]).await?;
    let location = location_of(connection, 202, "PATCH of a blob").await?;
    finish(connection, &location, &blob.digest).await
}

/// Pushes the large blob in one PATCH of known length, or in chunks of 32 KiB as Go programs such as
/// docker send a body whose length they do not know.
pub(crate) async fn push_large(
    connection: &mut Connection,
    repository: &str,
    blob: &LargeBlob,
    chunked: bool,
) -> Outcome<()> {
    let location = begin(connection, repository).await?;
    if chunked {
        let fields = format!("Content-Type: {BYTES}\r\nTransfer-Encoding: chunked\r\n");
        connection.send(request("PATCH", &location, &fields).as_bytes()).await?;
        for _ in 0..blob.blocks {
            let parts = blob.block.chunks(32 << 10);
            let framed: Vec<_> =
                parts.flat_map(|part| [b"8000\r\n".as_slice(), part, b"\r\n"]).collect();
            connection.send_all(&framed).await?;
        }
        connection.send(b"0\r\n\r\n").await?;
    } else {
        let head = request_with_body("PATCH", &location, BYTES, blob.size());
        connection.send(head.as_bytes()).await?;
        for _ in 0..blob.blocks {
            connection.send(&blob.block).await?;
        }
    }
    let location = location_of(connection, 202, "PATCH of the large blob").await?;
    finish(connection, &location, &blob.digest).await
}

/// Sends the parts of an object straight to a store under a head that is signed already.
pub(crate) async fn put_object<'a>(
    connection: &mut Connection,
    head: &str,
    parts: impl Iterator<Item = &'a [u8]>,
) -> Outcome<()> {
    connection.send(head.as_bytes()).await?;
    for part in parts {
        connection.send(part).await?;
    }
    let status = connection.answer().await?;
    expect(connection, status, 200, "PUT of an object")
}

/// Makes a blob of the repository `from` one of `repository`, without its bytes.
pub(crate) async fn mount_blob(
    connection: &mut Connection,
    repository: &str,
    digest: &str,
    from: &str,
) -> Outcome<()> {
    let target = format!("/v2/{repository}/blobs/uploads/?mount={digest}&from={from}");
    connection.send(request("POST", &target, "Content-Length: 0\r\n").as_bytes()).await?;
    let status = connection.answer().await?;
    expect(connection, status, 201, "mount of a blob")
}

/// Pushes a manifest under a tag.
pub(crate) async fn push_manifest(
    connection: &mut Connection,
    repository: &str,
    tag: &str,
    media_type: &str,
    manifest: &[u8],
) -> Outcome<()> {
    let target = format!("/v2/{repository}/manifests/{tag}");
    let head = request_with_body("PUT", &target, media_type, manifest.len() as u64);
    connection.send_all(&[head.as_bytes(), manifest]).await?;
    let status = connection.answer().await?;
    expect(connection, status, 201, "PUT of a manifest")
}

async fn begin(connection: &mut Connection, repository: &str) -> Outcome<String> {
    let target = format!("/v2/{repository}/blobs/uploads/");
    connection.send(request("POST", &target, "Content-Length: 0\r\n").as_bytes()).await?;
    location_of(connection, 202, "POST of an upload").await
}

async fn finish(connection: &mut Connection, location: &str, digest: &str) -> Outcome<()> {
    let separator = if location.contains('?') { '&' } else { '?' };
    let target = format!("{location}{separator}digest={digest}");
    connection.send(request("PUT", &target, "Content-Length: 0\r\n").as_bytes()).await?;
    let status = connection.answer().await?;
    expect(connection, status, 201, "PUT of an upload")?;
    match connection.field("docker-content-digest") {
        Some(found) if found != digest => {
            Err(format!("PUT of {digest} answers with the digest {found}"))
        }
        _ => Ok(()),
    }
}

async fn location_of(connection: &mut Connection, status: u16, what: &str) -> Outcome<String> {
    let found = connection.answer().await?;
    expect(connection, found, status, what)?;
    let location =
        connection.field("location").ok_or_else(|| format!("{what}: no Location in the answer"))?;
    Ok(target(location).to_owned())
}

fn expect(connection: &Connection, found: u16, status: u16, what: &str) -> Outcome<()> {
    if found == status {
        return Ok(());
    }
    Err(format!("{what}: expected {status}, found {}", connection.describe()))
}

/// The path and query of a Location, which some servers send with scheme and host.
fn target(location: &str) -> &str {
    let Some(rest) = location.strip_prefix("http://") else { return location };
    rest.find('/').and_then(|path| rest.get(path..)).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn a_location_is_reduced_to_path_and_query() {
        assert_eq!(
            target("http://127.0.0.1:5000/v2/a/blobs/uploads/x?_state=y"),
            "/v2/a/blobs/uploads/x?_state=y"
        );
        assert_eq!(target("/v2/a/blobs/uploads/x"), "/v2/a/blobs/uploads/x");
    }
}
