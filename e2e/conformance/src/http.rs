//! A small blocking HTTP/1.1 client of the suite's own: one connection per request, exact control
//! over every byte sent and strict reading of every byte received. A library would repair, on
//! either side, what the tests are meant to see.

use crate::answer::Answer;
use crate::failure::{Failure, failed};
use crate::receive::{read_answer, refuse_stray_bytes};
use crate::target::Target;
use base64::Engine as _;
use std::io::{self, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const MAX_REDIRECTS: usize = 3;
/// What real clients accept when they read a manifest.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, */*";

/// Where and as whom requests are sent.
#[derive(Debug)]
pub(crate) struct Client {
    authority: String,
    authorization: Option<String>,
    timeout: Duration,
}

/// One request in the making.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    client: &'a Client,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Body,
    authorized: bool,
    accepting: bool,
}

#[derive(Debug, Clone)]
enum Body {
    None,
    Sized(Vec<u8>),
    Chunked(Vec<u8>, usize),
}

impl Client {
    pub(crate) fn new(target: &Target) -> Result<Self, Failure> {
        let authority = target
            .url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|rest| !rest.is_empty() && !rest.contains('/'))
            .ok_or_else(|| {
                failed(format!(
                    "{:?} is not of the form http://host:port (no path, no TLS)",
                    target.url
                ))
            })?;
        let authorization = target.username.as_ref().map(|user| {
            let pair = format!("{user}:{}", target.password.as_deref().unwrap_or_default());
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        });
        Ok(Self { authority: authority.to_owned(), authorization, timeout: target.timeout })
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn has_credentials(&self) -> bool {
        self.authorization.is_some()
    }

    /// A request for a path of the registry, or for an absolute URL that it gave out.
    pub(crate) fn request(&self, method: &str, target: &str) -> Request<'_> {
        Request {
            client: self,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Body::None,
            authorized: true,
            accepting: true,
        }
    }

    /// The `Authorization` line for requests that are written by hand; empty without credentials.
    pub(crate) fn authorization_line(&self) -> String {
        self.authorization.as_ref().map(|a| format!("Authorization: {a}\r\n")).unwrap_or_default()
    }

    /// Sends these bytes and reads one answer; `None` when the registry closed without a word.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<Option<Answer>, Failure> {
        match self.exchange(&self.authority, bytes, "(raw request)", false) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if is_closed(&error) => Ok(None),
            Err(error) => Err(failed(format!("raw request: {error}"))),
        }
    }

    /// Sends these bytes and hangs up at once, as a client that dies in the middle.
    pub(crate) fn abandon(&self, bytes: &[u8]) -> Result<(), Failure> {
        let send = || -> io::Result<()> {
            let mut stream = self.connect(&self.authority)?;
            stream.write_all(bytes)?;
            stream.flush()?;
            stream.shutdown(std::net::Shutdown::Both)
        };
        send().map_err(|error| failed(format!("abandoned request: {error}")))
    }

    /// Sends several GET requests on one connection and reads as many answers.
    pub(crate) fn pipeline(&self, bytes: &[u8], count: usize) -> Result<Vec<Answer>, Failure> {
        let talk = || -> io::Result<Vec<Answer>> {
            let mut stream = self.connect(&self.authority)?;
            stream.write_all(bytes)?;
            let mut reader = BufReader::new(stream);
            (0..count).map(|_| read_answer(&mut reader, "(pipelined request)", false)).collect()
        };
        talk().map_err(|error| failed(format!("{count} requests on one connection: {error}")))
    }

    /// Sends a HEAD and a GET on one connection and returns the answer to the GET.
    pub(crate) fn head_then_get(&self, bytes: &[u8]) -> Result<Answer, Failure> {
        let talk = || -> io::Result<Answer> {
            let mut stream = self.connect(&self.authority)?;
            stream.write_all(bytes)?;
            let mut reader = BufReader::new(stream);
            read_answer(&mut reader, "(HEAD on a kept connection)", true)?;
            read_answer(&mut reader, "(GET after HEAD)", false)
        };
        talk().map_err(|error| failed(format!("HEAD and GET on one connection: {error}")))
    }

    fn connect(&self, authority: &str) -> io::Result<TcpStream> {
        let stream = if authority.contains(':') {
            TcpStream::connect(authority)?
        } else {
            TcpStream::connect((authority, 80))?
        };
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn exchange(
        &self,
        authority: &str,
        bytes: &[u8],
        label: &str,
        is_head: bool,
    ) -> io::Result<Answer> {
        let mut stream = self.connect(authority)?;
        // A refused upload is answered before its body ended; the answer counts, not the write.
        let written = stream.write_all(bytes);
        let mut reader = BufReader::new(stream);
        let answer = read_answer(&mut reader, label, is_head).map_err(|error| match written {
            Err(write_error) => io::Error::new(
                error.kind(),
                format!("{error} (and the request was not taken: {write_error})"),
            ),
            Ok(()) => error,
        })?;
        refuse_stray_bytes(&mut reader, &answer)?;
        Ok(answer)
    }
}

