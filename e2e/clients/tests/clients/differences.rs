//! The same requests to the original and to Berth: every difference in the answers is either on the list
//! of those that we want, with its reason, or it is a mistake.

use std::collections::BTreeSet;

use clients::fixture::{self, Image};
use clients::http::{Answer, Client, closing, digest};
use clients::registry::{Program, Settings};
use serde_json::Value;

/// The wanted differences, one per line, under lines that begin with `#` and say why.
const WANTED: &str = include_str!("differences.txt");

/// Headers that a client may read. Location is compared without its host, upload id and state.
const HEADERS: [&str; 10] = [
    "Content-Type",
    "Docker-Content-Digest",
    "Docker-Distribution-Api-Version",
    "Range",
    "Content-Range",
    "Link",
    "ETag",
    "Accept-Ranges",
    "Allow",
    "WWW-Authenticate",
];

/// Sends requests and notes what came back.
struct Recorder {
    client: Client,
    seen: Vec<(String, Vec<(String, String)>)>,
}

impl Recorder {
    /// Sends a request and notes the answer, or that the connection broke over it.
    fn send(
        &mut self,
        name: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        let answer = self.client.send(method, path, headers, body).ok();
        self.seen.push((name.to_owned(), facts(answer.as_ref())));
        answer
    }

    fn get(&mut self, name: &str, path: &str) {
        self.send(name, "GET", path, &[], &[]);
    }

    fn begin(&mut self, name: &str, path: &str) -> String {
        let begun = self.send(name, "POST", path, &[], &[]);
        begun.map(|answer| answer.header("Location").to_owned()).unwrap_or_default()
    }
}

/// What a client can tell about an answer.
fn facts(answer: Option<&Answer>) -> Vec<(String, String)> {
    let Some(answer) = answer else {
        return vec![("status".to_owned(), "the connection broke".to_owned())];
    };
    let mut facts = vec![("status".to_owned(), answer.status.to_string())];
    for header in HEADERS {
        // JSON is UTF-8 by definition; the original says so again in each answer.
        let value = answer.header(header).trim_end_matches("; charset=utf-8");
        facts.push((header.to_owned(), value.to_owned()));
    }
    facts.push(("Location".to_owned(), place(answer.header("Location"))));
    let named = !answer.header("Docker-Upload-UUID").is_empty();
    facts.push(("Docker-Upload-UUID".to_owned(), named.to_string()));
    facts.push(("body".to_owned(), body(answer)));
    facts
}

/// The code of an error, a list as it stands, or the digest of anything longer.
fn body(answer: &Answer) -> String {
    let mut json = answer.json();
    if let Some(code) = json.pointer("/errors/0/code").and_then(Value::as_str) {
        return code.to_owned();
    }
    if answer.body.is_empty() {
        return String::new();
    }
    if json.is_null() || answer.body.len() > 200 {
        return digest(&answer.body);
    }
    // The original lists tags as its folder lists them, which no two machines do alike.
    if let Some(tags) = json.get_mut("tags").and_then(Value::as_array_mut) {
        tags.sort_by_key(Value::to_string);
    }
    json.to_string()
}

/// A Location without host and query, its upload id written as `UUID`.
fn place(location: &str) -> String {
    let path = location
        .split_once("://")
        .map_or(location, |(_, rest)| rest.find('/').map_or("", |slash| &rest[slash..]));
    let path = path.split('?').next().unwrap_or_default();
    match path.split_once("/blobs/uploads/") {
        Some((before, id)) if !id.is_empty() => format!("{before}/blobs/uploads/UUID"),
        _ => path.to_owned(),
    }
}

/// The conversation that both are led through.
fn talk(to: &mut Recorder) {
    let image = fixture::image(51, 2, 10_000);
    to.get("ping", "/v2/");
    to.get("no such page", "/v2/a/b/c/d");
    to.get("empty catalog", "/v2/_catalog");
    to.get("tags of nothing", "/v2/nothing/tags/list");
    to.get("manifest of nothing", "/v2/nothing/manifests/latest");
    uploads(to, &image);
    manifests(to, &image);
    lists(to);
    reads(to, &image);
    deletes(to, &image);
}

fn uploads(to: &mut Recorder, image: &Image) {
    let octets = [("Content-Type", "application/octet-stream")];
    let uploads = "/v2/team/app/blobs/uploads/";
    let place = to.begin("begin an upload", uploads);
    to.get("status of a begun upload", &place);
    let sent = to.send("send a chunk", "PATCH", &place, &octets, &image.blobs[0]);
    let place = sent.map(|answer| answer.header("Location").to_owned()).unwrap_or_default();
    to.get("status of a half upload", &place);
    let wrong = closing(&place, &digest(b"other"));
    to.send("close with a wrong digest", "PUT", &wrong, &[], &[]);
    for (number, blob) in image.blobs.iter().enumerate() {
        let place = to.begin(&format!("begin blob {number}"), uploads);
        let close = closing(&place, &digest(blob));
        to.send(&format!("close blob {number}"), "PUT", &close, &octets, blob);
    }
    let place = to.begin("begin a doomed upload", uploads);
    to.send("cancel an upload", "DELETE", &place, &[], &[]);
    to.get("status of a cancelled upload", &place);
    let mount = format!("/v2/other/blobs/uploads/?mount={}&from=team/app", digest(&image.blobs[0]));
    to.begin("mount a blob", &mount);
    let absent = format!("/v2/other/blobs/uploads/?mount={}&from=team/app", digest(b"absent"));
    to.begin("mount a blob that is not there", &absent);
    to.begin("begin with a bad name", "/v2/Upper/blobs/uploads/");
}

