//! A database with accounts in a temporary directory.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use identity::token::KeyRing;
use identity::{Hashers, HtpasswdFile, IdentitySource, Secret};
use metastore::{OpenOptions, Sqlite};
use oci::RepositoryName;
use registry::access::{Access, Action, AuthenticationError, Caller, ResourceScope};
use registry::accounts::{
    AccountSettings, Accounts, AccountsParts, Actor, Answer, Command, CommandError, Keyless,
    Proven, TokenRequest,
};
use registry::audit::AuditLog;
use store::SettingsStore as _;
use tempfile::TempDir;
use testkit::{FakeClock, SeededRandom};

/// The password of everybody in these tests.
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const OPERATOR: Actor = Actor::Operator { via: "command-line" };

pub(crate) struct House {
    pub(crate) directory: TempDir,
    pub(crate) store: Arc<Sqlite>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) accounts: Arc<Accounts>,
}

/// What differs between houses.
#[derive(Default)]
pub(crate) struct Plan {
    /// Names of htpasswd files, with their users; their password is [`PASSWORD`].
    pub(crate) sources: &'static [(&'static str, &'static [&'static str])],
    /// Who else knows users.
    pub(crate) others: Vec<Arc<dyn IdentitySource>>,
    pub(crate) keyless: Keyless,
    pub(crate) settings: AccountSettings,
}

impl House {
    /// With nobody in it.
    pub(crate) async fn new() -> Self {
        Self::of(Plan::default(), Arc::new(FakeClock::new())).await
    }

    pub(crate) async fn of(plan: Plan, clock: Arc<FakeClock>) -> Self {
        let directory = testkit::directory();
        let path = directory.path().join("berth");
        let store = Sqlite::open(OpenOptions { path, synchronous_off: true }).unwrap();
        let audit = AuditLog::new(store.clone(), clock.clone());
        let accounts = open(&store, &audit, &clock, directory.path(), plan, 1).await;
        Self { directory, store, clock, audit, accounts }
    }

    /// Another process on the same database.
    pub(crate) async fn replica(&self) -> Arc<Accounts> {
        self.again(Plan::default()).await
    }

    pub(crate) async fn again(&self, plan: Plan) -> Arc<Accounts> {
        open(&self.store, &self.audit, &self.clock, self.directory.path(), plan, 2).await
    }

    /// What the operator on the machine does.
    pub(crate) async fn operator(&self, command: Command) -> Answer {
        self.accounts.execute(&OPERATOR, command).await.unwrap()
    }

    pub(crate) async fn user(&self, name: &str) {
        self.operator(user_add(name, false)).await;
    }

    pub(crate) async fn admin(&self, name: &str) {
        self.operator(user_add(name, true)).await;
    }

    pub(crate) async fn grant(&self, subject: &str, role: &str, pattern: &str) {
        self.operator(grant(subject, role, pattern)).await;
    }

    pub(crate) async fn visibility(&self, pattern: &str, visibility: &str) {
        let visibility = Some(visibility.parse().unwrap());
        let pattern = pattern.parse().unwrap();
        self.operator(Command::Visibility { pattern, visibility }).await;
    }

    /// A robot, and its secret.
    pub(crate) async fn robot(&self, name: &str) -> String {
        let (name, expires_in_seconds, grants) = (name.to_owned(), None, Vec::new());
        secret(self.operator(Command::RobotAdd { name, expires_in_seconds, grants }).await)
    }

    /// A personal token, and its number.
    pub(crate) async fn token(&self, user: &str, scopes: &[&str]) -> (String, i64) {
        let answer = self.operator(token_create(Some(user), scopes)).await;
        let Answer::Made { id, secret, .. } = answer else { panic!("{answer:?}") };
        (secret.unwrap().reveal().to_owned(), id.unwrap())
    }

    pub(crate) async fn sign_in(
        &self,
        user: &str,
        password: &str,
    ) -> Result<Proven, AuthenticationError> {
        self.accounts.sign_in(user, password, Some(HOME)).await
    }

    /// Signs in with the password of everybody.
    pub(crate) async fn signed_in(&self, user: &str) -> Proven {
        self.sign_in(user, PASSWORD).await.unwrap()
    }

