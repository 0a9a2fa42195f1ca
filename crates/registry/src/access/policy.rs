//! The decision: request in, decision out.

use std::sync::Arc;

use oci::RepositoryName;
use parking_lot::RwLock;

use super::{Action, Book, Caller, Limits, Subject, Via};

/// On what it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The service as such: `/v2/`.
    Service,
    /// The list of repositories.
    Catalog,
    /// One repository, existing or not.
    Repository(&'a RepositoryName),
}

/// One question to the policy.
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// On what.
    pub resource: Resource<'a>,
    /// For what.
    pub action: Action,
}

/// The answer of the policy. Made before anything is looked up, so what is
/// absent and what is forbidden look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessDecision {
    /// Go on.
    Granted,
    /// Sign in, sign in as somebody else, or ask somebody who may decide.
    Denied,
}

impl AccessDecision {
    fn of(allowed: bool) -> Self {
        if allowed { Self::Granted } else { Self::Denied }
    }
}

/// Decides about every request. Pure: no look-ups, no side effects.
pub trait AccessPolicy: Send + Sync + 'static {
    /// The decision.
    fn decide(&self, request: &AccessRequest<'_>) -> AccessDecision;

    /// Whether a list of repositories that the caller may see shows this one.
    fn shows(&self, caller: &Caller, repository: &RepositoryName) -> bool;
}

/// Everybody may do everything: `auth: none`.
#[derive(Debug, Clone, Copy)]
pub struct Open;

impl AccessPolicy for Open {
    fn decide(&self, _: &AccessRequest<'_>) -> AccessDecision {
        AccessDecision::Granted
    }

    fn shows(&self, _: &Caller, _: &RepositoryName) -> bool {
        true
    }
}

/// Whoever signed in may do everything, as with the original's `htpasswd` and `silly`.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn;

impl AccessPolicy for SignedIn {
    fn decide(&self, request: &AccessRequest<'_>) -> AccessDecision {
        AccessDecision::of(!request.caller.is_anonymous())
    }

    fn shows(&self, caller: &Caller, _: &RepositoryName) -> bool {
        !caller.is_anonymous()
    }
}

/// The token says it all: `auth: token`, where another server knows who may do what.
#[derive(Debug, Clone, Copy)]
pub struct ByToken;

impl AccessPolicy for ByToken {
    fn decide(&self, request: &AccessRequest<'_>) -> AccessDecision {
        let who = request.caller.identity();
        // Without limits nothing was presented: no token is ever unlimited.
        let allowed = match (&who.limits, request.resource) {
            (Limits::None, _) => false,
            (Limits::Only(_), Resource::Service) => true,
            (Limits::Only(_), Resource::Catalog) => who.limits.allow_catalog(),
            (Limits::Only(_), Resource::Repository(name)) => who.limits.allow(name, request.action),
        };
        AccessDecision::of(allowed)
    }

    /// Who may see the list sees all of it: nothing here knows who may do what.
    fn shows(&self, caller: &Caller, _: &RepositoryName) -> bool {
        caller.identity().limits.name_catalog()
    }
}

/// Grants and visibilities that Berth keeps: `auth: berth`.
#[derive(Debug, Default)]
pub struct ByBook {
    book: RwLock<Arc<Book>>,
}

impl ByBook {
    /// Decides by this from now on.
    pub fn replace(&self, book: Book) {
        *self.book.write() = Arc::new(book);
    }

    /// What decides now.
    pub fn book(&self) -> Arc<Book> {
        self.book.read().clone()
    }
}

impl AccessPolicy for ByBook {
    fn decide(&self, request: &AccessRequest<'_>) -> AccessDecision {
        let who = request.caller.identity();
        let allowed = match request.resource {
            // Clients decide by the challenge of `/v2/` whether to sign in at
            // all, so it is sent even where everything is public.
            Resource::Service => who.via != Via::Nothing,
            // What the list shows is decided for each entry.
            Resource::Catalog => who.limits.allow_catalog() && who.subject != Subject::Anonymous,
            Resource::Repository(name) => self.book.read().judge(who, name, request.action).allowed,
        };
        AccessDecision::of(allowed)
    }

    fn shows(&self, caller: &Caller, repository: &RepositoryName) -> bool {
        self.book.read().shows(caller.identity(), repository)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Actions, Identity, Limit};
    use super::*;

    fn asks(caller: &Caller, resource: Resource<'_>, action: Action) -> [AccessDecision; 3] {
        let request = AccessRequest { caller, resource, action };
        [SignedIn.decide(&request), ByToken.decide(&request), ByBook::default().decide(&request)]
    }

    #[test]
    fn anonymous_callers_are_challenged_everywhere() {
        let name = RepositoryName::parse("a").unwrap();
        for resource in [Resource::Service, Resource::Catalog, Resource::Repository(&name)] {
            let decisions = asks(&Caller::anonymous(), resource, Action::Pull);
            assert_eq!(decisions, [AccessDecision::Denied; 3], "{resource:?}");
        }
    }

    #[test]
    fn a_foreign_token_allows_exactly_what_it_says() {
        let (a, b) = (RepositoryName::parse("a").unwrap(), RepositoryName::parse("b").unwrap());
        let limits = Limits::Only(vec![Limit::Repository(a.clone(), Actions::PULL)]);
        let via = Via::Bearer;
        let caller =
            Caller::new(Identity { limits, via, ..Caller::user("ann").identity().clone() });
        let decide =
            |resource, action| ByToken.decide(&AccessRequest { caller: &caller, resource, action });
        assert_eq!(decide(Resource::Service, Action::Pull), AccessDecision::Granted);
        assert_eq!(decide(Resource::Repository(&a), Action::Pull), AccessDecision::Granted);
        assert_eq!(decide(Resource::Repository(&a), Action::Push), AccessDecision::Denied);
        assert_eq!(decide(Resource::Repository(&b), Action::Pull), AccessDecision::Denied);
        assert_eq!(decide(Resource::Catalog, Action::Pull), AccessDecision::Denied);
    }
}
