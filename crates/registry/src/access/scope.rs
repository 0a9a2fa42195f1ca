//! The scopes of the token protocol: `repository:team/web:pull,push`.
//!
//! Parsing is lenient where clients differ and never fails as a whole: what
//! cannot be read is granted nothing.

use std::fmt;

use oci::RepositoryName;

use super::{Action, Actions, Limit};

/// Longest list of scopes in one request, in bytes.
const MAX_LENGTH: usize = 64 << 10;
/// Most scopes in one request; more are passed over.
const MAX_SCOPES: usize = 100;
/// What can be asked for. Other words are granted to nobody, so they are not kept.
const WORDS: [&str; 4] = ["pull", "push", "delete", "*"];

/// What a token is asked for, or what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceScope {
    /// `repository`, `registry`, or what else a client asks for.
    pub kind: String,
    /// As in `repository(plugin)`.
    pub class: Option<String>,
    /// A repository, or `catalog`.
    pub name: String,
    /// In the order they were asked for, each once; of a request only words of the protocol.
    pub actions: Vec<String>,
}

impl ResourceScope {
    /// A repository with actions.
    pub fn repository(name: &RepositoryName, actions: &[&str]) -> Self {
        Self {
            kind: "repository".into(),
            class: None,
            name: name.as_str().to_owned(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        }
    }

    /// The list of repositories.
    pub fn catalog() -> Self {
        Self {
            kind: "registry".into(),
            class: None,
            name: "catalog".into(),
            actions: vec!["*".into()],
        }
    }

    /// Reads one scope. The name may hold colons, as in `host:5000/app`: the
    /// type ends at the first, the actions begin after the last.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let (kind, class) = match kind.split_once('(') {
            Some((kind, class)) => (kind, Some(class.strip_suffix(')')?.to_owned())),
            None => (kind, None),
        };
        if kind.is_empty() || name.is_empty() {
            return None;
        }
        let mut known = Vec::with_capacity(WORDS.len());
        for action in actions.split(',').filter(|action| WORDS.contains(action)) {
            if !known.iter().any(|other| other == action) {
                known.push(action.to_owned());
            }
        }
        Some(Self { kind: kind.to_owned(), class, name: name.to_owned(), actions: known })
    }

    /// Reads the `scope` parameters of a request, each a list between spaces.
    /// The same resource named twice is one with all the actions.
    pub fn parse_all<'a>(parameters: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let mut left = MAX_LENGTH;
        let texts = parameters.into_iter().flat_map(|text| text.split(' '));
        // Those that are repeated count: each is compared with all before it.
        for text in texts.filter(|text| !text.is_empty()).take(MAX_SCOPES) {
            if text.len() > left {
                break;
            }
            left -= text.len();
            if let Some(scope) = Self::parse(text) {
                merge(&mut all, scope);
            }
        }
        all
    }

    /// Whether it is about the list of repositories.
    pub fn is_catalog(&self) -> bool {
        self.kind == "registry"
            && self.name == "catalog"
            && self.actions.iter().any(|action| action == "*")
    }

    /// What a token of another server with this scope may be used for. The
    /// protocol has no word for moving tags, so pushing is that as well.
    pub fn limit(&self) -> Option<Limit> {
        self.limit_by(|word| match word {
            "push" => Actions::only(Action::Push) | Actions::only(Action::Overwrite),
            "*" => Actions::ALL,
            "overwrite" => Actions::NONE,
            word => named(word),
        })
    }

    /// What a token of ours with this scope may be used for: what it names and
    /// nothing else, for it names moving tags where that is allowed.
    pub(crate) fn limit_of_ours(&self) -> Option<Limit> {
        self.limit_by(named)
    }

    fn limit_by(&self, meaning: impl Fn(&str) -> Actions) -> Option<Limit> {
        if self.is_catalog() {
            return Some(Limit::Catalog);
        }
        if self.kind != "repository" {
            return None;
        }
        let name = RepositoryName::parse(&self.name).ok()?;
        let words = self.actions.iter();
        let actions = words.fold(Actions::NONE, |all, word| all | meaning(word));
        (!actions.is_empty()).then_some(Limit::Repository(name, actions))
    }
}

/// The action of this name. Nobody administers with a token of this kind.
fn named(word: &str) -> Actions {
    match Action::parse(word) {
        Some(Action::Admin) | None => Actions::NONE,
        Some(action) => Actions::only(action),
    }
}

