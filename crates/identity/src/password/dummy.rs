//! Something to compute when there is nobody to compare with.

use super::{Cost, Kind, argon, kind, problem, sha_rounds};

/// Salt and hash of a bcrypt line that nobody knows the password of.
const BCRYPT: &str = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// A hash that no password is right for and that costs as much as `like`.
///
/// An unknown user must take as long as a known one, or names can be found out
/// with a stopwatch. A `like` that cannot be verified gives the cost of a new
/// hash of ours.
pub fn dummy(like: &str) -> String {
    if problem(like).is_some() {
        return ours();
    }
    match kind(like) {
        Kind::Bcrypt => format!("$2b${}${BCRYPT}", like.get(4..6).unwrap_or("10")),
        Kind::Argon2 => argon::parse(like).map_or_else(
            |_| ours(),
            |like| {
                let costs = (like.memory, like.passes, like.lanes);
                argon::write(like.algorithm, costs, &[0; 16], &[0; 32])
            },
        ),
        Kind::ShaCrypt => {
            let variant = if like.starts_with("$5$") { ("5", 43) } else { ("6", 86) };
            let rounds = sha_rounds(like).unwrap_or(sha_crypt::Params::RECOMMENDED_ROUNDS);
            format!("${}$rounds={rounds}$nobodyknowsthis.${}", variant.0, ".".repeat(variant.1))
        }
        Kind::Unsupported(_) => ours(),
    }
}

fn ours() -> String {
    argon::nothing(Cost::default())
}
