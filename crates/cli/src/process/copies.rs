//! Copies of the audit record elsewhere: a file, a syslog server.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::UdpSocket;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use registry::accounts::command::AuditLine;
use serde_json::Value;

use crate::config::auth::berth::Audit;
use crate::config::auth::berth::records::Syslog;

/// Security messages of a private kind (`authpriv`).
const FACILITY: u8 = 10 << 3;
const WARNING: u8 = 4;
const INFORMATION: u8 = 6;
/// Longest message that is sent in one datagram, in bytes.
const MAX_DATAGRAM: usize = 8 << 10;
/// What stands behind a text that was cut.
const CUT: char = '…';

/// Where lines of the record go as well.
#[derive(Debug, Clone)]
pub(crate) struct Copies {
    file: Option<PathBuf>,
    /// The last line in the file: lines that only the other place lacks are not
    /// written to it again.
    in_file: Arc<AtomicI64>,
    syslog: Option<Syslog>,
}

impl Copies {
    /// As configured; `None` if there are none.
    pub(crate) fn wanted(audit: &Audit) -> Option<Self> {
        let copies = Self::to(audit.file.clone(), audit.syslog.clone());
        (copies.file.is_some() || copies.syslog.is_some()).then_some(copies)
    }

    fn to(file: Option<PathBuf>, syslog: Option<Syslog>) -> Self {
        Self { file, in_file: Arc::default(), syslog }
    }

    /// Writes the lines to all places; the error names the setting.
    pub(crate) fn write(&self, lines: &[AuditLine]) -> Result<(), String> {
        if let Some(path) = &self.file {
            let shown = path.display();
            let written = self.in_file.load(Ordering::Relaxed);
            let new = lines.partition_point(|line| line.id <= written);
            let new = lines.get(new..).unwrap_or_default();
            append(path, new).map_err(|e| format!("auth.berth.audit.file: {shown}: {e}"))?;
            if let Some(last) = new.last() {
                self.in_file.store(last.id, Ordering::Relaxed);
            }
        }
        if let Some(syslog) = &self.syslog {
            send(syslog, lines).map_err(|e| format!("auth.berth.audit.syslog: {syslog}: {e}"))?;
        }
        Ok(())
    }
}

/// Opened for each batch, so that others may rename the file at any time.
fn append(path: &Path, lines: &[AuditLine]) -> io::Result<()> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(&text)?;
    file.sync_data()
}

fn send(syslog: &Syslog, lines: &[AuditLine]) -> io::Result<()> {
    match syslog {
        Syslog::Socket(path) => {
            let socket = UnixDatagram::unbound()?;
            for line in lines {
                socket.send_to(&local(line)?, path)?;
            }
        }
        Syslog::Udp(address) => {
            let socket = UdpSocket::bind("[::]:0").or_else(|_| UdpSocket::bind("0.0.0.0:0"))?;
            for line in lines {
                socket.send_to(&remote(line)?, address)?;
            }
        }
    }
    Ok(())
}

fn priority(line: &AuditLine) -> u8 {
    FACILITY + if line.outcome == "ok" { INFORMATION } else { WARNING }
}

/// The form that daemons on the same machine expect; they add time and host.
fn local(line: &AuditLine) -> io::Result<Vec<u8>> {
    datagram(format!("<{}>berth: ", priority(line)), line)
}

/// RFC 5424.
fn remote(line: &AuditLine) -> io::Result<Vec<u8>> {
    let process = std::process::id();
    datagram(format!("<{}>1 {} - berth {process} audit - ", priority(line), line.at), line)
}

/// What is too long is said in fewer words: half a line would be no JSON.
fn datagram(head: String, line: &AuditLine) -> io::Result<Vec<u8>> {
    let write = |line: &AuditLine| -> io::Result<Vec<u8>> {
        let mut datagram = head.clone().into_bytes();
        serde_json::to_writer(&mut datagram, line)?;
        Ok(datagram)
    };
    let whole = write(line)?;
    if whole.len() <= MAX_DATAGRAM {
        return Ok(whole);
    }
    let mut line = line.clone();
    let mut shorter = whole;
    while shorter.len() > MAX_DATAGRAM && shorten(&mut line) {
        shorter = write(&line)?;
    }
    Ok(shorter)
}

