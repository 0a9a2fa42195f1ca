//! Digests, names, tags and references: what is taken is what was sent.

use fuzz::{config, hostile_text};
use oci::{Digest, MediaType, Reference, RepositoryName, Tag};
use proptest::prelude::*;

const SHA256: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const SHA512: &str = "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
                      47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn a_digest_is_its_text(text in hostile_text(&[SHA256, SHA512, "sha256:", "a+b:c"])) {
        match text.parse::<Digest>() {
            Ok(digest) => {
                prop_assert_eq!(digest.to_string(), text);
                prop_assert_eq!(Digest::from_column(&digest.to_column()), Some(digest));
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn a_repository_name_is_its_text_and_safe_in_a_path(
        text in hostile_text(&["library/ubuntu", "a", "a/b-c/d__e.f", "xn--x/y0"]),
    ) {
        match RepositoryName::parse(&text) {
            Ok(name) => {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert!(text.len() <= 255);
                let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
                for part in text.split('/') {
                    prop_assert!(part.bytes().next().is_some_and(plain));
                    prop_assert!(part.bytes().last().is_some_and(plain));
                    prop_assert!(part.bytes().all(|b| plain(b) || b"._-".contains(&b)));
                }
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn a_tag_is_its_text_and_safe_in_a_path(text in hostile_text(&["latest", "v1.0-rc_2", "_"])) {
        if let Ok(tag) = Tag::parse(&text) {
            prop_assert_eq!(tag.as_str(), &text);
            prop_assert!((1..=128).contains(&text.len()) && !text.starts_with(['.', '-']));
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
        }
    }

    #[test]
    fn a_reference_is_a_tag_or_a_digest(text in hostile_text(&["latest", SHA256, SHA512])) {
        match Reference::parse(&text) {
            Ok(Reference::Tag(tag)) => prop_assert_eq!(Tag::parse(&text), Ok(tag)),
            Ok(Reference::Digest(digest)) => prop_assert_eq!(text.parse(), Ok(digest)),
            Err(error) => {
                prop_assert!(Tag::parse(&text).is_err() && text.parse::<Digest>().is_err());
                prop_assert!(error.to_string().len() < 1000);
            }
        }
    }

    #[test]
    fn a_media_type_stays_as_it_was_read(
        text in hostile_text(&[MediaType::OCI_MANIFEST, "text/plain; charset=utf-8", "A/B"]),
    ) {
        if let Ok(media_type) = MediaType::parse(&text) {
            let again = MediaType::parse(media_type.as_str()).unwrap();
            prop_assert_eq!(&again, &media_type);
            prop_assert!(media_type.as_str().bytes().all(|b| b.is_ascii_graphic()));
        }
    }
}
