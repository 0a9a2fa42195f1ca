//! Whether a start has to import.

use std::fs;

use workers::import::{NeedsImport, needs_import};

use crate::house::{House, image};
use crate::import::import;
use crate::plant::{self, Plant, THEN};

async fn needs(house: &House) -> NeedsImport {
    needs_import(house.tree.as_ref(), house.meta.as_ref()).await.unwrap()
}

#[tokio::test]
async fn an_empty_directory_is_fresh_and_a_tree_wants_its_first_import() {
    let house = House::new();
    assert_eq!(needs(&house).await, NeedsImport::Fresh);
    plant::debian(house.root());
    assert_eq!(needs(&house).await, NeedsImport::FirstTime);
    import(&house).await;
    assert_eq!(needs(&house).await, NeedsImport::UpToDate);
}

#[tokio::test]
async fn blobs_that_we_store_ourselves_do_not_look_like_another_registry() {
    let house = House::new();
    plant::debian(house.root());
    import(&house).await;
    let blob = house.push_stored("library/hello", b"a blob of our own").await;
    house.push_stored("new/repository", b"another").await;
    assert!(house.root().join("docker/registry/v2").join(plant::data(&blob)).exists());
    assert_eq!(needs(&house).await, NeedsImport::UpToDate);
}

#[tokio::test]
async fn every_kind_of_write_by_another_registry_is_seen() {
    type Write = fn(&Plant, &House);
    let writes: [(&str, Write); 6] = [
        ("a new repository", |plant, _| {
            plant.layer("new", b"x");
        }),
        ("a new blob", |plant, _| {
            plant.layer("library/hello", b"x");
        }),
        ("a new manifest", |plant, _| {
            plant.manifest("library/hello", &image(b"x", &[]));
        }),
        ("a new tag", |plant, _| {
            plant.tag("library/hello", "v1", &oci::Digest::sha256(b"x"), THEN);
        }),
        ("a tag that moves to an old image", |plant, _| {
            let list = oci::Digest::sha256(plant::debian_list().as_bytes());
            let link = "repositories/library/hello/_manifests/tags/latest/current/link";
            plant.file_at(link, list.to_string().as_bytes(), THEN + 1);
        }),
        ("a deleted tag", |_, house| {
            let tags = "docker/registry/v2/repositories/library/hello/_manifests/tags/multi";
            fs::remove_dir_all(house.root().join(tags)).unwrap();
        }),
    ];
    for (what, write) in writes {
        let house = House::new();
        plant::debian(house.root());
        import(&house).await;
        write(&Plant::new(house.root()), &house);
        assert_eq!(needs(&house).await, NeedsImport::ChangedSince, "{what}");
        import(&house).await;
        assert_eq!(needs(&house).await, NeedsImport::UpToDate, "{what}");
    }
}
