//! Old and new versions on the same data: one after the other, forth and back, and beside each other. The
//! old ones are real binaries, built from this repository's own history.

mod beside;
mod refused;

use clients::command::run;
use clients::fixture::{self, Image, noise};
use clients::http::{Client, closing, digest};
use clients::journal::Journal;
use clients::registry::{Program, Registry, Settings};
use tempfile::TempDir;

use crate::crane;
use crate::replicas::{REPOSITORY, begin, send};

/// Bytes of an upload's first half: held in memory, and in a file of its own.
const HALVES: [usize; 2] = [50_000, 3_000_000];
/// Bytes per layer: one that fits a database row, one that needs a file, one of many requests' size.
const SIZES: [usize; 3] = [500, 40_000, 5_000_000];

/// How a version ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Stopped,
    Killed,
}

/// An upload of which the first half was acknowledged.
struct HalfUpload {
    place: String,
    bytes: Vec<u8>,
}

/// A directory that versions serve by turns, and what they acknowledged.
struct Directory {
    root: TempDir,
    lives: u64,
    promised: Journal,
    /// Images that crane pushed, without the host.
    by_crane: Vec<String>,
    halves: Vec<HalfUpload>,
    moving: Option<Image>,
    deleted: Vec<String>,
}

impl Directory {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            lives: 0,
            promised: Journal::default(),
            by_crane: Vec::new(),
            halves: Vec::new(),
            moving: None,
            deleted: Vec::new(),
        }
    }

    /// This version serves what all before it acknowledged, goes on with what they left open, and
    /// acknowledges more of every kind.
    fn served_by(&mut self, program: Program, end: End) {
        self.lives += 1;
        let mut registry = Settings::of(program).at(self.root.path()).start();
        let client = Client::new(&registry.url());
        self.must_be_there(&registry, &client);
        self.end_uploads(&client);
        self.push(&client);
        self.push_by_crane(&registry);
        self.move_and_delete(&client);
        self.begin_uploads(&client);
        self.must_be_there(&registry, &client);
        match end {
            End::Stopped => registry.stop(),
            End::Killed => {
                registry.kill();
                // Only a stop writes these down.
                self.halves.clear();
            }
        }
    }

    fn must_be_there(&self, registry: &Registry, client: &Client) {
        let broken = self.promised.broken(client, 0);
        assert!(broken.is_empty(), "life {}: {broken:#?}\n{}", self.lives, registry.log());
        for image in &self.by_crane {
            run("crane", &["validate", "--insecure", "--remote", &registry.image(image)]);
        }
        if let Some(image) = &self.moving {
            let read = client.get(&format!("/v2/{REPOSITORY}/manifests/moving"));
            assert_eq!(read.body, image.manifest, "life {}", self.lives);
        }
        for path in &self.deleted {
            assert_eq!(client.get(path).status, 404, "life {}: {path}", self.lives);
        }
    }

    fn image(&self, number: u64, size: usize) -> Image {
        fixture::image(40_000 + self.lives * 100 + number, 2, size)
    }

    fn push(&self, client: &Client) {
        for (size, number) in SIZES.into_iter().zip(0..) {
            let (image, tag) = (self.image(number, size), format!("{}-{size}", self.lives));
            push_image(client, &tag, &image);
            self.promised.manifest(REPOSITORY, &tag, &digest(&image.manifest));
            image.blobs.iter().for_each(|blob| self.promised.blob(REPOSITORY, &digest(blob)));
        }
    }

    fn push_by_crane(&mut self, registry: &Registry) {
        let life = self.lives;
        let [one, other] = ["one", "other"].map(|kind| {
            let name = format!("crane/{kind}:{life}");
            append_noted(self, registry, &name)
        });
        let name = format!("crane/index:{life}");
        let images = [one, other].map(|name| registry.image(&name));
        let images: Vec<_> = images.iter().map(String::as_str).collect();
        let index = crane::append_index(&registry.image(&name), &images);
        self.promised.manifest("crane/index", &life.to_string(), &index);
        self.by_crane.push(name);
        // Its layers are mounted from their first repository.
        let copy = registry.image(&format!("crane/copy:{life}"));
        run("crane", &["copy", "--insecure", images[0], &copy]);
        self.by_crane.push(format!("crane/copy:{life}"));
    }

    /// The tag of every life moves on; a manifest of this one goes.
    fn move_and_delete(&mut self, client: &Client) {
        let moved = self.image(10, 900);
        push_image(client, "moving", &moved);
        self.moving = Some(moved);
        let doomed = self.image(11, 800);
        let tag = format!("doomed-{}", self.lives);
        push_image(client, &tag, &doomed);
        let path = |reference: &str| format!("/v2/{REPOSITORY}/manifests/{reference}");
        let manifest = path(&digest(&doomed.manifest));
        assert_eq!(client.send("DELETE", &manifest, &[], &[]).unwrap().status, 202);
        self.deleted.extend([manifest, path(&tag)]);
    }

    fn begin_uploads(&mut self, client: &Client) {
        for (half, number) in HALVES.into_iter().zip(0..) {
            let bytes = noise(50_000 + self.lives * 10 + number, 2 * half);
            let place = send(client, &begin(client), 0, &bytes[..half]);
            self.halves.push(HalfUpload { place, bytes });
        }
    }

    fn end_uploads(&mut self, client: &Client) {
        for HalfUpload { place, bytes } in std::mem::take(&mut self.halves) {
            let half = bytes.len() / 2;
            let status = client.get(&place);
            assert_eq!((status.status, status.header("Range")), (204, &*format!("0-{}", half - 1)));
            let place = send(client, &place, half, &bytes[half..]);
            let close = closing(&place, &digest(&bytes));
            assert_eq!(client.send("PUT", &close, &[], &[]).unwrap().status, 201);
            self.promised.blob(REPOSITORY, &digest(&bytes));
        }
    }
}

/// Has crane push an image of its own under this name, and notes it.
fn append_noted(directory: &mut Directory, registry: &Registry, name: &str) -> String {
    let digest = crane::append(&registry.image(name), name.as_bytes());
    let (repository, tag) = name.split_once(':').unwrap();
    directory.promised.manifest(repository, tag, &digest);
    directory.by_crane.push(name.to_owned());
    name.to_owned()
}

fn push_image(client: &Client, tag: &str, image: &Image) {
    for blob in &image.blobs {
        assert_eq!(client.push_blob(REPOSITORY, blob).unwrap().status, 201);
    }
    assert_eq!(client.push_manifest(REPOSITORY, tag, &image.manifest).unwrap().status, 201);
}

#[test]
#[ignore = "needs older versions: cargo xtask test"]
fn a_directory_goes_to_the_new_version_and_back_and_forth_again() {
    let mut directory = Directory::new();
    for program in [Program::BerthCore, Program::Berth, Program::BerthCore, Program::Berth] {
        directory.served_by(program, End::Stopped);
    }
}

#[test]
#[ignore = "needs older versions: cargo xtask test"]
fn a_version_goes_on_where_another_one_was_killed() {
    let mut directory = Directory::new();
    for program in [Program::BerthCore, Program::Berth, Program::BerthCore, Program::Berth] {
        directory.served_by(program, End::Killed);
    }
}
