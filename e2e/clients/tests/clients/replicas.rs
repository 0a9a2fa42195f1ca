//! Two and three replicas answer by turns, and no client can tell.

use clients::balancer::Retry;
use clients::cluster::Cluster;
use clients::engine::Docker;
use clients::fixture::{self, noise};
use clients::http::{Answer, Client, closing, digest};
use clients::registry::Registry;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub(crate) const REPOSITORY: &str = "team/app";

fn clients_of(cluster: &Cluster) -> Vec<Client> {
    cluster.replicas.iter().map(|replica| Client::new(&replica.url())).collect()
}

/// The path of a Location, which the next replica is asked for.
pub(crate) fn path(answer: &Answer) -> String {
    let location = answer.header("Location");
    match location.split_once("://") {
        Some((_, rest)) => rest[rest.find('/').unwrap()..].to_owned(),
        None => location.to_owned(),
    }
}

/// Begins an upload and answers where its first chunk goes.
pub(crate) fn begin(client: &Client) -> String {
    let begun = client.send("POST", &format!("/v2/{REPOSITORY}/blobs/uploads/"), &[], &[]).unwrap();
    assert_eq!(begun.status, 202);
    path(&begun)
}

/// Sends `chunk`, which begins at byte `from`, and answers where the next one goes.
pub(crate) fn send(client: &Client, place: &str, from: usize, chunk: &[u8]) -> String {
    let range = format!("{from}-{}", from + chunk.len() - 1);
    let kind = ("Content-Type", "application/octet-stream");
    let sent = client.send("PATCH", place, &[kind, ("Content-Range", &range)], chunk).unwrap();
    assert_eq!(sent.status, 202, "{range}: {}", String::from_utf8_lossy(&sent.body));
    let received = format!("0-{}", from + chunk.len() - 1);
    assert_eq!(sent.header("Range"), received);
    path(&sent)
}

/// Uploads `bytes` in chunks of the sizes that `size` names, each to the next replica.
pub(crate) fn upload_by_turns(clients: &[Client], bytes: &[u8], mut size: impl FnMut() -> usize) {
    let mut turns = clients.iter().cycle();
    let mut place = begin(turns.next().unwrap());
    let mut from = 0;
    while from < bytes.len() {
        let chunk = &bytes[from..bytes.len().min(from + size())];
        place = send(turns.next().unwrap(), &place, from, chunk);
        from += chunk.len();
    }
    let close = closing(&place, &digest(bytes));
    let closed = turns.next().unwrap().send("PUT", &close, &[], &[]).unwrap();
    assert_eq!(closed.status, 201, "{}", String::from_utf8_lossy(&closed.body));
    for client in clients {
        let read = client.get(&format!("/v2/{REPOSITORY}/blobs/{}", digest(bytes)));
        assert_eq!((read.status, digest(&read.body)), (200, digest(bytes)));
    }
}

/// Two replicas move a tag by turns, and each reads what the other one wrote; then each deletes.
pub(crate) fn say_at_once_what_the_other_acknowledged(clients: &[Client]) {
    let images = [81, 82].map(|seed| fixture::image(seed, 1, 1_000));
    for blob in images.iter().flat_map(|image| &image.blobs) {
        assert_eq!(clients[0].push_blob(REPOSITORY, blob).unwrap().status, 201);
    }
    let tag = format!("/v2/{REPOSITORY}/manifests/moving");
    for round in 0..500 {
        let (writer, reader) = (&clients[round % 2], &clients[(round + 1) % 2]);
        let manifest = &images[round / 2 % 2].manifest;
        let pushed = writer.push_manifest(REPOSITORY, "moving", manifest).unwrap();
        assert_eq!(pushed.status, 201, "round {round}");
        let read = reader.get(&tag);
        assert_eq!((read.status, &read.body), (200, manifest), "round {round}");
    }
    assert_eq!(clients[0].send("DELETE", &tag, &[], &[]).unwrap().status, 202);
    assert_eq!(clients[1].get(&tag).status, 404);
    let blob = format!("/v2/{REPOSITORY}/blobs/{}", digest(&images[0].blobs[1]));
    let manifest = format!("/v2/{REPOSITORY}/manifests/{}", digest(&images[0].manifest));
    assert_eq!(clients[1].send("DELETE", &manifest, &[], &[]).unwrap().status, 202);
    assert_eq!(clients[0].get(&manifest).status, 404);
    assert_eq!(clients[1].send("DELETE", &blob, &[], &[]).unwrap().status, 202);
    assert_eq!(clients[0].get(&blob).status, 404);
}

