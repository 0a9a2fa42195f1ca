//! What must hold after every change of accounts.

use store::{AccessFacts, AccessRefusal, Refusal, Rule};

/// Most grants of one registry: all of them are held in memory.
const MAX_GRANTS: u64 = 100_000;
/// With so many grants on paths of the same first part, its owners make no more,
/// and so with visibilities: nobody but an administrator uses up what is for all.
pub(in crate::accounts) const MAX_OWNED: usize = 10_000;
/// Most settings of how visible repositories are, for the same reason.
const MAX_VISIBILITIES: u64 = 100_000;
/// What the store answers when the last administrator would go.
pub(in crate::accounts) const LAST_ADMIN: &str = "the last administrator";
/// What the store answers when there are too many grants.
pub(in crate::accounts) const TOO_MANY_GRANTS: &str = "more than 100,000 grants";
/// What the store answers when there are too many visibilities.
pub(in crate::accounts) const TOO_MANY_VISIBILITIES: &str = "more than 100,000 visibilities";
/// What the store answers when there is an administrator already.
pub(in crate::accounts) const HAS_ADMIN: &str = "there is an administrator";

pub(in crate::accounts) type AccessRule = Rule<AccessFacts, ()>;

fn no(rule: &'static str) -> Result<(), Refusal> {
    Err(Refusal::Access(AccessRefusal::Rule(rule)))
}

/// For changes that touch neither administrators nor grants nor visibilities.
pub(in crate::accounts) fn any() -> AccessRule {
    Box::new(|_| Ok(()))
}

/// Somebody can still administer, and grants and visibilities stay within their bounds.
pub(in crate::accounts) fn keeps_an_admin() -> AccessRule {
    Box::new(|facts| {
        if facts.admins_after == 0 && facts.admins_before > 0 {
            return no(LAST_ADMIN);
        }
        if facts.grants_after > MAX_GRANTS {
            return no(TOO_MANY_GRANTS);
        }
        if facts.visibilities_after > MAX_VISIBILITIES {
            return no(TOO_MANY_VISIBILITIES);
        }
        Ok(())
    })
}

/// Nobody could administer before.
pub(in crate::accounts) fn first_admin() -> AccessRule {
    Box::new(|facts| if facts.admins_before > 0 { no(HAS_ADMIN) } else { Ok(()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_administrator_stays_and_nothing_grows_without_bound() {
        let facts = |admins_before, admins_after, grants_after| AccessFacts {
            admins_before,
            admins_after,
            grants_after,
            visibilities_after: 0,
        };
        assert!(keeps_an_admin()(&facts(1, 0, 0)).is_err());
        assert!(keeps_an_admin()(&facts(2, 1, 0)).is_ok());
        assert!(keeps_an_admin()(&facts(0, 0, 0)).is_ok(), "nobody yet: there is none to lose");
        assert!(keeps_an_admin()(&facts(1, 1, 100_001)).is_err());
        let visible = |visibilities_after| AccessFacts { visibilities_after, ..facts(1, 1, 0) };
        assert!(keeps_an_admin()(&visible(100_000)).is_ok());
        let refused = Err(Refusal::Access(AccessRefusal::Rule(TOO_MANY_VISIBILITIES)));
        assert_eq!(keeps_an_admin()(&visible(100_001)), refused);
        assert!(first_admin()(&facts(0, 1, 0)).is_ok());
        assert!(first_admin()(&facts(1, 2, 0)).is_err());
    }
}
