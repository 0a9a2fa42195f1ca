//! Repository names: the paths of the registry's address space.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::quote::quoted;

/// Longest name in bytes. Clients cap host and name together at 255.
const MAX_LENGTH: usize = 255;

/// A checked repository name such as `library/alpine`: components of lower-case letters and
/// digits, separated inside by `.`, `_`, `__` or any number of `-`, joined by `/`. Cheap to clone,
/// ordered by bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(Arc<str>);

/// Why a text is not a repository name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("invalid repository name \"\": it must not be empty")]
    Empty,
    /// More bytes than a name may have.
    #[error("invalid repository name {value}: it has {length} bytes, at most 255 are allowed")]
    TooLong {
        /// The name, quoted and bounded.
        value: String,
        /// Its length in bytes.
        length: usize,
    },
    /// One component between slashes breaks the grammar.
    #[error("invalid repository name {value}: component {component} {rule}")]
    Component {
        /// The name, quoted and bounded.
        value: String,
        /// The first bad component, quoted and bounded.
        component: String,
        /// The rule it breaks.
        rule: &'static str,
    },
}

impl RepositoryName {
    /// Checks `text` against the grammar and the length limit.
    ///
    /// # Errors
    /// Names the first component that breaks a rule.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(NameError::TooLong { value: quoted(text), length: text.len() });
        }
        for component in text.split('/') {
            check(component).map_err(|rule| NameError::Component {
                value: quoted(text),
                component: quoted(component),
                rule,
            })?;
        }
        Ok(Self(text.into()))
    }

    /// The name as it stands in a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn check(component: &str) -> Result<(), &'static str> {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut separator: &[u8] = b"";
    let mut rest = component.as_bytes();
    if rest.is_empty() {
        return Err("is empty: a name has no leading, trailing or double slash");
    }
    if rest.starts_with(b"_") {
        return Err("starts with _, which is reserved");
    }
    if rest.first().is_some_and(|b| matches!(b, b'.' | b'-'))
        || rest.last().is_some_and(|b| matches!(b, b'.' | b'-' | b'_'))
    {
        return Err("must start and end with a letter or digit");
    }
    if !rest.iter().all(|b| alphanumeric(*b) || matches!(b, b'.' | b'_' | b'-')) {
        return Err("may only contain a-z, 0-9, '.', '_' and '-'");
    }
    while !rest.is_empty() {
        if !matches!(separator, b"" | b"." | b"_" | b"__") && separator.iter().any(|b| *b != b'-') {
            return Err("has a separator other than '.', '_', '__' or a run of '-'");
        }
        let word = rest.iter().position(|b| !alphanumeric(*b)).unwrap_or(rest.len());
        rest = rest.split_at(word).1;
        let gap = rest.iter().position(|b| alphanumeric(*b)).unwrap_or(rest.len());
        (separator, rest) = rest.split_at(gap);
    }
    Ok(())
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> Self {
        name.as_str().to_owned()
    }
}

impl AsRef<str> for RepositoryName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_the_grammar_are_accepted() {
        let longest = format!("{}/{}", "a".repeat(127), "b".repeat(127));
        for name in [
            "a",
            "0",
            "library/alpine",
            "a.b",
            "a_b",
            "a__b",
            "a-b",
            "a----b",
            "a.b_c__d-e/f",
            &longest,
        ] {
            assert_eq!(RepositoryName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn hostile_and_broken_names_are_refused() {
        let too_long = "a".repeat(256);
        for name in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            "A",
            "a/B",
            ".",
            "..",
            "a/..",
            "../a",
            "a/../b",
            "a..b",
            "a._b",
            "a___b",
            "a_-b",
            "a-_b",
            "a.-b",
            "-a",
            "a-",
            "_a",
            "a_",
            ".a",
            "a.",
            "a/_b",
            "_catalog",
            "a/_manifests",
            "a\\b",
            "a%2fb",
            "a%252fb",
            "a b",
            "a\0",
            "a\n",
            "é",
            "a:5000/b",
            "a@b",
            "ａ",
            &too_long,
        ] {
            assert!(RepositoryName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_bad_component() {
        let error = RepositoryName::parse("team/Web/app").unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid repository name \"team/Web/app\": component \"Web\" may only contain a-z, \
             0-9, '.', '_' and '-'"
        );
        let error = RepositoryName::parse(&"x".repeat(256)).unwrap_err();
        assert!(error.to_string().ends_with("it has 256 bytes, at most 255 are allowed"));
    }

    #[test]
    fn order_is_by_bytes() {
        let [dash, slash] = ["a-b", "a/b"].map(|name| RepositoryName::parse(name).unwrap());
        assert!(dash < slash);
    }

    proptest! {
        #[test]
        fn the_parser_accepts_what_the_grammar_generates(
            name in "[a-z0-9]{1,4}((\\.|_|__|-{1,3})[a-z0-9]{1,3}){0,3}(/[a-z0-9]{1,4}((\\.|_|__|-{1,3})[a-z0-9]{1,3}){0,3}){0,4}"
        ) {
            let parsed = RepositoryName::parse(&name).unwrap();
            prop_assert_eq!(parsed.as_str(), &name);
            let json = serde_json::to_string(&parsed).unwrap();
            prop_assert_eq!(serde_json::from_str::<RepositoryName>(&json).unwrap(), parsed);
        }

        #[test]
        fn accepted_components_never_hide_a_path(name in "[a-c._/-]{0,12}") {
            if RepositoryName::parse(&name).is_ok() {
                let plain = |part: &str| !part.is_empty() && !part.starts_with(['.', '_', '-']);
                prop_assert!(name.split('/').all(plain));
                for bad in ["..", "___", "._", "_.", ".-", "-.", "_-", "-_"] {
                    prop_assert!(!name.contains(bad));
                }
            }
        }
    }
}
