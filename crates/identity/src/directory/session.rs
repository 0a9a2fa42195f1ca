//! One login or look-up: what is said to a directory, in order.

use std::sync::Arc;
use std::time::Duration;

use ldap3::adapters::EntriesOnly;
use ldap3::{LdapConnAsync, LdapConnSettings, LdapResult, Scope, SearchEntry, SearchOptions};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::settings::{LdapError, LdapSettings};
use super::template::{Compared, Template};
use crate::secret::Secret;
use crate::source::{Identity, MAX_GROUPS};

/// The password is wrong, or the account is locked, expired or none to sign in with.
const REFUSALS: [u32; 5] = [49, 48, 53, 19, 32];
/// More entries than were asked for.
const SIZE_LIMIT_EXCEEDED: u32 = 4;
/// An attribute list that asks for none.
const NO_ATTRIBUTES: &str = "1.1";

/// How to talk to a directory.
pub(super) struct Session {
    settings: LdapSettings,
    connecting: LdapConnSettings,
    users: Template,
    /// Finds somebody by the name that they have here, whatever they sign in with.
    known: Template,
    /// What tells an entry's name, as it may be typed.
    names: Vec<Compared>,
    groups: Template,
}

impl Session {
    pub(super) fn new(settings: LdapSettings) -> Result<Self, LdapError> {
        settings.check()?;
        let users = Template::parse(&settings.user_filter, &["{user}"])
            .map_err(|why| LdapError::new("user_filter", why))?;
        let known = users
            .by(&settings.name_attribute)
            .map_err(|why| LdapError::new("name_attribute", why))?;
        let groups = Template::parse(&settings.group_filter, &["{dn}", "{user}"])
            .map_err(|why| LdapError::new("group_filter", why))?;
        if let Some(bind) = &settings.bind {
            let password = bind.password.read().map_err(|why| LdapError::new("bind", why))?;
            if password.is_empty() {
                return Err(LdapError::new("bind", "the password must not be empty"));
            }
        }
        let mut connecting = LdapConnSettings::new()
            .set_conn_timeout(settings.timeout)
            .set_starttls(settings.starttls);
        if let Some(path) = &settings.authorities {
            let trusting = trusting(path).map_err(|why| {
                LdapError::new("authorities", format!("{}: {why}", path.display()))
            })?;
            connecting = connecting.set_config(Arc::new(trusting));
        }
        let names = users.compared();
        Ok(Self { settings, connecting, users, known, names, groups })
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// How long one server may take.
    pub(super) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Whether the groups can be told without the user's password: somebody
    /// must be there to search for them, who is not the user.
    pub(super) fn tells_groups(&self) -> bool {
        self.settings.bind.is_some()
    }

    /// Who signs in with this password, or who has the name, if there is none;
    /// the first server that answers decides.
    pub(super) async fn find(
        &self,
        user: &str,
        password: Option<&Secret>,
    ) -> Result<Option<Identity>, String> {
        let mut problems = Vec::new();
        for url in &self.settings.urls {
            let asked = self.find_at(url, user, password);
            match tokio::time::timeout(self.settings.timeout, asked).await {
                Ok(Ok(told)) => return Ok(told),
                Ok(Err(why)) => problems.push(format!("{url}: {why}")),
                Err(_) => problems.push(format!("{url}: no answer in time")),
            }
        }
        Err(problems.join("; "))
    }

    async fn find_at(
        &self,
        url: &str,
        user: &str,
        password: Option<&Secret>,
    ) -> Result<Option<Identity>, String> {
        let (connection, mut ldap) = LdapConnAsync::with_settings(self.connecting.clone(), url)
            .await
            .map_err(|e| e.to_string())?;
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "the connection to the directory ended");
            }
        });
        let told = self.converse(&mut ldap, user, password).await;
        // Nobody waits for its answer; without it servers log an aborted connection.
        let _ = ldap.unbind().await;
        told
    }

    async fn converse(
        &self,
        ldap: &mut ldap3::Ldap,
        user: &str,
        password: Option<&Secret>,
    ) -> Result<Option<Identity>, String> {
        self.bind_to_search(ldap).await?;
        let filter = if password.is_some() { &self.users } else { &self.known };
        let entry = self.find_user(ldap, user, filter).await?;
        let entry = entry.filter(|entry| password.is_none() || self.is_named(entry, user));
        let Some(entry) = entry else {
            // As many round trips as for a user that exists.
            if let Some(password) = password {
                let nobody = format!("cn=nobody,{}", self.settings.user_base);
                let _ = ldap.simple_bind(&nobody, password.reveal()).await;
            }
            return Ok(None);
        };
        if let Some(password) = password
            && !self.is_right(ldap, &entry, password).await?
        {
            return Ok(None);
        }
        let name = attribute(&entry, &self.settings.name_attribute).next().ok_or_else(|| {
            format!("the user's entry has no attribute {:?}", self.settings.name_attribute)
        })?;
        let may_ask = password.is_some() || self.tells_groups();
        let groups =
            if may_ask { self.find_groups(ldap, name, &entry.dn).await? } else { Vec::new() };
        let email = attribute(&entry, &self.settings.email_attribute).next().map(str::to_owned);
        Ok(Identity::checked(&entry.dn, name, email, groups))
    }

    /// Whether the password is that of `entry`. The connection is the
    /// searching account's again afterwards, if there is one.
    async fn is_right(
        &self,
        ldap: &mut ldap3::Ldap,
        entry: &SearchEntry,
        password: &Secret,
    ) -> Result<bool, String> {
        let bound = ldap.simple_bind(&entry.dn, password.reveal()).await;
        let bound = bound.map_err(|e| e.to_string())?;
        if REFUSALS.contains(&bound.rc) {
            return Ok(false);
        }
        succeeded("signing in", &bound)?;
        if self.settings.group_base.is_some() {
            self.bind_to_search(ldap).await?;
        }
        Ok(true)
    }

    async fn bind_to_search(&self, ldap: &mut ldap3::Ldap) -> Result<(), String> {
        let Some(bind) = &self.settings.bind else { return Ok(()) };
        let password = bind.password.read()?;
        if password.is_empty() {
            return Err("the password of the searching account is empty".to_owned());
        }
        let bound = ldap.simple_bind(&bind.dn, password.reveal()).await;
        succeeded("signing in to search", &bound.map_err(|e| e.to_string())?)
    }

    /// The one entry of `user`.
    async fn find_user(
        &self,
        ldap: &mut ldap3::Ldap,
        user: &str,
        filter: &Template,
    ) -> Result<Option<SearchEntry>, String> {
        let filter = filter.fill(user, "");
        let mut attributes =
            vec![self.settings.name_attribute.clone(), self.settings.email_attribute.clone()];
        attributes.extend(self.names.iter().map(|name| name.attribute.clone()));
        attributes.sort_unstable();
        attributes.dedup();
        let mut found = search(ldap, &self.settings.user_base, &filter, attributes, 2).await?;
        if found.len() > 1 {
            tracing::warn!(
                directory = self.name(),
                user,
                "more than one entry fits user_filter: nobody signs in"
            );
            return Ok(None);
        }
        // An empty DN would make the next bind one of nobody in particular.
        Ok(found.pop().filter(|entry| !entry.dn.is_empty()))
    }

    /// Whether what was typed is a name of the entry, but for capitals. To a
    /// directory `álice`, `ａlice` and others are `alice` as well; who counts
    /// guesses at one name must not be told that each of them is right.
    fn is_named(&self, entry: &SearchEntry, user: &str) -> bool {
        let is_own = attribute(entry, &self.settings.name_attribute)
            .any(|name| name.to_lowercase() == user.trim().to_lowercase());
        let is_compared =
            |name: &Compared| attribute(entry, &name.attribute).any(|value| name.is(value, user));
        let is_named = is_own || self.names.iter().any(is_compared);
        if !is_named {
            tracing::debug!(directory = self.name(), user, "the entry found has other names");
        }
        is_named
    }

    /// The names of the user's groups, asked by the searching account: users
    /// may often not see them.
    async fn find_groups(
        &self,
        ldap: &mut ldap3::Ldap,
        user: &str,
        dn: &str,
    ) -> Result<Vec<String>, String> {
        let Some(base) = &self.settings.group_base else { return Ok(Vec::new()) };
        let (filter, name) = (self.groups.fill(user, dn), &self.settings.group_attribute);
        let found = search(ldap, base, &filter, vec![name.clone()], MAX_GROUPS + 1).await?;
        let names = found.iter().flat_map(|group| attribute(group, name));
        Ok(names.map(str::to_owned).collect())
    }
}

