//! Names for sets of actions.

use super::{Action, Actions};

/// The roles that are always there, from the least to the greatest.
pub const BUILT_IN: [(&str, Actions); 10] = [
    ("none", Actions::NONE),
    ("guest", Action::Pull.with_its_needs()),
    ("developer", Action::Overwrite.with_its_needs()),
    ("maintainer", MAINTAINER),
    ("owner", Actions::ALL),
    ("pull", Action::Pull.with_its_needs()),
    ("push", Action::Push.with_its_needs()),
    ("overwrite", Action::Overwrite.with_its_needs()),
    ("delete", Action::Delete.with_its_needs()),
    ("admin", Action::Admin.with_its_needs()),
];

/// Everything but deciding about others.
const MAINTAINER: Actions = Action::Overwrite.with_its_needs().and(Action::Delete.with_its_needs());

/// What a built-in role allows.
pub fn built_in(name: &str) -> Option<Actions> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, actions)| *actions)
}

/// Reads the actions of a named role, with what they need.
///
/// # Errors
/// The first word that is no action.
pub fn actions_of(words: &[String]) -> Result<Actions, String> {
    let mut all = Actions::NONE;
    for word in words {
        let action = Action::parse(word).ok_or_else(|| oci::quoted(word))?;
        all |= action.with_its_needs();
    }
    Ok(all)
}

/// Whether a named role may have this name.
pub fn may_be_named(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(fits)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && built_in(name).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_allows_what_its_name_says() {
        let words = |name| built_in(name).unwrap().to_string();
        assert_eq!(words("none"), "nothing");
        assert_eq!(words("guest"), "pull");
        assert_eq!(words("push"), "pull, push");
        assert_eq!(words("developer"), "pull, push, overwrite");
        assert_eq!(words("maintainer"), "pull, push, overwrite, delete");
        assert_eq!(words("owner"), "pull, push, overwrite, delete, admin");
        assert_eq!(words("delete"), "pull, delete");
        assert!(built_in("root").is_none());
    }

    #[test]
    fn a_named_role_is_made_of_actions() {
        assert_eq!(actions_of(&["delete".into()]).unwrap().to_string(), "pull, delete");
        assert!(actions_of(&["fly".into()]).is_err());
        assert!(may_be_named("release-manager") && !may_be_named("owner") && !may_be_named("A"));
    }
}
