//! CI jobs that sign in with the token of the system that runs them.

use std::sync::Arc;

use super::issuer::MAX_TOKEN;
use super::{Expected, Issuer, IssuerClaims, OpenIdError, Rule, first_match};
use crate::jose::{Compact, TokenRefusal};

/// The issuers whose jobs may sign in, and the rules which as what.
pub struct Keyless {
    issuers: Vec<Arc<Issuer>>,
    rules: Vec<Rule>,
}

/// A job that may sign in.
#[derive(Debug, Clone, PartialEq)]
pub struct KeylessMatch<'a> {
    /// The rule that decided; it names the robot.
    pub rule: &'a Rule,
    /// What the issuer says about the job, for the audit log.
    pub claims: IssuerClaims,
}

impl Keyless {
    /// Jobs of `issuers`, under `rules` in order. Each rule's issuer must be
    /// one of `issuers`.
    pub fn new(issuers: Vec<Arc<Issuer>>, rules: Vec<Rule>) -> Result<Self, OpenIdError> {
        for rule in &rules {
            if !issuers.iter().any(|issuer| issuer.name() == rule.issuer()) {
                return Err(OpenIdError::Settings(format!(
                    "the rule for robot {:?} names the issuer {:?}, which is not configured",
                    rule.robot(),
                    rule.issuer()
                )));
            }
        }
        Ok(Self { issuers, rules })
    }

    /// The first rule that `token` fits, once its issuer's keys have verified
    /// it. `None` if it is genuine and no rule is about it.
    pub async fn sign_in(&self, token: &str) -> Result<Option<KeylessMatch<'_>>, TokenRefusal> {
        let told = Compact::parse(token, MAX_TOKEN)?.told_issuer();
        let told = told.ok_or(TokenRefusal::Missing("iss"))?;
        let issuer = self.issuers.iter().find(|issuer| issuer.name() == told);
        let issuer = issuer.ok_or(TokenRefusal::Issuer)?;
        let rules = self.rules.iter().filter(|rule| rule.issuer() == told);
        let audiences: Vec<_> = rules.map(Rule::audience).collect();
        let expected = Expected { audiences: &audiences, ..Expected::default() };
        let claims = issuer.verify_id_token(token, &expected).await?;
        Ok(first_match(&self.rules, &claims).map(|rule| KeylessMatch { rule, claims }))
    }
}
