//! What a token lets its holder do: the `access` claim of registry tokens.

use serde_json::{Value, json};

use super::MAX_ACCESS;
use crate::jose::{Object, TokenRefusal};

/// Most actions of one entry.
const MAX_ACTIONS: usize = 20;
const WRONG: TokenRefusal = TokenRefusal::Claim("access");

/// One thing and what may be done with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// `repository` or `registry`.
    pub kind: String,
    /// `image`, `plugin`: told by some servers, without meaning for decisions.
    pub class: Option<String>,
    /// The repository's name, or `catalog`. Never a pattern.
    pub name: String,
    /// `pull`, `push`, `delete`, or `*` for all of them.
    pub actions: Vec<String>,
}

impl Access {
    /// The actions `actions` with the repository `name`.
    pub fn repository(name: &str, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        Self { kind: "repository".to_owned(), class: None, name: name.to_owned(), actions }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut object = json!({"type": self.kind, "name": self.name, "actions": self.actions});
        if let (Some(class), Some(object)) = (&self.class, object.as_object_mut()) {
            object.insert("class".to_owned(), Value::from(class.as_str()));
        }
        object
    }

    /// The `access` claim of `claims`; none at all is an empty one.
    pub(crate) fn list(claims: &Object) -> Result<Vec<Self>, TokenRefusal> {
        match claims.get("access") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(entries)) if entries.len() <= MAX_ACCESS => {
                entries.iter().map(|entry| Self::from_json(entry).ok_or(WRONG)).collect()
            }
            Some(_) => Err(WRONG),
        }
    }

    fn from_json(entry: &Value) -> Option<Self> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        let class = match entry.get("class") {
            None => None,
            Some(class) => Some(class.as_str()?.to_owned()),
        };
        let actions = entry.get("actions")?.as_array().filter(|all| all.len() <= MAX_ACTIONS)?;
        let actions = actions.iter().map(|action| action.as_str().map(str::to_owned));
        Some(Self {
            kind: text("type")?,
            class,
            name: text("name")?,
            actions: actions.collect::<Option<_>>()?,
        })
    }
}

/// Whether `access` lets its holder do `action` with the thing `name` of `kind`.
/// Names are compared as they are, letter by letter; the action `*` is all.
pub fn allows(access: &[Access], kind: &str, name: &str, action: &str) -> bool {
    let entries = access.iter().filter(|entry| entry.kind == kind && entry.name == name);
    entries.flat_map(|entry| &entry.actions).any(|allowed| allowed == action || allowed == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_allowed() {
        let access = [
            Access::repository("team/app", &["pull", "push"]),
            Access::repository("team/*", &["pull"]),
            Access::repository("all", &["*"]),
        ];
        for (name, action, allowed) in [
            ("team/app", "pull", true),
            ("team/app", "delete", false),
            ("team/app", "PULL", false),
            ("team/other", "pull", false),
            ("team/app/sub", "pull", false),
            ("all", "delete", true),
        ] {
            assert_eq!(allows(&access, "repository", name, action), allowed, "{name} {action}");
        }
        assert!(!allows(&access, "registry", "team/app", "pull"));
    }
}
