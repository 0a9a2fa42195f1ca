//! Proof that a decision was made.

use std::marker::PhantomData;
use std::sync::Arc;

use oci::RepositoryName;

use super::denied::Denied;
use super::{AccessDecision, AccessPolicy, AccessRequest, Action, Caller, Resource};
use crate::Error;

/// Marks a grant to read.
#[derive(Debug, Clone, Copy)]
pub struct Pull;
/// Marks a grant to write.
#[derive(Debug, Clone, Copy)]
pub struct Push;
/// Marks a grant to remove.
#[derive(Debug, Clone, Copy)]
pub struct Delete;

/// The caller may do `A` in this repository. Only [`Access`] makes one.
#[derive(Debug, Clone)]
pub struct Granted<A> {
    caller: Caller,
    repository: RepositoryName,
    may_overwrite: bool,
    action: PhantomData<A>,
}

impl Granted<Push> {
    /// Whether tags that exist may be moved.
    pub fn may_overwrite(&self) -> bool {
        self.may_overwrite
    }
}

impl<A> Granted<A> {
    /// Who asked.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Where it may be done.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }
}

/// The caller may list the repositories that it may read.
#[derive(Debug, Clone)]
pub struct GrantedCatalog {
    access: Access,
    caller: Caller,
}

impl GrantedCatalog {
    /// Whether the list may show this one.
    pub fn shows(&self, repository: &RepositoryName) -> bool {
        self.access.policy.shows(&self.caller, repository)
    }
}

/// The one way to a grant.
#[derive(Clone)]
pub struct Access {
    policy: Arc<dyn AccessPolicy>,
}

impl Access {
    /// Asks `policy` about everything.
    pub fn new(policy: Arc<dyn AccessPolicy>) -> Self {
        Self { policy }
    }

    /// May the caller read here?
    pub fn pull(
        &self,
        caller: &Caller,
        repository: RepositoryName,
    ) -> Result<Granted<Pull>, Error> {
        self.grant(caller, repository, Action::Pull)
    }

    /// May the caller write here?
    pub fn push(
        &self,
        caller: &Caller,
        repository: RepositoryName,
    ) -> Result<Granted<Push>, Error> {
        let granted = self.grant(caller, repository, Action::Push)?;
        let resource = Resource::Repository(&granted.repository);
        let may_overwrite = self.decide(caller, resource, Action::Overwrite).is_ok();
        Ok(Granted { may_overwrite, ..granted })
    }

    /// May the caller remove here?
    pub fn delete(
        &self,
        caller: &Caller,
        repository: RepositoryName,
    ) -> Result<Granted<Delete>, Error> {
        self.grant(caller, repository, Action::Delete)
    }

    /// May the caller list repositories?
    pub fn catalog(&self, caller: &Caller) -> Result<GrantedCatalog, Error> {
        self.decide(caller, Resource::Catalog, Action::Pull)?;
        Ok(GrantedCatalog { access: self.clone(), caller: caller.clone() })
    }

    /// May the caller talk to the service at all?
    pub fn service(&self, caller: &Caller) -> Result<(), Error> {
        self.decide(caller, Resource::Service, Action::Pull)
    }

    /// Whether the caller may read `repository`: the test for sources of a mount.
    pub fn may_pull(&self, caller: &Caller, repository: &RepositoryName) -> bool {
        self.decide(caller, Resource::Repository(repository), Action::Pull).is_ok()
    }

    /// Whether the caller may do anything at all in `repository`.
    pub fn may_enter(&self, caller: &Caller, repository: &RepositoryName) -> bool {
        let resource = Resource::Repository(repository);
        let may = |action| self.decide(caller, resource, action).is_ok();
        [Action::Pull, Action::Push, Action::Delete].into_iter().any(may)
    }

    fn grant<A>(
        &self,
        caller: &Caller,
        repository: RepositoryName,
        action: Action,
    ) -> Result<Granted<A>, Error> {
        self.decide(caller, Resource::Repository(&repository), action)?;
        let caller = caller.clone();
        Ok(Granted { caller, repository, may_overwrite: false, action: PhantomData })
    }

    fn decide(&self, caller: &Caller, resource: Resource<'_>, action: Action) -> Result<(), Error> {
        match self.policy.decide(&AccessRequest { caller, resource, action }) {
            AccessDecision::Granted => Ok(()),
            AccessDecision::Denied => Err(Error::Denied(Denied::of(caller, resource, action))),
        }
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}
