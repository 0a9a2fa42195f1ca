//! The address of a PostgreSQL server: `postgres://user:password@host:5432/database?sslmode=require`.

use std::fmt;

use super::super::secret::Secret;

/// The address of a PostgreSQL server. `Display` shows it with `***` for the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresUrl {
    /// All of it.
    whole: Secret,
    /// The part before the password, with the scheme.
    before: String,
    has_password: bool,
    /// The part behind it, from the `@` on.
    behind: String,
}

impl PostgresUrl {
    /// The whole address with the password, for the one place that connects.
    pub(crate) fn reveal(&self) -> &str {
        self.whole.reveal()
    }

    /// True if a password stands in it.
    pub(crate) fn has_password(&self) -> bool {
        self.has_password
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = if self.has_password { ":***" } else { "" };
        write!(f, "{}{password}{}", self.before, self.behind)
    }
}

/// Reads an address. The error does not repeat what may be a password.
pub(super) fn parse(text: &str) -> Result<PostgresUrl, String> {
    metastore::PostgresOptions::from_url(text).map_err(|error| {
        let text = error.to_string();
        text.strip_prefix("the database URL ").map(str::to_owned).unwrap_or(text)
    })?;
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
    // A parameter could not be told from the rest when the address is shown.
    if query.split('&').any(|pair| pair.starts_with("password=")) {
        return Err("has a password among its parameters".to_owned());
    }
    let authority = authority.split_once('/').map_or(authority, |(authority, _)| authority);
    let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    Ok(PostgresUrl {
        whole: Secret::new(text.to_owned()),
        before: format!("{scheme}://{user}"),
        has_password: !password.is_empty(),
        behind: rest.get(login.len()..).unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (text, shown) in [
            ("postgres://berth:hunter2@db:5432/berth", "postgres://berth:***@db:5432/berth"),
            (
                "postgresql://berth@db/berth?sslmode=verify-full",
                "postgresql://berth@db/berth?sslmode=verify-full",
            ),
            ("postgres://u:a:b@c@a:1,b:2/d", "postgres://u:***@a:1,b:2/d"),
            ("postgres://u:%2Fhunter2@[::1]:5432/d", "postgres://u:***@[::1]:5432/d"),
        ] {
            let url = parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.reveal(), text);
            assert!(!format!("{url:?}").contains("hunter2"));
            assert!(parse(shown).is_ok());
        }
    }

    #[test]
    fn an_address_that_cannot_be_right_is_refused_without_its_password() {
        for text in [
            "postgres://",
            "postgres://u:hunter2@/d",
            "postgres://db/d",
            "postgres://u:hunter2@db:port/d",
            "postgres://u:hun/ter2@db/d",
            "postgres://u@db/d?password=hunter2",
            "postgres://u@db/d?sslmode=on",
        ] {
            let reason = parse(text).unwrap_err();
            assert!(!reason.contains("ter2"), "{reason}");
        }
        assert!(parse("mysql://u:hunter2@a/b").is_err() && parse("/var/lib/berth.db").is_err());
    }
}
