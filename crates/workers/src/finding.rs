//! What a duty found wrong, by name. One damaged object never stops the work on the others.

use std::fmt;

use oci::Digest;

/// Findings kept in a report; more are only counted, and told to the observer.
pub const MAX_KEPT: usize = 1000;

/// One object that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it lies: the path below the storage root, or `repository@digest`.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with an object of a storage tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A link file without content: a write that a crash cut off.
    EmptyLink,
    /// A link file that does not hold a digest.
    MalformedLink(String),
    /// A link file whose directory names another digest.
    LinkMismatch(Digest),
    /// A directory whose name is no digest under its algorithm.
    BadDigest(String),
    /// A directory that cannot be a repository.
    BadName(String),
    /// A directory that cannot be a tag.
    BadTag(String),
    /// A link to a blob whose bytes are not there.
    NoBytes(Digest),
    /// Bytes that hash to something else than their name.
    HashMismatch(Digest),
    /// A manifest beyond the limit on what is read.
    TooLarge {
        /// Bytes it has.
        size: u64,
        /// Bytes that are allowed.
        limit: u64,
    },
    /// A revision whose bytes are no JSON document.
    NotAManifest(String),
    /// A tag whose manifest is not in the repository.
    TagWithoutManifest,
    /// Something a manifest needs is not in the repository. The manifest is there all the same.
    MissingReference(Digest),
    /// A file or directory that could not be read.
    Unreadable(String),
    /// A symbolic link that leads back to a directory it lies in.
    Cycle,
    /// A temporary file that a crash left behind.
    Leftover,
    /// Signatures of schema 1 as registries before mid-2016 kept them; the manifest itself is complete.
    OldSignatures,
    /// Uploads that were never finished; their clients begin again.
    UnfinishedUploads(usize),
    /// A sha512 name that a link gave to bytes which have another one.
    WrongName(Digest),
    /// The original registry cannot serve this; says why.
    NotForOriginal(String),
}

impl Problem {
    /// Whether something that a client may ask for is missing or wrong. The others are notes.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        !matches!(
            self,
            Self::Leftover
                | Self::OldSignatures
                | Self::UnfinishedUploads(_)
                | Self::NotForOriginal(_)
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyLink => f.write_str("the link file is empty: push this image again"),
            Self::MalformedLink(why) => write!(f, "the link file is not a link: {why}"),
            Self::LinkMismatch(digest) => write!(f, "the link names another digest, {digest}"),
            Self::BadDigest(why) => write!(f, "the directory is not named by a digest: {why}"),
            Self::BadName(why) => write!(f, "not a repository: {why}"),
            Self::BadTag(why) => write!(f, "not a tag: {why}"),
            Self::NoBytes(digest) => write!(f, "the bytes of {digest} are missing: push it again"),
            Self::HashMismatch(found) => write!(f, "the bytes hash to {found}: push it again"),
            Self::TooLarge { size, limit } => {
                write!(f, "a manifest of {size} bytes; at most {limit} are read")
            }
            Self::NotAManifest(why) => write!(f, "not a manifest: {why}"),
            Self::TagWithoutManifest => f.write_str("the tag's manifest is not in the repository"),
            Self::MissingReference(digest) => {
                write!(f, "it needs {digest}, which is not in the repository")
            }
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::Cycle => f.write_str("a symbolic link that leads back to its own parent"),
            Self::Leftover => f.write_str("a temporary file that a crash left behind; ignored"),
            Self::OldSignatures => f.write_str("separate signatures of schema 1; ignored"),
            Self::UnfinishedUploads(count) => write!(f, "{count} unfinished uploads; ignored"),
            Self::WrongName(digest) => {
                write!(f, "a link names it {digest}, which it is not: push that again")
            }
            Self::NotForOriginal(why) => write!(f, "the original registry cannot serve it: {why}"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

/// The first [`MAX_KEPT`] findings, and how many there were in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The first ones.
    pub kept: Vec<Finding>,
    /// Objects that are damaged.
    pub damaged: u64,
    /// Objects that are merely worth a note.
    pub noted: u64,
}

impl Findings {
    /// How many there were in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.damaged + self.noted
    }

    /// Takes in one finding.
    pub fn add(&mut self, finding: Finding) {
        match finding.problem.is_damage() {
            true => self.damaged += 1,
            false => self.noted += 1,
        }
        if self.kept.len() < MAX_KEPT {
            self.kept.push(finding);
        }
    }
}

impl Extend<Finding> for Findings {
    fn extend<T: IntoIterator<Item = Finding>>(&mut self, findings: T) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }
}
