//! A small HTTP/1.1 client over a raw socket: requests are formatted by the caller, buffers are
//! reused, connections are kept alive. It is cheap so that the server is what is measured.

mod connection;
mod head;
mod upload;

pub(crate) use connection::Connection;
pub(crate) use upload::{mount_blob, push_blob, push_large, push_manifest, put_object};

/// What every request calls its server.
pub(crate) const HOST: &str = "127.0.0.1";

/// A request without body.
pub(crate) fn request(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: bench\r\n{fields}\r\n")
}

/// The head of a request with a body of `length` bytes.
fn request_with_body(method: &str, target: &str, media_type: &str, length: u64) -> String {
    let fields = format!("Content-Type: {media_type}\r\nContent-Length: {length}\r\n");
    request(method, target, &fields)
}
