//! No text and no environment makes the reader panic, and what it takes it can show.

use proptest::prelude::*;

use super::super::schema::{Key, Kind, ROOT};
use super::super::{overlay, read, show};

/// Names of all keys, for texts that get past the first level.
fn words() -> Vec<&'static str> {
    fn collect(keys: &'static [Key], words: &mut Vec<&'static str>) {
        for key in keys {
            words.push(key.name);
            match &key.kind {
                Kind::List(inner) | Kind::Table(inner) => collect(inner.keys(), words),
                kind => collect(kind.keys(), words),
            }
        }
    }
    let mut words = vec!["<<", "x-a", "0.1", "*a", "&a", "null", "yes", "0x", "5s", "-1", "[::]:1"];
    collect(ROOT.keys(), &mut words);
    words
}

fn value() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(words()).prop_map(str::to_owned);
    let leaf = prop_oneof![4 => word, 1 => "[ -~]{0,12}", 1 => "\\PC{0,6}"];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let word = proptest::sample::select(words());
        prop_oneof![
            proptest::collection::vec((word, inner.clone()), 0..4).prop_map(|pairs| {
                let pairs: Vec<_> = pairs.iter().map(|(k, v)| format!("{k}: {v}")).collect();
                format!("{{{}}}", pairs.join(", "))
            }),
            proptest::collection::vec(inner, 0..4)
                .prop_map(|items| format!("[{}]", items.join(", "))),
        ]
    })
}

fn variable() -> impl Strategy<Value = (String, String)> {
    let part = prop_oneof![
        6 => proptest::sample::select(words()).prop_map(str::to_uppercase),
        1 => "[0-9]{1,20}",
        1 => "[A-Za-z-]{0,5}",
    ];
    let prefix = prop_oneof![Just("REGISTRY"), Just("BERTH")];
    (prefix, proptest::collection::vec(part, 0..5), value())
        .prop_map(|(prefix, parts, value)| (format!("{prefix}_{}", parts.join("_")), value))
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        if let Err(error) = read("c", &text, &[], false) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn no_tree_and_no_environment_makes_the_reader_panic(
        pairs in proptest::collection::vec((proptest::sample::select(words()), value()), 0..6),
        env in proptest::collection::vec(variable(), 0..4),
        strict: bool,
    ) {
        let mut text = "version: 0.1\nstorage: filesystem\n".to_owned();
        for (key, value) in &pairs {
            text.push_str(&format!("{key}: {value}\n"));
        }
        match read("c", &text, &env, strict) {
            Ok((config, _)) => {
                let shown = show(&config);
                prop_assert!(read("c", &shown, &[], false).is_ok(), "{}", shown);
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn every_name_in_the_schema_resolves_to_a_setting(n in 0..10_000_usize, value in value()) {
        let names = overlay::names();
        let name = names[n % names.len()].clone();
        let (message, warned) = match read("c", super::SMALLEST, &[(name, value)], false) {
            Ok((_, warnings)) => (String::new(), warnings.iter().any(|w| w.to_string().contains("names no setting"))),
            Err(error) => (error.to_string(), false),
        };
        prop_assert!(!warned && !message.contains("names no setting"), "{}", message);
    }
}
