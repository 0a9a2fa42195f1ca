//! A connection that is used again, and answers as they can be compared.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use testkit::{Answer, Request, Wire};

/// Sends requests one after the other over as few connections as possible.
pub(super) struct Line {
    address: SocketAddr,
    wire: Option<Wire>,
}

impl Line {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, wire: None }
    }

    /// Sends a request with this `Authorization`, if any.
    pub(super) async fn send(&mut self, request: Request, login: Option<&str>) -> Answer {
        let request = match login {
            Some(login) => request.with("Authorization", login),
            None => request,
        };
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::connect(self.address).await,
        };
        wire.send(request.bytes()).await.unwrap();
        let answer = wire.answer(request.method == "HEAD").await;
        // A refusal may come before the body was read; then the server closes.
        let closes = answer.header("connection") == Some("close");
        let early = request.body.is_some() && answer.status >= 400;
        if answer.complete && !closes && !early {
            self.wire = Some(wire);
        }
        answer
    }
}

/// All that a client sees of an answer, but for the time. What is `own` to the
/// request, its repository or account, is taken out.
pub(super) fn seen(answer: &Answer, own: &str) -> String {
    let mut text = format!("{}\n", answer.status);
    for (name, value) in answer.headers.iter().filter(|(name, _)| name != "date") {
        text += &format!("{name}: {value}\n");
    }
    text += &String::from_utf8_lossy(&answer.body);
    text.replace(own, "OWN")
}

pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A form, as OAuth clients send it. The values need no escapes.
pub(super) fn form(path: &str, pairs: &[(&str, &str)]) -> Request {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    Request::new("POST", path)
        .with("Content-Type", "application/x-www-form-urlencoded")
        .body(pairs.collect::<Vec<_>>().join("&"))
}