impl Request<'_> {
    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// A body with Content-Length.
    #[must_use]
    pub(crate) fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Sized(bytes.into());
        self
    }

    /// A body in chunked transfer coding, without Content-Length.
    #[must_use]
    pub(crate) fn chunked(mut self, bytes: impl Into<Vec<u8>>, piece: usize) -> Self {
        self.body = Body::Chunked(bytes.into(), piece.max(1));
        self
    }

    /// The same request without credentials.
    #[must_use]
    pub(crate) fn anonymous(mut self) -> Self {
        self.authorized = false;
        self
    }

    /// The same request without the Accept header that real clients send.
    #[must_use]
    pub(crate) fn accepting_nothing(mut self) -> Self {
        self.accepting = false;
        self
    }

    /// Sends the request, follows redirects of reads, and takes every 5xx for a failure.
    pub(crate) fn send(self) -> Result<Answer, Failure> {
        let mut request = self;
        for _ in 0..=MAX_REDIRECTS {
            let answer = request.send_once()?;
            if answer.status >= 500 {
                return Err(failed(format!("server error: {answer}")));
            }
            let is_read = request.method == "GET" || request.method == "HEAD";
            match answer.header("location") {
                Some(location)
                    if is_read && matches!(answer.status, 301 | 302 | 303 | 307 | 308) =>
                {
                    request.target = location.to_owned();
                }
                _ => return Ok(answer),
            }
        }
        Err(failed(format!("{} {}: too many redirects", request.method, request.target)))
    }

    /// Sends the request once and hands back whatever came, redirects and 5xx included.
    pub(crate) fn send_once(&self) -> Result<Answer, Failure> {
        let label = format!("{} {}", self.method, shorten(&self.target));
        let (authority, path) = self.place()?;
        let bytes = self.wire(&authority, &path);
        self.client
            .exchange(&authority, &bytes, &label, self.method == "HEAD")
            .map_err(|error| failed(format!("{label}: {error}")))
    }

    fn place(&self) -> Result<(String, String), Failure> {
        if self.target.starts_with('/') {
            return Ok((self.client.authority.clone(), self.target.clone()));
        }
        let rest = self.target.strip_prefix("http://").ok_or_else(|| {
            failed(format!("{:?} is neither a path nor an http URL", shorten(&self.target)))
        })?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        Ok((authority.to_owned(), format!("/{path}")))
    }

    fn wire(&self, authority: &str, path: &str) -> Vec<u8> {
        let mut head = format!(
            "{} {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: berth-conformance\r\nConnection: close\r\n",
            self.method
        );
        if self.authorized
            && authority == self.client.authority
            && let Some(authorization) = &self.client.authorization
        {
            head.push_str(&format!("Authorization: {authorization}\r\n"));
        }
        let is_read = self.method == "GET" || self.method == "HEAD";
        let accepts = self.headers.iter().any(|(name, _)| name == "Accept");
        if is_read && self.accepting && !accepts {
            head.push_str(&format!("Accept: {ACCEPT}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let takes_body = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        let mut body = Vec::new();
        match &self.body {
            Body::None if takes_body => head.push_str("Content-Length: 0\r\n"),
            Body::None => {}
            Body::Sized(bytes) => {
                head.push_str(&format!("Content-Length: {}\r\n", bytes.len()));
                body.extend_from_slice(bytes);
            }
            Body::Chunked(bytes, piece) => {
                head.push_str("Transfer-Encoding: chunked\r\n");
                for part in bytes.chunks(*piece) {
                    body.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                    body.extend_from_slice(part);
                    body.extend_from_slice(b"\r\n");
                }
                body.extend_from_slice(b"0\r\n\r\n");
            }
        }
        head.push_str("\r\n");
        let mut wire = head.into_bytes();
        wire.append(&mut body);
        wire
    }
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// Paths in messages are cut, or a hostile one would fill the table.
fn shorten(path: &str) -> String {
    const MOST: usize = 150;
    if path.chars().count() <= MOST {
        return path.to_owned();
    }
    let head: String = path.chars().take(MOST).collect();
    format!("{head}… ({} bytes)", path.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::net::TcpListener;

    /// Serves this text once and returns what a GET of it says.
    fn served(text: &'static str) -> Result<Answer, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
        });
        let client = Client::new(&Target::new(url)).unwrap();
        let answer = client.request("GET", "/v2/").send();
        server.join().unwrap();
        answer
    }

    fn failure(text: &'static str) -> String {
        match served(text) {
            Err(Failure::Failed(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_in_chunks_is_joined_and_an_interim_answer_skipped() {
        let answer = served(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A:  b \r\n\
             Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
        )
        .unwrap();
        assert_eq!(answer.body, b"abcde");
        assert_eq!(answer.header("x-a"), Some("b"));
    }

    #[test]
    fn a_body_that_is_cut_short_is_a_failure() {
        let message = failure("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
        assert!(message.contains("3 of 9"), "{message}");
    }

    #[test]
    fn bytes_after_the_answer_are_a_failure() {
        let message = failure("HTTP/1.1 204 No Content\r\n\r\nabc");
        assert!(message.contains("stray"), "{message}");
    }

    #[test]
    fn a_server_error_is_a_failure() {
        let message = failure("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
        assert!(message.contains("server error"), "{message}");
    }

    #[test]
    fn a_url_with_a_path_or_tls_is_refused() {
        for url in ["https://registry.example", "http://registry.example/v2", "registry.example"] {
            assert!(Client::new(&Target::new(url)).is_err(), "{url}");
        }
    }
}
