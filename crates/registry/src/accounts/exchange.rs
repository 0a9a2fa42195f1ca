//! Keyless sign-in of CI: the token of the system that runs a job in, a robot out.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jose::{numeric_date, parse_object};
use identity::openid::{Expected, Issuer, IssuerClaims, Rule, first_match};
use store::{AccountKind, Timestamp};

use super::sign_in::{Signed, earlier, unavailable};
use super::throttle::Attempt;
use super::{Accounts, Proven, live};
use crate::access::{Limits, Via};

/// Largest token that is looked at, in bytes.
const MAX_ID_TOKEN: usize = 64 << 10;

/// Systems whose jobs may sign in, and as whom.
#[derive(Default)]
pub struct Keyless {
    /// Who signs the tokens.
    pub issuers: Vec<Arc<Issuer>>,
    /// Which jobs act as which robot; the first that fits decides.
    pub rules: Vec<Rule>,
}

impl Keyless {
    /// The claims of a token that one of the issuers signed for us.
    async fn verified(&self, id_token: &str) -> Option<IssuerClaims> {
        let name = claimed_issuer(id_token)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.name() == name)?;
        let rules = self.rules.iter().filter(|rule| rule.issuer() == name);
        let audiences: Vec<_> = rules.map(Rule::audience).collect();
        let expected = Expected { audiences: &audiences, nonce: None, client: None };
        let verified = issuer.verify_id_token(id_token, &expected).await;
        verified.inspect_err(|why| tracing::info!(issuer = name, %why, "id token refused")).ok()
    }
}

/// Who the token says made it: only to find out whose keys to verify it with.
fn claimed_issuer(id_token: &str) -> Option<String> {
    let payload = id_token.split('.').nth(1).filter(|_| id_token.len() <= MAX_ID_TOKEN)?;
    let claims = parse_object(&URL_SAFE_NO_PAD.decode(payload).ok()?)?;
    Some(claims.get("iss")?.as_str()?.to_owned())
}

impl Accounts {
    /// Which robot a CI job may act as that shows this id token.
    ///
    /// # Errors
    /// [`crate::access::AuthenticationError::Invalid`] if no issuer of ours
    /// signed it for us, no rule fits, or the robot may do nothing.
    pub async fn exchange(&self, id_token: &str, from: Option<IpAddr>) -> Signed {
        let attempt = Attempt::secret(from);
        let Some(claims) = self.keyless.verified(id_token).await else {
            return Err(self.wrong(&attempt));
        };
        let Some(rule) = first_match(&self.keyless.rules, &claims) else {
            tracing::info!(issuer = claims.issuer(), "no rule fits the id token of a job");
            return Err(self.wrong(&attempt));
        };
        let name = rule.robot().strip_prefix("robot$").unwrap_or(rule.robot());
        let robot = self.known.account(AccountKind::Robot, name).await.map_err(unavailable)?;
        let robot = robot.filter(|robot| live::is_live(robot, self.clock.now()));
        let Some(robot) = robot else {
            tracing::warn!(robot = name, "a rule for jobs names a robot that may do nothing");
            return Err(self.wrong(&attempt));
        };
        let ends = claims.find("exp").and_then(numeric_date);
        let ends = ends.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)));
        let mut proven = Proven::by(live::caller(&robot, Via::Bearer, Limits::None));
        proven.ends = earlier(ends, robot.expires);
        Ok(proven)
    }
}
