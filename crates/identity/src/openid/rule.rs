//! Keyless sign-in of CI: which job may act as which robot.

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use super::{IssuerClaims, Pattern, tenant};

/// Most claims that one rule names.
const MAX_CLAIMS: usize = 32;

/// Jobs of one issuer whose claims fit, and the robot that they may act as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    issuer: String,
    audience: String,
    claims: BTreeMap<String, Pattern>,
    robot: String,
}

/// What is wrong with a rule; names the field.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{field}: {why}")]
pub struct RuleError {
    /// `issuer`, `audience`, `robot`, `claims`, or `claims.NAME`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl Rule {
    /// A rule: tokens of `issuer` for `audience`, in which *every* named claim
    /// fits its pattern, act as `robot`.
    ///
    /// # Errors
    /// Names the field and the way out. At issuers that are known to sign for
    /// everybody who wants to, a claim must say whose the job is.
    pub fn new<'a>(
        issuer: &str,
        audience: &str,
        claims: impl IntoIterator<Item = (&'a str, &'a str)>,
        robot: &str,
    ) -> Result<Self, RuleError> {
        for (field, text) in [("issuer", issuer), ("audience", audience), ("robot", robot)] {
            if text.is_empty() {
                return Err(problem(field, "must not be empty"));
            }
            if text.contains('*') {
                return Err(problem(field, "is no pattern: it must be exact"));
            }
        }
        let claims = patterns(claims)?;
        tenant::check(issuer, &claims)?;
        let (issuer, audience) = (issuer.to_owned(), audience.to_owned());
        Ok(Self { issuer, audience, claims, robot: robot.to_owned() })
    }

    /// The issuer whose tokens it is about.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the tokens' `aud` must hold.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The robot that fitting jobs act as.
    pub fn robot(&self) -> &str {
        &self.robot
    }

    /// Whether a verified token with `claims` fits.
    pub fn matches(&self, claims: &IssuerClaims) -> bool {
        claims.issuer() == self.issuer
            && claims.texts("aud").contains(&self.audience.as_str())
            && self.claims.iter().all(|(name, pattern)| {
                claims.find(name).is_some_and(|value| value_matches(pattern, value))
            })
    }
}

fn problem(field: &str, why: &str) -> RuleError {
    RuleError { field: field.to_owned(), why: why.to_owned() }
}

fn patterns<'a>(
    claims: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<BTreeMap<String, Pattern>, RuleError> {
    let mut patterns = BTreeMap::new();
    for (name, pattern) in claims {
        let field = format!("claims.{name}");
        if name.is_empty() {
            return Err(problem(&field, "a claim must have a name"));
        }
        let pattern = Pattern::parse(pattern).map_err(|why| problem(&field, why))?;
        if patterns.insert(name.to_owned(), pattern).is_some() {
            return Err(problem(&field, "is named twice"));
        }
    }
    if patterns.len() > MAX_CLAIMS {
        return Err(problem("claims", "a rule names at most 32 claims"));
    }
    if !patterns.values().any(Pattern::says_something) {
        let why = "at least one claim must say more than `*`: everybody at the issuer would match";
        return Err(problem("claims", why));
    }
    Ok(patterns)
}

/// Text fits the pattern; of a list, one text has to. Numbers and yes/no are
/// compared as they are written in JSON, without stars. Nothing else fits.
fn value_matches(pattern: &Pattern, value: &Value) -> bool {
    match value {
        Value::String(text) => pattern.matches(text),
        Value::Array(values) => {
            values.iter().filter_map(Value::as_str).any(|text| pattern.matches(text))
        }
        Value::Bool(_) | Value::Number(_) => {
            let written = value.to_string();
            pattern.is_exact() && pattern.as_str() == written
        }
        Value::Null | Value::Object(_) => false,
    }
}