async fn search(
    ldap: &mut ldap3::Ldap,
    base: &str,
    filter: &str,
    mut attributes: Vec<String>,
    most: usize,
) -> Result<Vec<SearchEntry>, String> {
    attributes.retain(|attribute| !attribute.is_empty());
    if attributes.is_empty() {
        attributes.push(NO_ATTRIBUTES.to_owned());
    }
    let limit = i32::try_from(most).unwrap_or(i32::MAX);
    let mut stream = ldap
        .with_search_options(SearchOptions::new().sizelimit(limit))
        .streaming_search_with(EntriesOnly::new(), base, Scope::Subtree, filter, attributes)
        .await
        .map_err(|e| e.to_string())?;
    let mut entries = Vec::new();
    while let Some(entry) = stream.next().await.map_err(|e| e.to_string())? {
        // A server that does not keep the limit is not listened to any longer.
        if entries.len() >= most {
            return Ok(entries);
        }
        entries.push(SearchEntry::construct(entry));
    }
    let result = stream.finish().await;
    if result.rc != SIZE_LIMIT_EXCEEDED {
        succeeded("searching", &result).map_err(|why| format!("{base}: {why}"))?;
    }
    Ok(entries)
}

/// The values of `name`, whose case servers choose themselves.
fn attribute<'a>(entry: &'a SearchEntry, name: &'a str) -> impl Iterator<Item = &'a str> {
    let same = entry.attrs.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
    same.flat_map(|(_, values)| values).map(String::as_str)
}

/// An error unless `result` is a success. The server's own text stays out: it
/// may repeat what was sent.
fn succeeded(what: &str, result: &LdapResult) -> Result<(), String> {
    match result.rc {
        0 => Ok(()),
        code => Err(format!("{what} was refused with LDAP result {code}")),
    }
}

/// A TLS configuration that trusts the authorities in the file at `path`, and no others.
fn trusting(path: &std::path::Path) -> Result<ClientConfig, String> {
    let pem = std::fs::read(path).map_err(|e| e.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
