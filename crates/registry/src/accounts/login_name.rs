//! What stands in the place of the user name in Basic credentials.

/// Names that clouds taught people for "the password is a token".
const ALIASES: [&str; 9] = [
    "AWS",
    "oauth2accesstoken",
    "_json_key",
    "_json_key_base64",
    "00000000-0000-0000-0000-000000000000",
    "$oauthtoken",
    "$token",
    "$app",
    "gitlab-ci-token",
];
/// Names for "the password is an id token of a CI job".
const ID_TOKEN: [&str; 2] = ["oidc", "$oidc"];
/// Begins the names of robots.
const ROBOT: &str = "robot$";

/// Whom the name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginName<'a> {
    /// A user, if there is one.
    User(&'a str),
    /// A robot, without the `robot$`.
    Robot(&'a str),
    /// Whoever the token is of.
    Token,
}

impl<'a> LoginName<'a> {
    pub(super) fn parse(name: &'a str) -> Self {
        if is_alias(name) {
            Self::Token
        } else if let Some(robot) = name.strip_prefix(ROBOT) {
            Self::Robot(robot)
        } else {
            Self::User(name)
        }
    }
}

/// Whether no user may have this name, because it means a token.
pub(super) fn is_alias(name: &str) -> bool {
    // Google's old helper writes its own version into the name.
    let is_helper = name.starts_with("_dcgcr_") && name.ends_with("_token");
    is_helper || ALIASES.contains(&name) || ID_TOKEN.contains(&name)
}

/// Whether a password looks like a signed token of somebody else: every one
/// begins with `{"` in base64.
pub(super) fn looks_signed(password: &str) -> bool {
    password.starts_with("eyJ") && password.bytes().filter(|byte| *byte == b'.').count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clouds_mean_a_token() {
        for name in ALIASES.into_iter().chain(ID_TOKEN).chain(["_dcgcr_2_1_0_token"]) {
            assert_eq!(LoginName::parse(name), LoginName::Token, "{name}");
        }
        assert_eq!(LoginName::parse("robot$team/web+ci"), LoginName::Robot("team/web+ci"));
        assert_eq!(LoginName::parse("aws"), LoginName::User("aws"));
        assert_eq!(LoginName::parse("$other"), LoginName::User("$other"));
    }
}
