//! TCP and local sockets behind one type.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use registry::access::CertificateIdentity;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::certificate::TlsPeer;

/// Something that connections come from.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A local socket.
    Unix(UnixListener),
}

/// Who is at the other end.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// `None` for a local socket.
    pub address: Option<SocketAddr>,
    /// What the handshake said, if the connection is encrypted.
    pub tls: Option<Arc<TlsPeer>>,
}

impl Peer {
    /// Who the client is by its verified certificate.
    pub(crate) fn certificate(&self) -> Option<&CertificateIdentity> {
        self.tls.as_ref()?.client.as_ref()
    }
}

impl Listener {
    /// Listens on a TCP address. An IPv6 wildcard also takes IPv4.
    pub async fn tcp(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address).await.map(Self::Tcp)
    }

    /// Listens on a local socket; one that nobody listens on any more is replaced.
    pub async fn unix(path: &Path) -> io::Result<Self> {
        if path.exists() && UnixStream::connect(path).await.is_err() {
            std::fs::remove_file(path)?;
        }
        UnixListener::bind(path).map(Self::Unix)
    }

    /// Where it listens, for the log.
    pub fn local(&self) -> String {
        match self {
            Self::Tcp(tcp) => tcp.local_addr().map(|a| a.to_string()).unwrap_or_default(),
            Self::Unix(unix) => {
                let path = unix.local_addr().ok().and_then(|a| a.as_pathname().map(Path::to_owned));
                path.map(|p| p.display().to_string()).unwrap_or_default()
            }
        }
    }

    /// Who has connected and was not accepted yet, asked of the kernel itself:
    /// the runtime's own news of them may be behind.
    pub(crate) fn into_waiting(self) -> io::Result<Waiting> {
        Ok(match self {
            Self::Tcp(tcp) => Waiting::Tcp(tcp.into_std()?),
            Self::Unix(unix) => Waiting::Unix(unix.into_std()?),
        })
    }

    pub(crate) async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(tcp) => {
                let (stream, peer) = tcp.accept().await?;
                of_tcp(stream, peer)
            }
            Self::Unix(unix) => Ok((Socket::Unix(unix.accept().await?.0), None)),
        }
    }
}

fn of_tcp(stream: TcpStream, peer: SocketAddr) -> io::Result<(Socket, Option<SocketAddr>)> {
    stream.set_nodelay(true)?;
    Ok((Socket::Tcp(stream), Some(SocketAddr::new(peer.ip().to_canonical(), peer.port()))))
}

/// How many clients in a row may be gone before they were accepted.
const FAILURES: usize = 100;

/// The last clients of a listener that is about to close.
pub(crate) enum Waiting {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Waiting {
    /// The next one; `None` when nobody waits. One that is gone again does not
    /// end it for those behind.
    pub(crate) fn next(&mut self) -> Option<(Socket, Option<SocketAddr>)> {
        for _ in 0..FAILURES {
            match self.accept() {
                Ok(next) => return Some(next),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => tracing::debug!(%error, "a connection could not be accepted"),
            }
        }
        None
    }

    fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(tcp) => {
                let (stream, peer) = tcp.accept()?;
                stream.set_nonblocking(true)?;
                of_tcp(TcpStream::from_std(stream)?, peer)
            }
            Self::Unix(unix) => {
                let (stream, _) = unix.accept()?;
                stream.set_nonblocking(true)?;
                Ok((Socket::Unix(UnixStream::from_std(stream)?), None))
            }
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Looks at the first bytes without taking them.
    pub(crate) async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.peek(buffer).await,
            Self::Unix(_) => Ok(0),
        }
    }
}

macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Socket::Tcp($stream) => $call,
            Socket::Unix($stream) => $call,
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, s => Pin::new(s).poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, s => Pin::new(s).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, s => Pin::new(s).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, s => Pin::new(s).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, s => Pin::new(s).poll_shutdown(cx))
    }
}
