//! Who may come in to a registry of a test.

use std::sync::Arc;

use identity::external::{ExternalSettings, ExternalTokens};
use identity::openid::{Issuer, Rule, SignIn};
use identity::{Hashers, IdentitySource};
use metastore::Sqlite;
use registry::access::{Access, AccessPolicy, Authenticator, ByToken, Open, SignedIn};
use registry::accounts::{AccountSettings, Accounts, AccountsParts, Keyless};
use registry::audit::AuditLog;
use server::{Auditor, Berth, BerthOptions, Nobody, Silly, TokenOptions, TokenServer};

use crate::{FailingAccounts, FailingContent, FakeClock, Faults, SeededRandom};

/// The way in.
#[derive(Clone, Default)]
pub enum Auth {
    /// Everybody may do everything.
    #[default]
    None,
    /// Whoever sends anything.
    Silly(Silly),
    /// Whoever has a token of somebody else's server.
    Token(ExternalSettings, TokenOptions),
    /// The accounts that Berth keeps.
    Berth(Box<BerthAuth>),
}

/// What a test can decide about accounts.
#[derive(Clone, Default)]
pub struct BerthAuth {
    /// Of the HTTP side.
    pub options: BerthOptions,
    /// Of the accounts.
    pub settings: AccountSettings,
    /// Who computes password hashes, and at which cost.
    pub hashers: Hashers,
    /// Who else knows users.
    pub sources: Vec<Arc<dyn IdentitySource>>,
    /// Whose CI jobs may sign in.
    pub issuers: Vec<Arc<Issuer>>,
    /// As whom.
    pub rules: Vec<Rule>,
    /// Where browsers sign in.
    pub providers: Vec<(String, Arc<SignIn>)>,
}

/// An open way in.
pub(crate) struct WayIn {
    pub access: Access,
    pub authenticator: Arc<dyn Authenticator>,
    pub accounts: Option<Arc<Berth>>,
    pub auditor: Auditor,
}

impl WayIn {
    pub(crate) fn new(
        policy: Arc<dyn AccessPolicy>,
        authenticator: Arc<dyn Authenticator>,
    ) -> Self {
        let access = Access::new(policy);
        Self { access, authenticator, accounts: None, auditor: Auditor::default() }
    }
}

impl Auth {
    pub(crate) async fn open(
        self,
        metadata: &Arc<Sqlite>,
        clock: &Arc<FakeClock>,
        random: &Arc<SeededRandom>,
        faults: &Faults,
    ) -> WayIn {
        match self {
            Self::None => WayIn::new(Arc::new(Open), Arc::new(Nobody)),
            Self::Silly(silly) => WayIn::new(Arc::new(SignedIn), Arc::new(silly)),
            Self::Token(settings, options) => {
                let tokens = ExternalTokens::open(settings, clock.clone()).unwrap();
                let server = TokenServer::new(tokens, options, clock.clone(), &**random);
                WayIn::new(Arc::new(ByToken), Arc::new(server))
            }
            Self::Berth(auth) => auth.open(metadata, clock, random, faults).await,
        }
    }
}

impl BerthAuth {
    async fn open(
        self,
        metadata: &Arc<Sqlite>,
        clock: &Arc<FakeClock>,
        random: &Arc<SeededRandom>,
        faults: &Faults,
    ) -> WayIn {
        let audit = AuditLog::new(metadata.clone(), clock.clone());
        let parts = AccountsParts {
            store: Arc::new(FailingAccounts::new(metadata.clone(), faults.clone())),
            content: Arc::new(FailingContent::new(metadata.clone(), faults.clone())),
            settings_store: metadata.clone(),
            leases: metadata.clone(),
            audit: audit.clone(),
            clock: clock.clone(),
            random: random.clone(),
            hashers: self.hashers,
            sources: self.sources,
            keyless: Keyless { issuers: self.issuers, rules: self.rules },
            settings: self.settings,
        };
        let accounts = Accounts::open(parts).await.unwrap();
        let policy = accounts.policy();
        let berth = Berth::new(accounts, self.options);
        let add = |berth: Berth, (name, sign_in)| berth.with_provider(name, sign_in);
        let berth = Arc::new(self.providers.into_iter().fold(berth, add));
        let mut way_in = WayIn::new(policy, berth.clone());
        way_in.accounts = Some(berth);
        way_in.auditor = Auditor::new(audit, clock.clone(), 100);
        way_in
    }
}