fn merge(all: &mut Vec<ResourceScope>, scope: ResourceScope) {
    let same = |other: &&mut ResourceScope| other.kind == scope.kind && other.name == scope.name;
    match all.iter_mut().find(same) {
        Some(known) => {
            for action in scope.actions {
                if !known.actions.contains(&action) {
                    known.actions.push(action);
                }
            }
        }
        None => all.push(scope),
    }
}

impl fmt::Display for ResourceScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if let Some(class) = &self.class {
            write!(f, "({class})")?;
        }
        write!(f, ":{}:{}", self.name, self.actions.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialects_of_clients_mean_the_same() {
        let parse = |parts: &[&str]| {
            let all = ResourceScope::parse_all(parts.iter().copied());
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let expected = "repository:a/b:pull,push repository:c:pull";
        assert_eq!(parse(&["repository:a/b:pull,push", "repository:c:pull"]), expected);
        assert_eq!(parse(&["repository:a/b:pull,push repository:c:pull"]), expected);
        assert_eq!(
            parse(&["repository:a/b:pull", "repository:c:pull repository:a/b:push"]),
            expected
        );
        assert_eq!(parse(&["", "nonsense", "repository::pull", ":x:pull"]), "");
    }

    #[test]
    fn a_name_may_hold_a_host_with_a_port() {
        let scope = ResourceScope::parse("repository:reg.example:5000/team/app:push,pull").unwrap();
        assert_eq!(scope.name, "reg.example:5000/team/app");
        assert_eq!(scope.actions, ["push", "pull"]);
        let plugin = ResourceScope::parse("repository(plugin):x/y:pull").unwrap();
        assert_eq!((plugin.kind.as_str(), plugin.class.as_deref()), ("repository", Some("plugin")));
    }

    #[test]
    fn a_huge_request_is_cut_off() {
        let long = "repository:a:pull ".repeat(100_000);
        assert_eq!(ResourceScope::parse_all([long.as_str()]).len(), 1);
        let many: Vec<String> = (0..5000).map(|i| format!("repository:a{i}:pull")).collect();
        let all = ResourceScope::parse_all(many.iter().map(String::as_str));
        assert_eq!(all.len(), MAX_SCOPES);
        let late = "repository:a:pull ".repeat(MAX_SCOPES) + "repository:b:pull";
        assert_eq!(ResourceScope::parse_all([late.as_str()]).len(), 1, "repeated ones count");
    }

    #[test]
    fn words_that_mean_nothing_are_not_kept() {
        let words: Vec<String> = (0..17_000).map(|i| format!("w{i:x}")).collect();
        let text = format!("repository:a:{},push,pull,push,overwrite,*", words.join(","));
        let scope = ResourceScope::parse(&text).unwrap();
        assert_eq!(scope.actions, ["push", "pull", "*"]);
    }

    #[test]
    fn a_token_of_ours_moves_tags_only_if_it_says_so() {
        let name = RepositoryName::parse("a").unwrap();
        let scope = |words: &[&str]| ResourceScope::repository(&name, words);
        let actions = |limit: Option<Limit>| match limit {
            Some(Limit::Repository(_, actions)) => actions.to_string(),
            other => format!("{other:?}"),
        };
        for (words, ours, others) in [
            (&["pull", "push"][..], "pull, push", "pull, push, overwrite"),
            (&["push", "overwrite"], "push, overwrite", "push, overwrite"),
            (&["delete"], "delete", "delete"),
            (&["overwrite"], "overwrite", "None"),
            (&["*"], "None", "pull, push, overwrite, delete, admin"),
            (&["admin"], "None", "None"),
        ] {
            assert_eq!(actions(scope(words).limit_of_ours()), ours, "{words:?}");
            assert_eq!(actions(scope(words).limit()), others, "{words:?}");
        }
    }

    #[test]
    fn only_known_actions_become_limits() {
        assert!(ResourceScope::parse("repository:a:fly").unwrap().limit().is_none());
        assert!(ResourceScope::parse("registry:catalog:*").unwrap().is_catalog());
        assert!(!ResourceScope::parse("registry:catalog:pull").unwrap().is_catalog());
        assert!(ResourceScope::parse("repository:A:pull").unwrap().limit().is_none());
    }
}
