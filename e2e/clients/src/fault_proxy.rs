//! A proxy before an S3 store that loses requests, answers and bytes, and lies, at seeded moments. One
//! request per connection and everything in memory: slow, and simple enough to be believed.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What may happen to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The store never hears of it; the answer is 500.
    ServerError,
    /// The store never hears of it; the answer is 503 `SlowDown`.
    SlowDown,
    /// The store never hears of it, and nobody answers for [`STALL`].
    Stall,
    /// The store does it; the answer is 500.
    DoneAndServerError,
    /// The store does it; the connection ends without an answer.
    LostReply,
    /// A GET ends in the middle of its body.
    CutBody,
    /// The store completes a multipart upload; the connection ends without an answer.
    LostCompletion,
    /// The store never hears of the completion; the answer is 200 with an error in its body, which S3
    /// documents.
    FalseCompletion,
}

/// Every fault.
pub const FAULTS: [Fault; 8] = [
    Fault::ServerError,
    Fault::SlowDown,
    Fault::Stall,
    Fault::DoneAndServerError,
    Fault::LostReply,
    Fault::CutBody,
    Fault::LostCompletion,
    Fault::FalseCompletion,
];

/// How long a stalled request is held.
pub const STALL: Duration = Duration::from_secs(20);

/// A running proxy. It does nothing wrong until it is told to.
#[derive(Debug)]
pub struct FaultProxy {
    host: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: String,
    ended: AtomicBool,
    raging: AtomicBool,
    chance: Mutex<StdRng>,
    struck: [AtomicU64; FAULTS.len()],
    carried: AtomicU64,
}

impl FaultProxy {
    /// Starts one before the store at `HOST:PORT`.
    pub fn before(store: &str, seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            store: store.to_owned(),
            ended: AtomicBool::new(false),
            raging: AtomicBool::new(false),
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
            struck: Default::default(),
            carried: AtomicU64::new(0),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&serving);
                // A connection that breaks is the proxy's trade.
                std::thread::spawn(move || shared.serve(client).ok());
            }
        });
        Self { host, shared }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Begins (`true`) or ends (`false`) its mischief.
    pub fn rage(&self, raging: bool) {
        self.shared.raging.store(raging, Ordering::SeqCst);
    }

    /// How often this fault was done.
    pub fn struck(&self, fault: Fault) -> u64 {
        self.shared.struck[fault as usize].load(Ordering::SeqCst)
    }

    /// Bytes that went to the store and came from it so far.
    pub fn carried(&self) -> u64 {
        self.shared.carried.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(&self.host);
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let request = Request::read(&mut client)?;
        let fault = self.choose(&request);
        if let Some(fault) = fault {
            self.struck[fault as usize].fetch_add(1, Ordering::SeqCst);
        }
        match fault {
            None => client.write_all(&self.ask(&request)?),
            Some(Fault::ServerError) => client.write_all(&error("500 Oops", "InternalError")),
            Some(Fault::SlowDown) => client.write_all(&error("503 Slow Down", "SlowDown")),
            Some(Fault::FalseCompletion) => client.write_all(&error("200 OK", "InternalError")),
            Some(Fault::Stall) => {
                client.set_read_timeout(Some(STALL))?;
                // Ends early if the client gives up.
                client.read(&mut [0]).map(|_| ())
            }
            Some(Fault::DoneAndServerError) => {
                self.ask(&request)?;
                client.write_all(&error("500 Oops", "InternalError"))
            }
            Some(Fault::LostReply | Fault::LostCompletion) => {
                self.ask(&request)?;
                client.shutdown(Shutdown::Both)
            }
            Some(Fault::CutBody) => {
                let answer = self.ask(&request)?;
                let head = head_length(&answer).unwrap_or(answer.len());
                client.write_all(&answer[..head + (answer.len() - head) / 2])
            }
        }
    }

    fn choose(&self, request: &Request) -> Option<Fault> {
        if !self.raging.load(Ordering::SeqCst) {
            return None;
        }
        let mut chance = self.chance.lock().unwrap();
        if request.completes() && chance.random_bool(0.4) {
            let lost = chance.random_bool(0.5);
            return Some(if lost { Fault::LostCompletion } else { Fault::FalseCompletion });
        }
        if request.method() == "GET" && chance.random_bool(0.1) {
            return Some(Fault::CutBody);
        }
        match chance.random_range(0..1_000) {
            0..20 => Some(Fault::ServerError),
            20..40 => Some(Fault::SlowDown),
            40..50 => Some(Fault::Stall),
            50..70 => Some(Fault::DoneAndServerError),
            70..90 => Some(Fault::LostReply),
            _ => None,
        }
    }

    /// The store's whole answer, head and body.
    fn ask(&self, request: &Request) -> std::io::Result<Vec<u8>> {
        let mut store = TcpStream::connect(&self.store)?;
        store.write_all(&request.bytes)?;
        let mut answer = Vec::new();
        store.read_to_end(&mut answer)?;
        let bytes = request.bytes.len() + answer.len();
        self.carried.fetch_add(bytes as u64, Ordering::SeqCst);
        Ok(answer)
    }
}

/// A whole request, as it goes to the store: the same bytes, for they are signed, but for `Connection`.
struct Request {
    line: String,
    bytes: Vec<u8>,
}

impl Request {
    fn read(client: &mut TcpStream) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(head) = head_length(&bytes) {
                break head;
            }
            more(client, &mut bytes)?;
        };
        let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let mut lines: Vec<&str> = text.trim_end().split("\r\n").collect();
        let line = lines[0].to_owned();
        let length = lines.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        while bytes.len() < head + length.unwrap_or(0) {
            more(client, &mut bytes)?;
        }
        lines.retain(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let mut forwarded = lines.join("\r\n").into_bytes();
        forwarded.extend_from_slice(b"\r\nConnection: close\r\n\r\n");
        forwarded.extend_from_slice(&bytes[head..]);
        Ok(Self { line, bytes: forwarded })
    }

    fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    fn completes(&self) -> bool {
        self.method() == "POST" && self.line.contains("uploadId=")
    }
}

fn more(client: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut buffer = [0; 64 << 10];
    let read = client.read(&mut buffer)?;
    if read == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    bytes.extend_from_slice(&buffer[..read]);
    Ok(())
}

/// Bytes of the head with its empty line, once it is whole.
fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|place| place + 4)
}

fn error(status: &str, code: &str) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>by a test</Message></Error>"
    );
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}
