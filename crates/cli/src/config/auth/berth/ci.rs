//! `auth.berth.ci`: jobs elsewhere that sign in without a secret.

use std::collections::BTreeMap;
use std::path::PathBuf;

use identity::openid::{Rule, RuleError};
use serde::Serialize;

use super::super::super::problem::Problems;
use super::super::super::schema::{Key, Kind};
use super::super::super::section::Section;
use super::super::token::{KeySetAt, key_set};
use super::sources::issuer;

pub(in super::super) const KEYS: &[Key] = &[
    Key::new("issuer", Kind::Text),
    Key::new("audience", Kind::Text),
    Key::new("claims", Kind::Table(&Kind::Text)),
    Key::new("robot", Kind::Text),
    Key::new("jwks", Kind::Text),
    Key::new("ca", Kind::Text),
    Key::new("allow_private", Kind::Flag),
];

/// One item of `auth.berth.ci`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CiLogin {
    /// Who signs the tokens of the jobs.
    pub(crate) issuer: String,
    /// For whom they must be.
    pub(crate) audience: String,
    /// What they must say: for each claim a pattern that must match.
    pub(crate) claims: BTreeMap<String, String>,
    /// The robot that such a job is.
    pub(crate) robot: String,
    /// The issuer's keys, where they cannot be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwks: Option<KeySetAt>,
    /// Authorities of its certificate, PEM; `None`: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// It may lie in a private network.
    pub(crate) allow_private: bool,
}

/// Reads `auth.berth.ci`.
pub(super) fn read(berth: &Section<'_>, problems: &mut Problems<'_>) -> Vec<CiLogin> {
    let mut logins: Vec<CiLogin> = Vec::new();
    for section in berth.sections("ci") {
        let Some(login) = login(&section, problems) else { continue };
        // The keys of an issuer are read once, for all rules about it.
        let place = |it: &CiLogin| (it.jwks.clone(), it.ca.clone(), it.allow_private);
        let same = |other: &&CiLogin| other.issuer == login.issuer;
        if logins.iter().find(same).is_some_and(|other| place(other) != place(&login)) {
            let text = "is found in another way by an earlier item";
            let way_out = "give jwks, ca and allow_private alike to all items of an issuer";
            section.error(problems, "issuer", text, way_out);
        }
        logins.push(login);
    }
    logins
}

fn login(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<CiLogin> {
    let way_out = "name what jobs ask their token for, such as https://registry.example.org";
    let audience = section.required(problems, "audience", way_out);
    let claims = claims(section, problems);
    let robot = section.required(problems, "robot", "name the robot that such a job is");
    if let Some(Err(error)) = robot.as_deref().map(registry::access::Subject::robot) {
        section.error(problems, "robot", error.to_string(), "");
    }
    let login = CiLogin {
        issuer: issuer(section, problems),
        audience: audience?,
        claims,
        robot: robot?,
        jwks: key_set(section, "jwks", problems),
        ca: section.text("ca").map(PathBuf::from),
        allow_private: section.flag("allow_private").unwrap_or(false),
    };
    if let Err(error) = login.rule()
        && !login.issuer.is_empty()
    {
        section.error(problems, &error.field, error.why, "");
    }
    Some(login)
}

impl CiLogin {
    /// The rule that it is.
    pub(crate) fn rule(&self) -> Result<Rule, RuleError> {
        let claims = self.claims.iter().map(|(name, pattern)| (name.as_str(), pattern.as_str()));
        Rule::new(&self.issuer, &self.audience, claims, &self.robot)
    }
}

fn claims(section: &Section<'_>, problems: &mut Problems<'_>) -> BTreeMap<String, String> {
    let table = section.section("claims");
    let mut claims = BTreeMap::new();
    for entry in table.entries() {
        match table.text(&entry.key) {
            Some(pattern) => _ = claims.insert(entry.key.clone(), pattern),
            None => {
                let way_out = "write what must hold, such as acme/*";
                table.error(problems, &entry.key, "says nothing", way_out);
            }
        }
    }
    claims
}
