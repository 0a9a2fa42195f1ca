//! A client certificate in, caller out.

use store::AccountKind;

use super::sign_in::unavailable;
use super::still_there::Shown;
use super::{Accounts, live};
use crate::access::{AuthenticationError, Caller, CertificateIdentity, Limits, Via};

impl Accounts {
    /// The account that a verified certificate is made out to: by its common
    /// name, such as `alice` or `robot$ci`, or else by a mail address. `None`
    /// if there is no such account: the connection is allowed, and nobody yet.
    ///
    /// # Errors
    /// [`AuthenticationError::Invalid`] if the account may do nothing.
    pub async fn with_certificate(
        &self,
        certificate: &CertificateIdentity,
    ) -> Result<Option<Caller>, AuthenticationError> {
        for name in certificate.common_name.iter().chain(&certificate.emails) {
            let (kind, name) = match name.strip_prefix("robot$") {
                Some(robot) => (AccountKind::Robot, robot),
                None => (AccountKind::User, name.as_str()),
            };
            let account = self.known.account(kind, name).await.map_err(unavailable)?;
            let Some(account) = account else { continue };
            let standing = self.still_there(&account, Shown::Certificate).await?;
            let account = standing.of(&account).ok_or(AuthenticationError::Invalid)?;
            if !live::is_live(account, self.clock.now()) {
                return Err(AuthenticationError::Invalid);
            }
            return Ok(Some(live::caller(account, Via::Certificate, Limits::None)));
        }
        Ok(None)
    }
}
