//! Link files of a tree that something else wrote.

use fuzz::{config, hostile};
use oci::RepositoryName;
use proptest::prelude::*;
use workers::tree::{FileTree, Tree};

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn examples() -> Vec<Vec<u8>> {
    let texts = [DIGEST.to_owned(), format!("{DIGEST}\n"), String::new(), "x".repeat(300)];
    texts.into_iter().map(String::into_bytes).collect()
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn a_link_is_read_or_reported(content in hostile(examples())) {
        let directory = testkit::directory();
        let hex = DIGEST.split_once(':').unwrap().1;
        let repository = directory.path().join("docker/registry/v2/repositories/a");
        let places = [
            format!("_layers/sha256/{hex}"),
            format!("_manifests/revisions/sha256/{hex}"),
            "_manifests/tags/v1/current".to_owned(),
        ];
        for place in &places {
            let place = repository.join(place);
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("link"), &content).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tree = FileTree::new(directory.path());
        let name = RepositoryName::parse("a").unwrap();
        let layers = runtime.block_on(tree.layers(&name)).unwrap();
        prop_assert_eq!(layers.items.len() + layers.findings.len(), 1);
        let revisions = runtime.block_on(tree.revisions(&name)).unwrap();
        prop_assert_eq!(revisions.items.len() + revisions.findings.len(), 1);
        let tags = runtime.block_on(tree.tags(&name)).unwrap();
        prop_assert_eq!(tags.items.len() + tags.findings.len(), 1);
        if let Some(tag) = tags.items.first() {
            let text = String::from_utf8(content).unwrap();
            prop_assert_eq!(tag.digest.to_string(), text.trim_ascii_end());
        }
    }
}
