//! A registry in memory that is obviously right.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Algorithm, Digest, Reference, RepositoryName, Role, Tag};

use crate::answer::Answer;
use crate::operation::{By, Operation};
use crate::universe::{Universe, may_be_blob};

#[derive(Default)]
struct Repository {
    blobs: BTreeSet<Digest>,
    /// By sha256; the number in the universe.
    manifests: BTreeMap<Digest, usize>,
    tags: BTreeMap<Tag, Digest>,
}

/// The reference registry. Content is kept by sha256.
#[derive(Default)]
pub(crate) struct Model {
    repositories: BTreeMap<RepositoryName, Repository>,
    /// Bytes that were ever pushed; nothing is collected in these runs.
    blobs: BTreeMap<Digest, usize>,
    aliases: BTreeMap<Digest, Digest>,
}

impl Model {
    pub(crate) fn apply(&mut self, universe: &Universe, operation: &Operation) -> Answer {
        match operation {
            Operation::PushBlob { to, blob, algorithm } => {
                self.push_blob(universe, to, *blob, *algorithm)
            }
            Operation::Upload { wrong: true, .. } => Answer::DigestMismatch,
            Operation::Upload { to, blob, algorithm, .. } => {
                self.push_blob(universe, to, *blob, *algorithm)
            }
            Operation::Mount { to, digest, from } => self.mount(to, digest, from.as_ref()),
            Operation::PushManifest { to, manifest, by, tags } => {
                self.push_manifest(universe, to, *manifest, by, tags)
            }
            Operation::DeleteManifest { from, reference } => self.delete_manifest(from, reference),
            Operation::DeleteBlob { from, digest } => self.delete_blob(universe, from, digest),
            Operation::Manifest { from, reference } => self.manifest(universe, from, reference),
            Operation::Blob { from, digest } => self.blob(universe, from, digest),
            Operation::Tags { of, after, limit } => self.tags(of, after.as_deref(), *limit),
            Operation::Catalog { after, limit } => self.catalog(after.as_deref(), *limit),
            Operation::Referrers { of, subject, types } => {
                self.referrers(universe, of, subject, types)
            }
            Operation::Restart => Answer::Done,
        }
    }

    fn sha256(&self, digest: &Digest) -> Digest {
        self.aliases.get(digest).copied().unwrap_or(*digest)
    }

    fn push_blob(
        &mut self,
        universe: &Universe,
        to: &RepositoryName,
        blob: usize,
        algorithm: Algorithm,
    ) -> Answer {
        let bytes = &universe.blobs[blob];
        let sha256 = Digest::sha256(bytes);
        if algorithm == Algorithm::Sha512 {
            self.aliases.insert(Digest::of(algorithm, bytes), sha256);
        }
        self.blobs.insert(sha256, blob);
        self.repositories.entry(to.clone()).or_default().blobs.insert(sha256);
        Answer::Done
    }