/// Halves what is told beside the rest, and once that is gone the longest of the
/// texts; `false` if nothing is left to cut.
fn shorten(line: &mut AuditLine) -> bool {
    if let Some(detail) = line.detail.take() {
        let text = match detail {
            Value::String(text) => text,
            other => other.to_string(),
        };
        line.detail = half(&text).map(Value::String);
        return true;
    }
    let AuditLine { actor, target, action, .. } = line;
    let longest = [actor, target, action].into_iter().max_by_key(|text| text.len());
    let Some((text, half)) = longest.and_then(|text| half(text).map(|half| (text, half))) else {
        return false;
    };
    *text = half;
    true
}

/// The first half, marked as such; `None` if there is none.
fn half(text: &str) -> Option<String> {
    let text = text.trim_end_matches(CUT);
    let (first, _) = text.split_at(text.floor_char_boundary(text.len() / 2));
    (!first.is_empty()).then(|| format!("{first}{CUT}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn line(outcome: &str) -> AuditLine {
        numbered(7, outcome)
    }

    fn numbered(id: i64, outcome: &str) -> AuditLine {
        serde_json::from_value(serde_json::json!({
            "id": id, "at": "2026-01-31T12:00:00Z", "actor": "user:ann", "via": "password",
            "address": null, "action": "login", "target": "", "outcome": outcome,
            "request": null, "detail": null, "count": 1, "sequence": 7, "hash": "00",
        }))
        .unwrap()
    }

    #[test]
    fn lines_are_added_to_a_file_that_only_its_owner_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let copies = Copies::to(Some(path.clone()), None);
        copies.write(&[numbered(1, "ok")]).unwrap();
        copies.write(&[numbered(2, "refused"), numbered(3, "ok")]).unwrap();
        // As after a syslog server that did not take them.
        copies.write(&[numbered(2, "refused"), numbered(3, "ok")]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| serde_json::from_str::<AuditLine>(line).is_ok()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let missing = Copies::to(Some("/nowhere/audit".into()), None);
        assert!(missing.write(&[line("ok")]).unwrap_err().starts_with("auth.berth.audit.file: "));
    }

    #[test]
    fn lines_are_sent_to_syslog_as_it_expects_them() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap().to_string();
        let copies = Copies::to(None, Some(Syslog::Udp(address)));
        copies.write(&[line("refused")]).unwrap();
        let mut buffer = [0; 4096];
        let length = server.recv(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert!(text.starts_with("<84>1 2026-01-31T12:00:00Z - berth "), "{text}");
        assert!(text.contains("\"actor\":\"user:ann\""), "{text}");

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let socket = UnixDatagram::bind(&path).unwrap();
        let copies = Copies::to(None, Some(Syslog::Socket(path)));
        copies.write(&[line("ok")]).unwrap();
        let length = socket.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"<86>berth: {"));
    }

    #[test]
    fn a_line_that_is_too_long_for_a_datagram_is_shortened_and_stays_json() {
        let names: Vec<_> = (0..5000).map(|number| format!("\"näme\\{number}")).collect();
        let long = "/\u{1}ü".repeat(10_000);
        for (detail, target) in [
            (serde_json::json!({ "names": names }), "web/app".to_owned()),
            (serde_json::json!("ü".repeat(100_000)), "web/app".to_owned()),
            (Value::Null, long.clone()),
            (serde_json::json!(names), long),
        ] {
            let has_long_target = target.len() > 10;
            let whole = AuditLine {
                detail: Some(detail).filter(|it| !it.is_null()),
                target: target.clone(),
                ..line("refused")
            };
            for datagram in [local(&whole).unwrap(), remote(&whole).unwrap()] {
                assert!(datagram.len() <= MAX_DATAGRAM, "{}", datagram.len());
                let text = String::from_utf8(datagram).unwrap();
                let read: AuditLine =
                    serde_json::from_str(&text[text.find('{').unwrap()..]).unwrap();
                let cut = if has_long_target { Some(read.target) } else { None };
                let cut = cut.or(read.detail.map(|it| it.as_str().unwrap().to_owned())).unwrap();
                assert!(cut.ends_with(CUT) && cut.len() > 1000, "as much as fits: {}", cut.len());
                assert!(has_long_target || text.contains("\"target\":\"web/app\""), "{text}");
                assert_eq!((read.actor, read.sequence), ("user:ann".to_owned(), Some(7)));
            }
        }
        let short = local(&line("ok")).unwrap();
        assert!(!String::from_utf8(short).unwrap().contains(CUT));
    }
}
