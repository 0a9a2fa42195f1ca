//! The closure rule: a manifest is acknowledged only when what it needs is there.

use std::collections::HashSet;

use oci::{Digest, Manifest, ManifestKind, RepositoryName, Role};
use store::{Presence, PutManifestFacts, Refusal};

use super::ManifestRules;

/// Which references of one manifest must be in the repository.
#[derive(Debug, Clone)]
pub struct ClosureRule {
    exempt: HashSet<Digest>,
    any_kind: bool,
}

impl ClosureRule {
    /// Foreign layers never have to be there, children of an index not where
    /// the operator exempts their platform, and nothing in a sparse repository.
    pub fn of(manifest: &Manifest, repository: &RepositoryName, rules: &ManifestRules) -> Self {
        let sparse = rules.is_sparse(repository);
        let exempt = manifest
            .references()
            .iter()
            .filter(|link| match link.role {
                _ if sparse => true,
                Role::Child => rules.child_may_be_absent(&link.descriptor),
                _ => link.descriptor.is_foreign(),
            })
            .map(|link| link.descriptor.digest)
            .collect();
        Self { exempt, any_kind: manifest.kind() == ManifestKind::Other }
    }

    fn satisfied(&self, presence: &Presence) -> bool {
        let there = match presence.role {
            // Build caches are indexes whose entries are layers.
            Role::Child => presence.manifest || presence.blob,
            _ => presence.blob || (self.any_kind && presence.manifest),
        };
        there || self.exempt.contains(&presence.digest)
    }
}

/// Every reference that is not exempt is in the repository.
pub fn closure(rule: &ClosureRule, facts: &PutManifestFacts) -> Result<(), Refusal> {
    let missing: Vec<Digest> =
        facts.presence.iter().filter(|p| !rule.satisfied(p)).map(|p| p.digest).collect();
    if missing.is_empty() { Ok(()) } else { Err(Refusal::MissingReferences(missing)) }
}

/// No tag points elsewhere, or the caller may move tags. No tag is exempt: `latest` is a tag.
pub fn tags_free(facts: &PutManifestFacts, may_overwrite: bool) -> Result<(), Refusal> {
    if may_overwrite || facts.taken.is_empty() {
        Ok(())
    } else {
        Err(Refusal::TagsTaken(facts.taken.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(role: Role, blob: bool, manifest: bool) -> Presence {
        Presence { role, digest: Digest::sha256(b"x"), blob, manifest }
    }

    fn check(rule: &ClosureRule, presence: Presence) -> bool {
        closure(rule, &PutManifestFacts { presence: vec![presence], taken: vec![] }).is_ok()
    }

    #[test]
    fn a_layer_must_be_a_blob_and_a_child_either() {
        let rule = ClosureRule { exempt: HashSet::new(), any_kind: false };
        assert!(check(&rule, presence(Role::Layer, true, false)));
        assert!(!check(&rule, presence(Role::Layer, false, true)));
        assert!(check(&rule, presence(Role::Child, false, true)));
        assert!(check(&rule, presence(Role::Child, true, false)));
        assert!(!check(&rule, presence(Role::Child, false, false)));
    }

    #[test]
    fn exempt_references_may_be_absent() {
        let rule = ClosureRule { exempt: HashSet::from([Digest::sha256(b"x")]), any_kind: false };
        assert!(check(&rule, presence(Role::Layer, false, false)));
    }

    #[test]
    fn all_missing_references_are_named() {
        let rule = ClosureRule { exempt: HashSet::new(), any_kind: false };
        let one = presence(Role::Layer, false, false);
        let two = Presence { digest: Digest::sha256(b"y"), ..one };
        let result = closure(&rule, &PutManifestFacts { presence: vec![one, two], taken: vec![] });
        assert_eq!(result, Err(Refusal::MissingReferences(vec![one.digest, two.digest])));
    }
}