    /// What `user` does over the network, with their password.
    pub(crate) async fn by(&self, user: &str, command: Command) -> Result<Answer, CommandError> {
        let caller = self.signed_in(user).await.into_caller();
        self.by_caller(caller, command).await
    }

    pub(crate) async fn by_caller(
        &self,
        caller: Caller,
        command: Command,
    ) -> Result<Answer, CommandError> {
        let address = Some(HOME.to_string());
        let by = Actor::Caller { caller, address, request: Some("r1".into()) };
        self.accounts.execute(&by, command).await
    }

    /// A token for `scopes`, issued to whoever just proved who they are.
    pub(crate) async fn issue(&self, to: &Proven, scopes: &str) -> String {
        self.accounts.issue(to, asking(scopes)).await.unwrap().token
    }

    pub(crate) fn may(&self, caller: &Caller, action: Action, repository: &str) -> bool {
        may(&self.accounts, caller, action, repository)
    }

    /// The keys that sign, as an attacker would like to have them.
    pub(crate) async fn keys(&self) -> KeyRing {
        let stored = self.store.setting("token-keys").await.unwrap().unwrap();
        KeyRing::from_bytes(&stored).unwrap()
    }
}

pub(crate) const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

async fn open(
    store: &Arc<Sqlite>,
    audit: &Arc<AuditLog>,
    clock: &Arc<FakeClock>,
    directory: &Path,
    plan: Plan,
    seed: u64,
) -> Arc<Accounts> {
    let random = Arc::new(SeededRandom::new(seed));
    let hashers = Hashers::default();
    let mut sources = plan.others;
    for (name, users) in plan.sources {
        let hash = hashers.hash(Secret::new(PASSWORD), random.clone()).await.unwrap();
        let lines: String = users.iter().map(|user| format!("{user}:{hash}\n")).collect();
        let path = directory.join(name);
        std::fs::write(&path, lines).unwrap();
        let file = HtpasswdFile::new(name, path, clock.clone(), &*random, hashers.clone());
        sources.push(Arc::new(file));
    }
    let parts = AccountsParts {
        store: store.clone(),
        content: store.clone(),
        settings_store: store.clone(),
        leases: store.clone(),
        audit: audit.clone(),
        clock: clock.clone(),
        random,
        hashers,
        sources,
        keyless: plan.keyless,
        settings: plan.settings,
    };
    Accounts::open(parts).await.unwrap()
}

pub(crate) fn may(accounts: &Accounts, caller: &Caller, action: Action, repository: &str) -> bool {
    let access = Access::new(accounts.policy());
    let name = RepositoryName::parse(repository).unwrap();
    match action {
        Action::Pull => access.pull(caller, name).is_ok(),
        Action::Push => access.push(caller, name).is_ok(),
        Action::Overwrite => access.push(caller, name).is_ok_and(|it| it.may_overwrite()),
        Action::Delete => access.delete(caller, name).is_ok(),
        Action::Admin => panic!("no route asks for it"),
    }
}

pub(crate) fn asking(scopes: &str) -> TokenRequest {
    TokenRequest { scopes: ResourceScope::parse_all([scopes]), ..TokenRequest::default() }
}

pub(crate) fn user_add(name: &str, admin: bool) -> Command {
    Command::UserAdd {
        name: name.to_owned(),
        password: Some(Secret::new(PASSWORD)),
        generate: false,
        admin,
        expires_in_seconds: None,
    }
}

pub(crate) fn grant(subject: &str, role: &str, pattern: &str) -> Command {
    let (subject, role) = (subject.parse().unwrap(), role.to_owned());
    Command::Grant { subject, role, pattern: pattern.parse().unwrap() }
}

pub(crate) fn token_create(user: Option<&str>, scopes: &[&str]) -> Command {
    Command::TokenCreate {
        user: user.map(str::to_owned),
        label: "laptop".to_owned(),
        scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
        expires_in_seconds: None,
    }
}

pub(crate) fn disable(name: &str) -> Command {
    Command::UserDisable { name: name.to_owned() }
}

pub(crate) fn secret(answer: Answer) -> String {
    let Answer::Made { secret: Some(secret), .. } = answer else { panic!("{answer:?}") };
    secret.reveal().to_owned()
}