/// Whether this replica logged a request of this method.
pub(crate) fn answered(replica: &Registry, method: &str) -> bool {
    replica.log().contains(&format!("http.request.method={method}"))
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn docker_pushes_to_and_pulls_from_two_and_three_replicas_by_turns() {
    for count in [2, 3] {
        let (cluster, docker) = (Cluster::start(count, Retry::Never), Docker::shared());
        let image = format!("{}/greeting:{count}", cluster.balancer.host());
        let context = tempfile::tempdir().unwrap();
        fixture::context(context.path());
        // Larger than one part of a multipart upload.
        std::fs::write(context.path().join("data"), noise(61, 40 << 20)).unwrap();
        docker.build(&image, context.path());
        docker.run(&["push", &image]);
        docker.run(&["rmi", &image]);
        docker.run(&["pull", &image]);
        assert_eq!(docker.run(&["run", "--rm", &image]), fixture::GREETING);
        docker.run(&["rmi", &image]);
        for replica in &cluster.replicas {
            assert!(answered(replica, "GET"), "a replica was left out:\n{}", replica.log());
        }
        let wrote = cluster.replicas.iter().filter(|replica| answered(replica, "PATCH"));
        assert!(wrote.count() > 1, "one replica took every layer");
    }
}

/// Bytes of an upload and of its chunks: below, at and above what is kept inline, held in memory, and
/// sent as a part of its own.
pub(crate) const UPLOADS: [(usize, usize); 8] = [
    (1, 1),
    (100, 7),
    (16_385, 4_095),
    (131_073, 65_537),
    (1_000_003, 333_337),
    (12_582_913, 5_242_881),
    (40 << 20, 5_000_011),
    (40 << 20, 20_971_519),
];

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn every_chunk_of_an_upload_may_reach_another_replica() {
    let cluster = Cluster::start(2, Retry::Never);
    let clients = clients_of(&cluster);
    for (seed, (length, size)) in UPLOADS.into_iter().enumerate() {
        upload_by_turns(&clients, &noise(seed as u64, length), || size);
    }
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn chunks_of_any_size_reach_three_replicas_by_turns() {
    let cluster = Cluster::start(3, Retry::Never);
    let clients = clients_of(&cluster);
    let mut chance = StdRng::seed_from_u64(71);
    for round in 0..6 {
        let bytes = noise(700 + round, chance.random_range(1..24 << 20));
        // As many small chunks as large ones.
        upload_by_turns(&clients, &bytes, || 1 << chance.random_range(14..23));
    }
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn the_closing_put_repeated_at_another_replica_gets_the_same_answer() {
    let cluster = Cluster::start(2, Retry::Never);
    let clients = clients_of(&cluster);
    for length in [2_000, 300_000, 12 << 20] {
        let bytes = noise(length as u64, length);
        let place = send(&clients[0], &begin(&clients[0]), 0, &bytes);
        let close = closing(&place, &digest(&bytes));
        let [first, second] =
            [0, 1].map(|replica| clients[replica].send("PUT", &close, &[], &[]).unwrap());
        assert_eq!((first.status, second.status), (201, 201), "{length}");
        assert_eq!(path(&first), path(&second));
        let header = "Docker-Content-Digest";
        assert_eq!(first.header(header), second.header(header));
    }
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn the_other_replica_knows_how_far_an_upload_is_and_that_it_was_cancelled() {
    let cluster = Cluster::start(2, Retry::Never);
    let clients = clients_of(&cluster);
    for length in [2_000, 300_000, 12 << 20] {
        let place = send(&clients[0], &begin(&clients[1]), 0, &noise(1, length));
        let status = clients[1].get(&place);
        assert_eq!(status.status, 204);
        assert_eq!(status.header("Range"), format!("0-{}", length - 1));
        assert_eq!(clients[1].send("DELETE", &place, &[], &[]).unwrap().status, 204);
        assert_eq!(clients[0].get(&place).status, 404, "{length}");
    }
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn what_one_replica_acknowledged_the_other_one_says_at_once() {
    let cluster = Cluster::start(2, Retry::Never);
    say_at_once_what_the_other_acknowledged(&clients_of(&cluster));
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn an_upload_goes_on_elsewhere_from_the_last_chunk_that_its_dead_replica_acknowledged() {
    let mut cluster = Cluster::start(2, Retry::Never);
    let clients = clients_of(&cluster);
    for (seed, length) in [(91, 300_000), (92, 7_000_003), (93, 24 << 20)] {
        let bytes = noise(seed, 2 * length);
        let place = send(&clients[0], &begin(&clients[0]), 0, &bytes[..length]);
        cluster.replicas[0].kill();
        let status = clients[1].get(&place);
        assert_eq!(status.header("Range"), format!("0-{}", length - 1), "{}", status.status);
        let place = send(&clients[1], &place, length, &bytes[length..]);
        let close = closing(&place, &digest(&bytes));
        assert_eq!(clients[1].send("PUT", &close, &[], &[]).unwrap().status, 201);
        cluster.replicas[0].restart();
        let read = clients[0].get(&format!("/v2/{REPOSITORY}/blobs/{}", digest(&bytes)));
        assert_eq!(digest(&read.body), digest(&bytes));
    }
}