fn manifests(to: &mut Recorder, image: &Image) {
    let kind = [("Content-Type", "application/vnd.oci.image.manifest.v1+json")];
    let path = "/v2/team/app/manifests/";
    for tag in ["1", "2"] {
        let name = format!("push manifest {tag}");
        to.send(&name, "PUT", &format!("{path}{tag}"), &kind, &image.manifest);
    }
    to.send("push no manifest", "PUT", &format!("{path}3"), &kind, b"{}");
    let other = fixture::image(52, 1, 10);
    let missing = format!("{path}4");
    to.send("push with missing blobs", "PUT", &missing, &kind, &other.manifest);
    let wrong = format!("{path}{}", digest(b"other"));
    to.send("push under a wrong digest", "PUT", &wrong, &kind, &image.manifest);
    to.send("push under a bad tag", "PUT", &format!("{path}-x"), &kind, &image.manifest);
}

fn lists(to: &mut Recorder) {
    to.get("catalog", "/v2/_catalog");
    to.get("first page of the catalog", "/v2/_catalog?n=1");
    to.get("catalog with a bad n", "/v2/_catalog?n=x");
    to.get("tags", "/v2/team/app/tags/list");
    to.get("first page of tags", "/v2/team/app/tags/list?n=1");
    to.get("second page of tags", "/v2/team/app/tags/list?n=1&last=1");
    to.get("no tags at all", "/v2/team/app/tags/list?n=0");
    to.get("referrers", &format!("/v2/team/app/referrers/{}", digest(b"nobody")));
}

fn reads(to: &mut Recorder, image: &Image) {
    let oci = ("Accept", "application/vnd.oci.image.manifest.v1+json");
    let manifest = format!("/v2/team/app/manifests/{}", digest(&image.manifest));
    let tag = "/v2/team/app/manifests/1";
    for (name, method, path) in [
        ("manifest by tag", "GET", tag),
        ("head of a manifest", "HEAD", tag),
        ("manifest by digest", "GET", &manifest),
    ] {
        to.send(name, method, path, &[oci], &[]);
    }
    to.get("manifest without Accept", tag);
    let etag = format!("\"{}\"", digest(&image.manifest));
    let known = [oci, ("If-None-Match", etag.as_str())];
    to.send("manifest that is known", "GET", tag, &known, &[]);
    let blob = format!("/v2/team/app/blobs/{}", digest(&image.blobs[1]));
    for (name, method, range) in [
        ("blob", "GET", None),
        ("head of a blob", "HEAD", None),
        ("first bytes of a blob", "GET", Some("bytes=0-99")),
        ("last bytes of a blob", "GET", Some("bytes=-100")),
        ("bytes behind a blob", "GET", Some("bytes=20000-")),
    ] {
        let range: Vec<_> = range.map(|range| ("Range", range)).into_iter().collect();
        to.send(name, method, &blob, &range, &[]);
    }
    to.get("blob that is not there", &format!("/v2/team/app/blobs/{}", digest(b"absent")));
    to.get("blob with a bad digest", "/v2/team/app/blobs/sha256:12");
    to.get("blob of another repository", &blob.replace("team/app", "stranger"));
}

fn deletes(to: &mut Recorder, image: &Image) {
    let blob = format!("/v2/team/app/blobs/{}", digest(&image.blobs[1]));
    let manifest = format!("/v2/team/app/manifests/{}", digest(&image.manifest));
    to.send("delete a blob in use", "DELETE", &blob, &[], &[]);
    to.send("delete a tag", "DELETE", "/v2/team/app/manifests/2", &[], &[]);
    to.send("delete a manifest", "DELETE", &manifest, &[], &[]);
    to.send("delete a manifest again", "DELETE", &manifest, &[], &[]);
    to.get("tags after the delete", "/v2/team/app/tags/list");
    to.send(
        "delete a blob that is not there",
        "DELETE",
        &blob.replace("team/app", "no/body"),
        &[],
        &[],
    );
}

fn recorded(program: Program) -> Vec<(String, Vec<(String, String)>)> {
    let registry = Settings::of(program).start();
    let mut recorder = Recorder { client: Client::new(&registry.url()), seen: Vec::new() };
    talk(&mut recorder);
    recorder.seen
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn berth_answers_as_the_original_does_except_where_we_want_otherwise() {
    let (original, berth) = (recorded(Program::DockerRegistry), recorded(Program::Berth));
    let mut found = BTreeSet::new();
    for ((name, theirs), (_, ours)) in original.iter().zip(&berth) {
        for ((fact, their), (_, our)) in theirs.iter().zip(ours).filter(|(a, b)| a.1 != b.1) {
            found.insert(format!("{name}: {fact}: {their:?} -> {our:?}"));
        }
    }
    let lines = WANTED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let wanted: BTreeSet<_> = lines.map(String::from).collect();
    let list = |set: Vec<&String>| set.iter().map(|line| format!("{line}\n")).collect::<String>();
    let surprising = list(found.difference(&wanted).collect());
    let gone = list(wanted.difference(&found).collect());
    assert!(
        surprising.is_empty() && gone.is_empty(),
        "not on the list in differences.txt:\n{surprising}\non the list and not found:\n{gone}"
    );
}
