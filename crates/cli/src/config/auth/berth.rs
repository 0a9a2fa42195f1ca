//! `auth.berth`: accounts, grants and tokens of our own.

pub(crate) mod ci;
pub(crate) mod records;
pub(crate) mod sources;
pub(crate) mod strain;

use std::time::Duration;

use serde::Serialize;

use super::super::duration;
use super::super::problem::{Problems, shorten};
use super::super::schema::{Key, Kind};
use super::super::section::Section;
use super::fits_in_challenge;
use sources::{Password, password};

pub(crate) use ci::CiLogin;
pub(crate) use records::Audit;
pub(crate) use sources::{Source, SourceKind};
pub(crate) use strain::{Limits, Throttle};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A token is believed without a look at the password, so it must not live long.
const LONGEST_PULL: Duration = MINUTE.saturating_mul(15);
/// Large layers take their time, and a token is looked at when a request begins.
const LONGEST_PUSH: Duration = MINUTE.saturating_mul(30);
const LONGEST_REFRESH: Duration = DAY.saturating_mul(366);

const TOKEN: &[Key] = &[
    Key::new("pull_lifetime", Kind::Time),
    Key::new("push_lifetime", Kind::Time),
    Key::new("refresh_lifetime", Kind::Age),
];

const ADMIN: &[Key] = &[
    Key::new("name", Kind::Text),
    Key::new("password", Kind::Secret),
    Key::new("password_file", Kind::Text),
];

pub(super) const KEYS: &[Key] = &[
    Key::new("issuer", Kind::Text),
    Key::new("service", Kind::Text),
    Key::new("token", Kind::Fields(TOKEN)),
    Key::new("sources", Kind::List(&Kind::Fields(sources::KEYS))),
    Key::new("ci", Kind::List(&Kind::Fields(ci::KEYS))),
    Key::new(
        "certificates",
        Kind::Fields(&[Key::new("user", Kind::Choice(&["cn", "email", "uri", "dns"]))]),
    ),
    Key::new("admin", Kind::Fields(ADMIN)),
    Key::new("throttle", Kind::Fields(strain::THROTTLE)),
    Key::new("limits", Kind::Fields(strain::LIMITS)),
    Key::new("audit", Kind::Fields(records::KEYS)),
];

/// Settings under `auth.berth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct BerthAuth {
    /// What tokens say who made them; `None`: the host of `http.host`, or `berth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    /// What challenges and tokens call this registry; `None`: the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<String>,
    /// How long tokens live.
    pub(crate) token: TokenLives,
    /// Who else knows users and passwords, in the order that they are asked.
    pub(crate) sources: Vec<Source>,
    /// Jobs elsewhere that sign in without a secret.
    pub(crate) ci: Vec<CiLogin>,
    /// Client certificates that sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificates: Option<Certificates>,
    /// The administrator that a first start makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admin: Option<Admin>,
    /// What wrong passwords cost.
    pub(crate) throttle: Throttle,
    /// How much one caller may ask for.
    pub(crate) limits: Limits,
    /// The record of who did what.
    pub(crate) audit: Audit,
}

/// Settings under `auth.berth.token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TokenLives {
    /// Of one that reads.
    #[serde(rename = "pull_lifetime", serialize_with = "duration::go")]
    pub(crate) pull: Duration,
    /// Of one that writes.
    #[serde(rename = "push_lifetime", serialize_with = "duration::go")]
    pub(crate) push: Duration,
    /// Of what a client keeps instead of the password.
    #[serde(rename = "refresh_lifetime", serialize_with = "duration::days")]
    pub(crate) refresh: Duration,
}

/// Settings under `auth.berth.certificates`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Certificates {
    /// What holds the name of the user.
    pub(crate) user: CertificateName,
}

/// Where a client certificate holds the name of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CertificateName {
    /// The common name of the subject.
    Cn,
    /// The first mail address.
    Email,
    /// The first URI.
    Uri,
    /// The first DNS name.
    Dns,
}

/// Settings under `auth.berth.admin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Admin {
    /// The name to sign in with.
    pub(crate) name: String,
    /// The first password. Changing it here later changes nothing.
    #[serde(flatten)]
    pub(crate) password: Password,
}

/// Reads `auth.berth`.
pub(super) fn read(berth: &Section<'_>, problems: &mut Problems<'_>) -> BerthAuth {
    let token = berth.section("token");
    let lives = TokenLives {
        pull: life(&token, "pull_lifetime", LONGEST_PULL, LONGEST_PULL, problems),
        push: life(&token, "push_lifetime", LONGEST_PUSH, LONGEST_PUSH, problems),
        refresh: life(&token, "refresh_lifetime", DAY * 30, LONGEST_REFRESH, problems),
    };
    BerthAuth {
        issuer: word(berth, "issuer", problems),
        service: word(berth, "service", problems),
        token: lives,
        sources: sources::read(berth, problems),
        ci: ci::read(berth, problems),
        certificates: certificates(&berth.section("certificates")),
        admin: admin(berth, problems),
        throttle: strain::throttle(&berth.section("throttle"), problems),
        limits: strain::limits(&berth.section("limits"), problems),
        audit: records::read(&berth.section("audit"), problems),
    }
}

fn word(berth: &Section<'_>, key: &str, problems: &mut Problems<'_>) -> Option<String> {
    let text = berth.text(key)?;
    fits_in_challenge(berth, key, &text, problems);
    Some(text)
}

fn life(
    token: &Section<'_>,
    key: &str,
    default: Duration,
    longest: Duration,
    problems: &mut Problems<'_>,
) -> Duration {
    let time = if key == "refresh_lifetime" { token.age(key) } else { token.time(key) };
    match time {
        None => default,
        Some(life) if (MINUTE..=longest).contains(&life) => life,
        Some(life) => {
            let text = format!("{} is out of range", duration::in_days(life));
            let way_out = format!("use 1m to {}", duration::in_days(longest));
            token.error(problems, key, text, way_out);
            default
        }
    }
}

fn certificates(section: &Section<'_>) -> Option<Certificates> {
    let user = match section.choice("user")?.as_str() {
        "cn" => CertificateName::Cn,
        "email" => CertificateName::Email,
        "uri" => CertificateName::Uri,
        "dns" => CertificateName::Dns,
        _ => return None,
    };
    Some(Certificates { user })
}

fn admin(berth: &Section<'_>, problems: &mut Problems<'_>) -> Option<Admin> {
    if !berth.holds("admin") {
        return None;
    }
    let admin = berth.section("admin");
    let name = admin.required(problems, "name", "name the first administrator")?;
    if let Err(error) = registry::access::Subject::user(&name) {
        admin.error(problems, "name", error.to_string(), "");
    }
    let given = password(&admin, "password", "password_file", problems);
    if given.is_none() && !admin.holds("password_file") && !admin.holds("password") {
        let text = format!("is missing: {:?} could not sign in", shorten(&name));
        let way_out = "name the file of the first password, or leave auth.berth.admin out and run \
                       `berth user add NAME --admin`";
        admin.error(problems, "password_file", text, way_out);
    }
    Some(Admin { name, password: given? })
}
