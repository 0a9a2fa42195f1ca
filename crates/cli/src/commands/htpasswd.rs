//! `berth htpasswd`: the line that tutorials make with another image.

use std::io::Read;

use crate::args::Htpasswd;

use super::say;

/// bcrypt looks at 72 bytes; a longer password would be cut without a word.
const MAX_PASSWORD: usize = 72;

/// Prints `user:hash`.
pub(super) fn run(options: Htpasswd) -> Result<(), String> {
    let Htpasswd { user, password, batch, cost, .. } = options;
    if user.is_empty() || user.contains([':', '\n', '\r']) {
        return Err(format!("{user:?} cannot be a user: it is empty or holds a colon"));
    }
    let password = match (password, batch) {
        (Some(password), true) => password,
        (None, true) => return Err("-b needs the password after the user".to_owned()),
        (Some(_), false) => return Err("a password on the command line needs -b".to_owned()),
        (None, false) => from_stdin()?,
    };
    if password.len() > MAX_PASSWORD {
        return Err(format!(
            "the password is longer than the {MAX_PASSWORD} bytes that bcrypt looks at"
        ));
    }
    let hash = bcrypt::hash_with_result(&password, cost).map_err(|error| error.to_string())?;
    // The form that Apache's program prints, with its empty line.
    say(&format!("{user}:{}\n", hash.format_for_version(bcrypt::Version::TwoY)));
    Ok(())
}

fn from_stdin() -> Result<String, String> {
    let mut text = String::new();
    let mut input = std::io::stdin().lock().take(4096);
    input.read_to_string(&mut text).map_err(|error| format!("standard input: {error}"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
