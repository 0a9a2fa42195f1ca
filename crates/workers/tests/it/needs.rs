//! Whether a start has to import.

use workers::import::{NeedsImport, needs_import};

use crate::ground::{Kind, on_both};
use crate::house::{House, image};
use crate::import::import;
use crate::plant::{self, Plant, THEN};

on_both! {
    an_empty_directory_is_fresh_and_a_tree_wants_its_first_import,
    blobs_that_we_store_ourselves_do_not_look_like_another_registry,
    every_kind_of_write_by_another_registry_is_seen,
}

async fn needs(house: &House) -> NeedsImport {
    needs_import(house.tree.as_ref(), house.meta.as_ref()).await.unwrap()
}

async fn an_empty_directory_is_fresh_and_a_tree_wants_its_first_import(kind: Kind) {
    let house = House::on(kind);
    assert_eq!(needs(&house).await, NeedsImport::Fresh);
    plant::debian(&house.ground);
    assert_eq!(needs(&house).await, NeedsImport::FirstTime);
    import(&house).await;
    assert_eq!(needs(&house).await, NeedsImport::UpToDate);
}

async fn blobs_that_we_store_ourselves_do_not_look_like_another_registry(kind: Kind) {
    let house = House::on(kind);
    plant::debian(&house.ground);
    import(&house).await;
    let blob = house.push_stored("library/hello", b"a blob of our own").await;
    house.push_stored("new/repository", b"another").await;
    assert!(house.ground.holds(&plant::data(&blob)));
    assert_eq!(needs(&house).await, NeedsImport::UpToDate);
}

async fn every_kind_of_write_by_another_registry_is_seen(kind: Kind) {
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
            let tags = "repositories/library/hello/_manifests/tags/multi";
            house.ground.remove(tags);
        }),
    ];
    for (what, write) in writes {
        let house = House::on(kind);
        plant::debian(&house.ground);
        import(&house).await;
        write(&Plant::new(&house.ground), &house);
        assert_eq!(needs(&house).await, NeedsImport::ChangedSince, "{what}");
        import(&house).await;
        assert_eq!(needs(&house).await, NeedsImport::UpToDate, "{what}");
    }
}
