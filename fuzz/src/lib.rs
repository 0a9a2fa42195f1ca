//! Hostile inputs: good examples with a few things wrong.

#![allow(clippy::panic, reason = "a test that cannot go on fails")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{FileFailurePersistence, TestRunner};

/// Words that parsers stumble over.
const WORDS: &[&[u8]] = &[
    b"",
    b"\0",
    b"\xff",
    b"\xc3\x28",
    "\u{202e}".as_bytes(),
    "\u{130}".as_bytes(),
    b"\r\n",
    b"..",
    b"/../",
    b"//",
    b"%2f",
    b"%00",
    b"%",
    b":",
    b"::",
    b"@",
    b";",
    b",",
    b"-",
    b"--",
    b"-1",
    b"_",
    b"__",
    b"___",
    b"=",
    b"*",
    b"\"",
    b"\\",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"null",
    b"true",
    b"1e999",
    b"18446744073709551615",
    b"18446744073709551616",
    b"9223372036854775807",
    b"9223372036854775808",
    b"00000000000000000000000000000001",
    b"sha256:",
    b"sha512:",
    b"sha384:",
    b"bytes=",
    b"$2y$05$",
    b" ",
    b"\t",
    b"\"digest\":",
    b"\"subject\":{}",
    b"\\ud800",
];

#[derive(Debug, Clone)]
enum Edit {
    Put(Index, &'static [u8]),
    Byte(Index, u8),
    Cut(Index, Index),
    Double(Index, Index),
    Many(Index, u8, u16),
}

/// One of `examples` after up to eight edits, or noise.
pub fn hostile(examples: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let place = any::<Index>;
    let word = proptest::sample::select(WORDS);
    let edit = prop_oneof![
        4 => (place(), word).prop_map(|(at, word)| Edit::Put(at, word)),
        4 => (place(), any::<u8>()).prop_map(|(at, byte)| Edit::Byte(at, byte)),
        2 => (place(), place()).prop_map(|(from, to)| Edit::Cut(from, to)),
        2 => (place(), place()).prop_map(|(from, to)| Edit::Double(from, to)),
        1 => (place(), any::<u8>(), 0_u16..3000).prop_map(|(at, b, n)| Edit::Many(at, b, n)),
    ];
    let edited = (proptest::sample::select(examples), vec(edit, 0..8))
        .prop_map(|(example, edits)| edits.into_iter().fold(example, apply));
    prop_oneof![9 => edited, 1 => vec(any::<u8>(), 0..300)]
}

/// As [`hostile`], as text.
pub fn hostile_text(examples: &[&str]) -> impl Strategy<Value = String> + use<> {
    let examples = examples.iter().map(|example| example.as_bytes().to_vec()).collect();
    hostile(examples).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn apply(mut bytes: Vec<u8>, edit: Edit) -> Vec<u8> {
    let length = bytes.len();
    let at = |place: Index| place.index(length + 1);
    match edit {
        Edit::Put(place, word) => insert(&mut bytes, at(place), word),
        Edit::Byte(place, byte) => {
            if let Some(own) = bytes.get_mut(at(place)) {
                *own = byte;
            }
        }
        Edit::Cut(from, to) => {
            let (from, to) = ordered(at(from), at(to));
            bytes.drain(from..to);
        }
        Edit::Double(from, to) => {
            let (from, to) = ordered(at(from), at(to));
            let part: Vec<u8> = bytes.get(from..to).unwrap_or_default().to_vec();
            insert(&mut bytes, to, &part);
        }
        Edit::Many(place, byte, count) => {
            insert(&mut bytes, at(place), &vec![byte; usize::from(count)]);
        }
    }
    bytes
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    bytes.splice(at..at, part.iter().copied());
}

fn ordered(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// As [`hostile_text`], on one line: what can stand in a header that is still one header.
pub fn hostile_line(examples: &[&str]) -> impl Strategy<Value = String> + use<> {
    hostile_text(examples).prop_map(|text| text.replace(['\r', '\n'], ""))
}

/// As [`hostile_text`], of the characters that a request line can hold behind its path or query.
pub fn hostile_target(examples: &[&str]) -> impl Strategy<Value = String> + use<> {
    hostile_text(examples).prop_map(|text| text.chars().filter(char::is_ascii_graphic).collect())
}

/// Calls `check` with `brief` inputs (or as many as `PROPTEST_CASES` says) for what is too costly to
/// begin anew for each of them, such as a registry. `file` is the target's own `file!()`.
pub fn each<S: Strategy>(brief: u32, file: &'static str, inputs: &S, check: impl Fn(S::Value)) {
    let config = ProptestConfig { source_file: Some(file), ..config(brief) };
    let checked = TestRunner::new(config).run(inputs, |input| {
        check(input);
        Ok(())
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
}

/// `brief` cases, or as many as `PROPTEST_CASES` says.
pub fn config(brief: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::WithSource("proptest-regressions");
    let cases = match std::env::var_os("PROPTEST_CASES") {
        // The default reads the variable.
        Some(_) => ProptestConfig::default().cases,
        None => brief,
    };
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}
