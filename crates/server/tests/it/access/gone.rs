//! Users of a password file who are taken out of it, or get another password there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use identity::{Hashers, HtpasswdFile};
use store::OsRandom;
use testkit::{Client, FakeClock};

use super::world::{World, basic};

struct Here {
    world: World,
    directory: tempfile::TempDir,
    /// Of the file.
    clock: Arc<FakeClock>,
    /// What stood in the file at first.
    lines: String,
}

impl Here {
    /// Users of a file, whose passwords are their names, beside those of the world.
    async fn with(users: &[&str]) -> Self {
        let (directory, clock) = (testkit::directory(), Arc::new(FakeClock::new()));
        let path = directory.path().join("htpasswd");
        let line = |user: &&str| format!("{user}:{}\n", bcrypt::hash(user, 4).unwrap());
        let lines: String = users.iter().map(line).collect();
        std::fs::write(&path, &lines).unwrap();
        let source = HtpasswdFile::new("file", path, clock.clone(), &OsRandom, Hashers::default());
        let world = World::with(|auth, _| auth.sources.push(Arc::new(source))).await;
        Self { world, directory, clock, lines }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("htpasswd")
    }

    fn says(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
        // It is looked at once a second.
        self.passes(1);
    }

    fn passes(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.world.registry.clock.advance(Duration::from_secs(seconds));
    }

    fn with_password(&self, user: &str, password: &str) -> Client {
        self.world.anybody().with("Authorization", basic(user, password))
    }

    async fn token(&self, user: &str, password: &str) -> Client {
        let answer = self.with_password(user, password).get("/auth/token?service=berth").await;
        self.world.bearer(answer.expect(200).json()["token"].as_str().unwrap())
    }

    /// A personal token and a registry token that was got with it.
    async fn personal(&self, user: &str) -> (Client, Client) {
        let personal = self.world.personal_token(user, &[]).await;
        (self.with_password(user, &personal), self.token(user, &personal).await)
    }
}

#[tokio::test]
async fn who_is_taken_out_of_the_file_is_refused_with_all_that_they_hold() {
    let here = Here::with(&["carl", "dora"]).await;
    let (password, token) = (here.with_password("carl", "carl"), here.token("carl", "carl").await);
    let (personal, with_it) = here.personal("carl").await;
    let dora = here.token("dora", "dora").await;
    for client in [&password, &token, &personal, &with_it] {
        client.get("/v2/").await.expect(200);
    }
    here.says(here.lines.split_inclusive('\n').nth(1).unwrap());
    for client in [&password, &token, &personal, &with_it] {
        client.get("/v2/").await.expect(401);
    }
    personal.get("/auth/token?service=berth").await.expect(401);
    personal.get("/api/v1/whoami").await.expect(401);
    dora.get("/v2/").await.expect(200);
    here.world.user("ann").get("/v2/").await.expect(200);
    here.says(&here.lines);
    personal.get("/v2/").await.expect(200);
}

#[tokio::test]
async fn another_password_in_the_file_ends_what_was_got_with_the_old_one() {
    let here = Here::with(&["carl"]).await;
    let (password, token) = (here.with_password("carl", "carl"), here.token("carl", "carl").await);
    let (personal, with_it) = here.personal("carl").await;
    password.get("/v2/").await.expect(200);
    here.says(&format!("carl:{}\n", bcrypt::hash("other", 4).unwrap()));
    for client in [&password, &token] {
        client.get("/v2/").await.expect(401);
    }
    for client in [&personal, &with_it] {
        client.get("/v2/").await.expect(200);
    }
    let new = here.token("carl", "other").await;
    new.get("/v2/").await.expect(200);
    token.get("/v2/").await.expect(401);
    let said = here.world.audit().await;
    let passwd = said.iter().filter(|line| line["action"] == "user.passwd");
    assert_eq!(passwd.map(|line| line["actor"].clone()).collect::<Vec<_>>(), ["source:file"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_counts_as_it_was_for_five_minutes() {
    let here = Here::with(&["carl"]).await;
    let token = here.token("carl", "carl").await;
    let (personal, _) = here.personal("carl").await;
    personal.get("/v2/").await.expect(200);
    std::fs::remove_file(here.path()).unwrap();
    for _ in 0..4 {
        here.passes(70);
        token.get("/v2/").await.expect(200);
        personal.get("/v2/").await.expect(200);
    }
    here.passes(20);
    for path in ["/v2/", "/v2/team/web/manifests/v1", "/auth/token"] {
        let answer = personal.get(path).await.expect(503);
        assert!(answer.header("retry-after").is_some(), "{path}");
    }
    let answer = token.get("/v2/").await.expect(503);
    assert_eq!(answer.header("retry-after"), Some("5"));
    here.world.user("ann").get("/v2/").await.expect(200);
    here.says(&here.lines);
    here.passes(5);
    personal.get("/v2/").await.expect(200);
    token.get("/v2/").await.expect(200);
}