/// The first of `rules` that a verified token with `claims` fits.
pub fn first_match<'a>(rules: &'a [Rule], claims: &IssuerClaims) -> Option<&'a Rule> {
    rules.iter().find(|rule| rule.matches(claims))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ISSUER: &str = "https://token.actions.example";

    fn rule(claims: &[(&str, &str)], robot: &str) -> Rule {
        Rule::new(ISSUER, "registry.example", claims.iter().copied(), robot).unwrap()
    }

    fn claims(more: Value) -> IssuerClaims {
        let mut claims = json!({
            "iss": ISSUER, "aud": "registry.example", "sub": "repo:acme/app:ref:refs/heads/main",
            "repository": "acme/app", "ref": "refs/heads/main", "run": 17, "protected": true,
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        IssuerClaims::new(claims.as_object().unwrap().clone())
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = [
            rule(&[("repository", "acme/*"), ("ref", "refs/tags/*")], "release"),
            rule(&[("repository", "acme/*"), ("ref", "refs/heads/main")], "ci"),
            rule(&[("repository", "acme/*")], "any"),
        ];
        let robot = |more| first_match(&rules, &claims(more)).map(Rule::robot);
        assert_eq!(robot(json!({})), Some("ci"));
        assert_eq!(robot(json!({"ref": "refs/tags/v1"})), Some("release"));
        assert_eq!(robot(json!({"ref": "refs/pull/1/merge"})), Some("any"));
        assert_eq!(robot(json!({"repository": "evil/app"})), None);
    }

    #[test]
    fn every_named_claim_must_be_there_and_fit() {
        let fits = |name: &str, pattern: &str, more: Value| {
            rule(&[("repository", "acme/app"), (name, pattern)], "ci").matches(&claims(more))
        };
        assert!(!fits("environment", "*", json!({})), "a missing claim fits nothing");
        assert!(!fits("environment", "**", json!({"environment": null})));
        assert!(!fits("environment", "*", json!({"environment": ""})));
        assert!(!fits("environment", "**", json!({"environment": {"a": "b"}})));
        assert!(!fits("environment", "*", json!({"environment": []})));
        assert!(!fits("environment", "**", json!({"environment": [["x"], 1, null]})));
        assert!(fits("environment", "prod", json!({"environment": ["test", "prod"]})));
        assert!(!fits("environment", "prod", json!({"environment": ["production"]})));
        assert!(!fits("environment", "Prod", json!({"environment": "prod"})), "case counts");
        assert!(!fits("Environment", "prod", json!({"environment": "prod"})), "names, too");
        assert!(fits("run", "17", json!({})));
        assert!(!fits("run", "1*", json!({})), "a star covers text alone");
        assert!(!fits("run", "*", json!({})));
        assert!(fits("protected", "true", json!({})));
        assert!(!fits("protected", "true", json!({"protected": false})));
        assert!(fits("protected", "true", json!({"protected": "true"})));
        assert!(fits("a.b", "c", json!({"a": {"b": "c"}})));
    }

    #[test]
    fn a_name_that_only_looks_alike_does_not_fit() {
        let rule = rule(&[("repository", "acme/*")], "ci");
        for repository in ["acme", "acme/", "ACME/app", "evil/acme/app", "acme/a/b", "xacme/a"] {
            assert!(!rule.matches(&claims(json!({"repository": repository}))), "{repository}");
        }
    }

    #[test]
    fn another_issuer_or_audience_does_not_fit() {
        let rule = rule(&[("repository", "acme/*")], "ci");
        for more in [
            json!({"iss": "https://evil.example"}),
            json!({"iss": format!("{ISSUER}/")}),
            json!({"iss": null}),
            json!({"aud": "other"}),
            json!({"aud": []}),
            json!({"aud": null}),
        ] {
            assert!(!rule.matches(&claims(more.clone())), "{more}");
        }
        assert!(rule.matches(&claims(json!({"aud": ["other", "registry.example"]}))));
    }

    #[test]
    fn a_rule_that_would_fit_everybody_is_refused() {
        let new = |issuer: &str, audience: &str, claims: &[(&str, &str)], robot: &str| {
            Rule::new(issuer, audience, claims.iter().copied(), robot).unwrap_err().field
        };
        let fine: &[(&str, &str)] = &[("repository", "acme/*")];
        assert_eq!(new("", "a", fine, "ci"), "issuer");
        assert_eq!(new("https://*", "a", fine, "ci"), "issuer");
        assert_eq!(new("i", "", fine, "ci"), "audience");
        assert_eq!(new("i", "*", fine, "ci"), "audience");
        assert_eq!(new("i", "a", fine, ""), "robot");
        assert_eq!(new("i", "a", &[], "ci"), "claims");
        assert_eq!(new("i", "a", &[("repository", "*")], "ci"), "claims");
        assert_eq!(new("i", "a", &[("repository", "*/*"), ("ref", "**")], "ci"), "claims");
        assert_eq!(new("i", "a", &[("repository", "")], "ci"), "claims.repository");
        assert_eq!(new("i", "a", &[("ref", "a"), ("ref", "b")], "ci"), "claims.ref");
        assert_eq!(new("i", "a", &[("", "a")], "ci"), "claims.");
    }
}
