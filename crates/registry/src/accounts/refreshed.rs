//! What a client kept after a login in, caller out.

use std::net::IpAddr;

use store::CredentialKind;

use super::made_secret::{self, Made};
use super::sign_in::{Signed, earlier, unavailable};
use super::throttle::Attempt;
use super::{Accounts, Proven, live};
use crate::access::Via;

impl Accounts {
    /// Who got this refresh token. Good for the token endpoint alone.
    ///
    /// # Errors
    /// [`crate::access::AuthenticationError::Invalid`] if it is none, has ended, or the
    /// account's secret changed since.
    pub async fn refreshed(&self, refresh_token: &str, from: Option<IpAddr>) -> Signed {
        let attempt = Attempt::secret(from);
        if !Made::Refresh.fits(refresh_token) {
            return Err(self.wrong(&attempt));
        }
        let hash = made_secret::digest(refresh_token);
        let found = self.known.credential(hash).await.map_err(unavailable)?;
        let now = self.clock.now();
        let good = found.filter(|found| {
            let (credential, account) = &**found;
            credential.kind == CredentialKind::Refresh
                && credential.epoch == account.epoch
                && live::has_not_ended(credential.expires, now)
                && live::is_live(account, now)
        });
        let Some(found) = good else { return Err(self.wrong(&attempt)) };
        let (credential, account) = &*found;
        self.uses.note(credential.id, now);
        let limits = live::limits(&credential.scopes);
        let mut proven = Proven::by(live::caller(account, Via::Bearer, limits));
        proven.credential = Some(credential.id);
        proven.epoch = Some(account.epoch);
        proven.ends = earlier(credential.expires, account.expires);
        Ok(proven)
    }
}
