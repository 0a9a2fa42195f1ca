//! Values of commands, checked; each error names the field, the value and the way out.

use std::fmt::Display;
use std::time::Duration;

use identity::Secret;
use store::{Random, Timestamp};

use super::CommandError;
use crate::access::{Actions, Subject, role};
use crate::accounts::command::{MAX_PAGE, PageRequest};
use crate::accounts::login_name;

/// Shortest password, in bytes.
const MIN_PASSWORD: usize = 8;
/// Longest password, in bytes.
const MAX_PASSWORD: usize = 1_024;
/// Nothing is made for longer: ten years.
const MAX_LIFE: Duration = Duration::from_secs(3_653 * 24 * 3600);
/// Letters of a password that is made: no two that look alike.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Length of a password that is made: 120 bits.
const MADE_PASSWORD: usize = 24;

/// The error for a value that breaks a rule; `rule` says which and what to do.
pub(in crate::accounts) fn invalid(
    field: &str,
    value: &str,
    rule: &(impl Display + ?Sized),
) -> CommandError {
    let rule = rule.to_string();
    let value = oci::quoted(value);
    // Rules of the domain name the value themselves.
    let way_out = rule.strip_prefix(&value).map_or(rule.as_str(), str::trim_start).to_owned();
    CommandError::Invalid { field: field.to_owned(), value, way_out }
}

/// Checks the name of a new user.
pub(super) fn user_name(name: &str) -> Result<(), CommandError> {
    Subject::user(name).map_err(|error| invalid("name", name, &error))?;
    if login_name::is_alias(name) {
        let rule = "means \"the password is a token\" when signing in; choose another name";
        return Err(invalid("name", name, rule));
    }
    Ok(())
}

/// Checks a password that somebody chose. Never shows it.
pub(in crate::accounts) fn check_password(
    field: &str,
    user: &str,
    password: &Secret,
) -> Result<(), CommandError> {
    let wrong = |way_out: &str| {
        let (field, value) = (field.to_owned(), "***".to_owned());
        Err(CommandError::Invalid { field, value, way_out: way_out.to_owned() })
    };
    let text = password.reveal();
    if !(MIN_PASSWORD..=MAX_PASSWORD).contains(&text.len()) {
        return wrong("must have 8 to 1024 bytes");
    }
    if text.eq_ignore_ascii_case(user) {
        return wrong("must not be the name; choose another one, or let one be generated");
    }
    if text.chars().any(char::is_control) {
        return wrong("holds a control character, which clients cannot send");
    }
    Ok(())
}

/// The password that was chosen, or one that is made; the second part is what
/// is to be shown.
pub(super) fn password(
    user: &str,
    chosen: Option<Secret>,
    generate: bool,
    random: &dyn Random,
) -> Result<(Option<Secret>, Option<Secret>), CommandError> {
    match (chosen, generate) {
        (Some(_), true) => Err(CommandError::Invalid {
            field: "generate".to_owned(),
            value: "true".to_owned(),
            way_out: "and a password were given; give one of them".to_owned(),
        }),
        (Some(chosen), false) => {
            check_password("password", user, &chosen)?;
            Ok((Some(chosen), None))
        }
        (None, true) => {
            let made = made_password(random);
            Ok((Some(made.clone()), Some(made)))
        }
        (None, false) => Ok((None, None)),
    }
}

fn made_password(random: &dyn Random) -> Secret {
    let mut bytes = [0; MADE_PASSWORD];
    random.fill(&mut bytes);
    // 32 letters: the lower five bits of each byte, none more often than another.
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'x');
    Secret::new(bytes.iter().map(|byte| char::from(letter(byte))).collect::<String>())
}

/// When something ends that is made now.
pub(super) fn ends(
    now: Timestamp,
    expires_in_seconds: Option<u64>,
) -> Result<Option<Timestamp>, CommandError> {
    let Some(seconds) = expires_in_seconds else { return Ok(None) };
    if !(1..=MAX_LIFE.as_secs()).contains(&seconds) {
        let rule = "must be 1 second to 10 years; leave it out for no end";
        return Err(invalid("expires_in_seconds", &seconds.to_string(), rule));
    }
    Ok(Some(now.after(Duration::from_secs(seconds))))
}

/// How long the page is.
pub(super) fn page(request: &PageRequest) -> Result<usize, CommandError> {
    limit(request.limit)
}

pub(super) fn limit(asked: Option<usize>) -> Result<usize, CommandError> {
    match asked {
        Some(0) => Err(invalid("limit", "0", "must be at least 1")),
        asked => Ok(asked.unwrap_or(MAX_PAGE).min(MAX_PAGE)),
    }
}

/// Whether a role is a named one, which must exist; what is neither built in
/// nor can be named is refused.
pub(super) fn is_named_role(name: &str) -> Result<bool, CommandError> {
    if role::built_in(name).is_some() {
        return Ok(false);
    }
    if role::may_be_named(name) {
        return Ok(true);
    }
    let words: Vec<_> = role::BUILT_IN.iter().map(|(name, _)| *name).collect();
    let rule = format!("is no role; write one of {}, or a named one", words.join(", "));
    Err(invalid("role", name, &rule))
}

/// The words of actions, from the least to the greatest.
pub(super) fn action_words(actions: Actions) -> Vec<String> {
    actions.iter().map(|action| action.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use testkit::SeededRandom;

    use super::*;

    #[test]
    fn a_password_is_neither_short_nor_the_name_and_is_never_shown() {
        let check = |text: &str| check_password("password", "margarete", &Secret::new(text));
        assert!(check("correct horse").is_ok());
        for text in ["short", "Margarete", "bell\u{7}bell", "x".repeat(1_025).as_str()] {
            let error = check(text).unwrap_err().to_string();
            assert!(error.contains("***") && !error.contains(text), "{error}");
        }
    }

    #[test]
    fn an_error_names_the_field_the_value_and_the_way_out_once() {
        let error = user_name("a b").unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("name: \"a b\" is no name of a user"), "{text}");
        assert!(user_name("AWS").unwrap_err().to_string().contains("another name"));
        assert!(is_named_role("Root!").unwrap_err().to_string().contains("maintainer"));
    }

    #[test]
    fn a_made_password_passes_its_own_rules() {
        let made = made_password(&SeededRandom::new(3));
        assert_eq!(made.reveal().len(), MADE_PASSWORD);
        assert!(check_password("password", "ann", &made).is_ok());
    }
}
