//! Pages of repositories, also while they come and go.

use testkit::{Client, TestRegistry, fixture};

use crate::access::world::World;

async fn page(client: &Client, path: &str) -> (Vec<String>, Option<String>) {
    let answer = client.get(path).await.expect(200);
    let names = serde_json::from_value(answer.json()["repositories"].clone()).unwrap();
    let link = answer
        .header("link")
        .map(|link| link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned());
    (names, link)
}

async fn pages(client: &Client, first: &str) -> Vec<String> {
    let (mut all, mut link) = page(client, first).await;
    while let Some(next) = link {
        let (more, after) = page(client, &next).await;
        all.extend(more);
        link = after;
    }
    all
}

async fn make(client: &Client, name: &str) {
    fixture::index(&[]).push(client, name, "v1").await.expect(201);
}

#[tokio::test]
async fn the_catalog_has_a_hundred_by_default_and_says_where_it_goes_on() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let mut all: Vec<String> = (0..130).map(|n| format!("r{n}/x-{n}")).collect();
    all.extend(["a".into(), "a-b".into(), "a/b".into(), "a_b".into(), "a.b".into()]);
    for name in &all {
        make(&client, name).await;
    }
    all.sort_unstable();
    let (first, link) = page(&client, "/v2/_catalog").await;
    assert_eq!(first, all[..100]);
    assert!(link.unwrap().starts_with("/v2/_catalog?last="));
    for n in [1, 50, 134, 135, 136, 5000] {
        assert_eq!(pages(&client, &format!("/v2/_catalog?n={n}")).await, all, "{n}");
    }
    assert_eq!(page(&client, "/v2/_catalog?n=0").await, (Vec::new(), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn paging_misses_no_repository_that_was_there_throughout() {
    let registry = TestRegistry::builder().delete_enabled().start().await;
    let client = registry.client();
    let stable: Vec<String> = (0..60).map(|n| format!("s{n:02}")).collect();
    for name in &stable {
        make(&client, name).await;
    }
    let churn = tokio::spawn({
        let client = client.clone();
        async move {
            let digest = fixture::index(&[]).digest();
            for round in 0..60 {
                let name = format!("s{round:02}-new");
                make(&client, &name).await;
                client.delete(format!("/v2/{name}/manifests/{digest}")).await.expect(202);
            }
        }
    });
    while !churn.is_finished() {
        let seen = pages(&client, "/v2/_catalog?n=7").await;
        assert!(seen.is_sorted(), "{seen:?}");
        assert!(stable.iter().all(|name| seen.contains(name)));
    }
    churn.await.unwrap();
    assert_eq!(pages(&client, "/v2/_catalog?n=7").await, stable);
}

#[tokio::test]
async fn who_asks_for_few_and_may_read_nothing_is_not_looked_up_name_by_name() {
    let world = World::new().await;
    let root = world.user("root");
    for n in 0..60 {
        make(&root, &format!("secret/r{n:02}")).await;
    }
    for (user, n, expected) in [("ann", 1, 2), ("ann", 0, 0), ("ann", 50, 2), ("root", 1, 1)] {
        world.registry.faults.clear();
        let (names, link) = page(&world.user(user), &format!("/v2/_catalog?n={n}")).await;
        assert_eq!((names.len(), link.is_some()), (usize::from(user == "root"), user == "root"));
        let calls = world.registry.faults.calls();
        let read = calls.iter().filter(|call| **call == "repositories").count();
        assert_eq!(read, expected, "{user} n={n}");
    }
    world.grants("user:ann", "pull", "secret/r59").await;
    world.grants("user:ann", "pull", "secret/r07").await;
    let shown = pages(&world.user("ann"), "/v2/_catalog?n=1").await;
    assert_eq!(shown, ["secret/r07", "secret/r59"]);
}