    fn mount(
        &mut self,
        to: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Answer {
        let sha256 = self.sha256(digest);
        let mut sources =
            self.repositories.iter().filter(|(name, _)| from.is_none_or(|f| f == *name));
        let found = sources.any(|(_, repository)| repository.blobs.contains(&sha256));
        if found {
            self.repositories.entry(to.clone()).or_default().blobs.insert(sha256);
        }
        Answer::Mounted(found)
    }

    fn push_manifest(
        &mut self,
        universe: &Universe,
        to: &RepositoryName,
        number: usize,
        by: &By,
        tags: &[Tag],
    ) -> Answer {
        let fixture = &universe.manifests[number];
        let parsed = Universe::parsed(fixture);
        let nothing = Repository::default();
        let repository = self.repositories.get(to).unwrap_or(&nothing);
        let missing: Vec<Digest> = parsed
            .references()
            .iter()
            .filter(|link| link.role != Role::Subject)
            .filter(|link| {
                let sha256 = self.sha256(&link.descriptor.digest);
                let manifest = repository.manifests.contains_key(&sha256);
                let blob = repository.blobs.contains(&sha256);
                !(may_be_blob(link.role) && blob || link.role == Role::Child && manifest)
            })
            .map(|link| link.descriptor.digest)
            .collect();
        if !missing.is_empty() {
            return Answer::Missing(missing);
        }
        let sha256 = fixture.digest();
        let digest = match by {
            By::Tag(_) => sha256,
            By::Digest(algorithm) => Digest::of(*algorithm, &fixture.bytes),
        };
        if digest != sha256 {
            self.aliases.insert(digest, sha256);
        }
        let repository = self.repositories.entry(to.clone()).or_default();
        repository.manifests.insert(sha256, number);
        let own = match by {
            By::Tag(tag) => Some(tag),
            By::Digest(_) => None,
        };
        for tag in tags.iter().chain(own) {
            repository.tags.insert(tag.clone(), digest);
        }
        Answer::Pushed { digest, subject: parsed.subject().map(|subject| subject.digest) }
    }

    fn delete_manifest(&mut self, from: &RepositoryName, reference: &Reference) -> Answer {
        let aliases = self.aliases.clone();
        let sha256 = |digest: &Digest| aliases.get(digest).copied().unwrap_or(*digest);
        let Some(repository) = self.repositories.get_mut(from) else {
            return Answer::ManifestUnknown;
        };
        match reference {
            Reference::Tag(tag) => match repository.tags.remove(tag) {
                Some(_) => Answer::Done,
                None => Answer::ManifestUnknown,
            },
            Reference::Digest(digest) => {
                let gone = sha256(digest);
                if repository.manifests.remove(&gone).is_none() {
                    return Answer::ManifestUnknown;
                }
                repository.tags.retain(|_, digest| sha256(digest) != gone);
                let elsewhere = self.repositories.values().any(|r| r.manifests.contains_key(&gone));
                if !elsewhere && !self.blobs.contains_key(&gone) {
                    self.aliases.retain(|_, own| *own != gone);
                }
                Answer::Done
            }
        }
    }

    fn delete_blob(
        &mut self,
        universe: &Universe,
        from: &RepositoryName,
        digest: &Digest,
    ) -> Answer {
        let sha256 = self.sha256(digest);
        let Some(repository) = self.repositories.get(from) else { return Answer::BlobUnknown };
        if !repository.blobs.contains(&sha256) {
            return Answer::BlobUnknown;
        }
        let needed = repository.manifests.values().any(|number| {
            let parsed = Universe::parsed(&universe.manifests[*number]);
            let mut needed = parsed.references().iter().filter(|link| link.role != Role::Subject);
            needed.any(|link| self.sha256(&link.descriptor.digest) == sha256)
        });
        if needed {
            return Answer::BlobNeeded;
        }
        self.repositories.entry(from.clone()).or_default().blobs.remove(&sha256);
        Answer::Done
    }

    fn manifest(
        &self,
        universe: &Universe,
        from: &RepositoryName,
        reference: &Reference,
    ) -> Answer {
        let Some(repository) = self.repositories.get(from) else { return Answer::ManifestUnknown };
        let digest = match reference {
            Reference::Digest(digest) => *digest,
            Reference::Tag(tag) => match repository.tags.get(tag) {
                Some(digest) => *digest,
                None => return Answer::ManifestUnknown,
            },
        };
        match repository.manifests.get(&self.sha256(&digest)) {
            Some(number) => {
                let fixture = &universe.manifests[*number];
                let media_type = fixture.media_type.to_owned();
                Answer::Manifest { digest, media_type, bytes: fixture.bytes.clone().into() }
            }
            None => Answer::ManifestUnknown,
        }
    }

    fn blob(&self, universe: &Universe, from: &RepositoryName, digest: &Digest) -> Answer {
        let sha256 = self.sha256(digest);
        let there = self.repositories.get(from).is_some_and(|r| r.blobs.contains(&sha256));
        match self.blobs.get(&sha256).filter(|_| there) {
            Some(number) => Answer::Blob(universe.blobs[*number].clone()),
            None => Answer::BlobUnknown,
        }
    }

    fn tags(&self, of: &RepositoryName, after: Option<&str>, limit: usize) -> Answer {
        let Some(repository) = self.repositories.get(of) else { return Answer::NameUnknown };
        let later = repository.tags.keys().filter(|tag| after.is_none_or(|a| tag.as_str() > a));
        let mut tags: Vec<Tag> = later.cloned().collect();
        let more = tags.len() > limit;
        tags.truncate(limit);
        Answer::Tags(tags, more)
    }

    fn catalog(&self, after: Option<&str>, limit: usize) -> Answer {
        let shown = self.repositories.iter().filter(|(name, repository)| {
            !repository.manifests.is_empty() && after.is_none_or(|after| name.as_str() > after)
        });
        let mut names: Vec<RepositoryName> = shown.map(|(name, _)| name.clone()).collect();
        let more = limit > 0 && names.len() > limit;
        names.truncate(limit);
        Answer::Catalog(names, more)
    }

    fn referrers(
        &self,
        universe: &Universe,
        of: &RepositoryName,
        subject: &Digest,
        types: &[String],
    ) -> Answer {
        let sha256 = self.sha256(subject);
        let mut found = Vec::new();
        for number in self.repositories.get(of).iter().flat_map(|r| r.manifests.values()) {
            let fixture = &universe.manifests[*number];
            let parsed = Universe::parsed(fixture);
            let attached = parsed.subject().is_some_and(|s| self.sha256(&s.digest) == sha256);
            let artifact_type = parsed.artifact_type();
            let wanted =
                types.is_empty() || artifact_type.as_ref().is_some_and(|own| types.contains(own));
            if attached && wanted {
                found.push((fixture.digest(), artifact_type));
            }
        }
        found.sort();
        Answer::Referrers(found)
    }
}
