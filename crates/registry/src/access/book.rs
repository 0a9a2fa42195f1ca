//! The one decision: who may do what where, by grants and visibility.
//!
//! For each subject that a caller is (themselves, their teams and groups,
//! signed-in, anonymous) the nearest pattern decides: a grant of `none` at
//! `team/secret` takes away what `team/**` gave to the same subject. What the
//! subjects may do is added up. Visibility adds reading. Without a word about
//! it the answer is no.

use std::collections::{HashMap, HashSet};
use std::fmt;

use oci::RepositoryName;
use store::{GrantRecord, PolicyRecord};

use super::index::{Entry, Index};
use super::{Action, Actions, Identity, Pattern, Subject, Visibility, role};

/// Grants, roles and visibilities of one moment, ready to decide.
#[derive(Debug, Default)]
pub struct Book {
    version: u64,
    grants: HashMap<Subject, Index<Grant>>,
    /// To whom something was granted that is not understood.
    unread: HashSet<Subject>,
    visibilities: Index<Visibility>,
    /// By the first part of patterns.
    sizes: HashMap<String, Size>,
}

/// How much is said on patterns with the same first part: `team` of `team/**` and
/// of `team/web`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Grants, whoever they are for.
    pub grants: usize,
    /// Settings of how visible repositories are.
    pub visibilities: usize,
}

/// What is granted on a pattern.
#[derive(Debug)]
struct Grant {
    role: String,
    actions: Actions,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis<'a> {
    /// The caller is an administrator.
    Administrator,
    /// A grant gave it.
    Granted {
        /// To whom: the caller, or what the caller is a member of.
        subject: &'a Subject,
        /// Which role.
        role: &'a str,
        /// Where.
        pattern: &'a Pattern,
    },
    /// The repository may be read by all, or by all users.
    Visible {
        /// How visible it is.
        visibility: Visibility,
        /// By which setting.
        pattern: &'a Pattern,
    },
    /// Nothing gave it.
    Nothing,
    /// The credential is not for this, whatever the caller may do.
    Limited,
}

/// Yes or no, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Whether it may be done.
    pub allowed: bool,
    /// Why.
    pub basis: Basis<'a>,
}

/// What the book says about one subject of a caller: its nearest grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opinion<'a> {
    /// Whom it is about.
    pub subject: &'a Subject,
    /// Which role.
    pub role: &'a str,
    /// What the role allows.
    pub actions: Actions,
    /// Where.
    pub pattern: &'a Pattern,
}

const SIGNED_IN: Subject = Subject::SignedIn;
const ANONYMOUS: Subject = Subject::Anonymous;

impl Book {
    /// Reads what is stored. What this version does not understand gives
    /// nothing to anybody: it is left out and told in the second part.
    pub fn compile(record: &PolicyRecord) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        let mut named = HashMap::new();
        for role in &record.roles {
            match role::actions_of(&role.actions) {
                Ok(actions) => _ = named.insert(role.name.as_str(), actions),
                Err(word) => problems.push(format!("role {}: no action {word}", role.name)),
            }
        }
        let mut grants: HashMap<Subject, Vec<(Pattern, Grant)>> = HashMap::new();
        let mut unread = HashSet::new();
        for record in &record.grants {
            match read_grant(record, &named) {
                Ok((subject, grant)) => grants.entry(subject).or_default().push(grant),
                Err(problem) => {
                    problems.push(problem);
                    unread.extend(record.subject.parse::<Subject>());
                }
            }
        }
        let grants = grants.into_iter().map(|(subject, of_one)| (subject, Index::new(of_one)));
        let grants = grants.collect();
        let mut visibilities: Vec<(Pattern, Visibility)> = Vec::new();
        for record in &record.visibilities {
            match (record.pattern.parse::<Pattern>(), record.visibility.parse()) {
                (Ok(pattern), Ok(visibility)) => visibilities.push((pattern, visibility)),
                (Err(error), _) => problems.push(error.to_string()),
                (_, Err(error)) => problems.push(error),
            }
        }
        let visibilities = Index::new(visibilities);
        let (version, sizes) = (record.version, sizes(record));
        (Self { version, grants, unread, visibilities, sizes }, problems)
    }

    /// Of which version of the store it is.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The decision.
    pub fn judge<'a>(
        &'a self,
        who: &'a Identity,
        repository: &RepositoryName,
        action: Action,
    ) -> Verdict<'a> {
        if who.limits.allow(repository, action) {
            self.judge_unlimited(who, repository, action)
        } else {
            Verdict { allowed: false, basis: Basis::Limited }
        }
    }

    /// Whether a list of repositories shows this one. A token for the list names no repositories:
    /// what its owner may pull is shown.
    pub fn shows(&self, who: &Identity, repository: &RepositoryName) -> bool {
        let within = who.limits.allow(repository, Action::Pull) || who.limits.name_catalog();
        within && self.judge_unlimited(who, repository, Action::Pull).allowed
    }

    fn judge_unlimited<'a>(
        &'a self,
        who: &'a Identity,
        repository: &RepositoryName,
        action: Action,
    ) -> Verdict<'a> {
        let verdict = |allowed, basis| Verdict { allowed, basis };
        if who.is_admin {
            return verdict(true, Basis::Administrator);
        }
        let granted = self.opinions(who, repository).find(|it| it.actions.contains(action));
        if let Some(Opinion { subject, role, pattern, .. }) = granted {
            return verdict(true, Basis::Granted { subject, role, pattern });
        }
        if action == Action::Pull
            && let Some((pattern, visibility)) = self.visibility(repository)
            && shows_to(visibility, who)
        {
            return verdict(true, Basis::Visible { visibility, pattern });
        }
        verdict(false, Basis::Nothing)
    }

    /// The nearest grants of each subject that the caller is.
    pub fn opinions<'a>(
        &'a self,
        who: &'a Identity,
        repository: &RepositoryName,
    ) -> impl Iterator<Item = Opinion<'a>> {
        subjects(who).flat_map(move |subject| self.nearest(subject, repository))
    }

    fn nearest<'a>(
        &'a self,
        subject: &'a Subject,
        repository: &RepositoryName,
    ) -> impl Iterator<Item = Opinion<'a>> {
        let grants = self.grants.get(subject).map(|grants| grants.nearest(repository));
        grants.into_iter().flatten().map(move |Entry { pattern, what: grant, .. }| Opinion {
            subject,
            role: &grant.role,
            actions: grant.actions,
            pattern,
        })
    }

    /// How visible a repository is, by the nearest setting; `None`: private,
    /// as nothing is said.
    pub fn visibility(&self, repository: &RepositoryName) -> Option<(&Pattern, Visibility)> {
        self.visibilities.nearest(repository).next().map(|entry| (&entry.pattern, entry.what))
    }

    /// Whether the caller administers everything that `pattern` can match.
    pub fn administers(&self, who: &Identity, pattern: &Pattern) -> bool {
        if matches!(who.limits, super::Limits::Only(_)) {
            return false;
        }
        who.is_admin
            || subjects(who).filter_map(|subject| self.grants.get(subject)).any(|grants| {
                let administers = |entry: &Entry<Grant>| entry.what.actions.contains(Action::Admin);
                let around = grants.around_pattern(pattern);
                let mut held = around.filter(|it| administers(it) && it.pattern.contains(pattern));
                held.any(|held| {
                    // Something nearer may take it away, for all of it or for a part.
                    let carves = |entry: &Entry<Grant>| {
                        !administers(entry)
                            && entry.nearness > held.nearness
                            && entry.pattern.overlaps(pattern)
                    };
                    !grants.near_pattern(pattern).any(carves)
                })
            })
    }

    /// Whether all that is granted to `subject` is granted on patterns that fit.
    /// What is not understood fits nowhere.
    pub fn is_within(&self, subject: &Subject, mut fits: impl FnMut(&Pattern) -> bool) -> bool {
        let grants = self.grants.get(subject).map_or(&[][..], Index::all);
        !self.unread.contains(subject) && grants.iter().all(|entry| fits(&entry.pattern))
    }

    /// Whether it is said of this very pattern how visible it is.
    pub fn has_visibility(&self, pattern: &Pattern) -> bool {
        self.visibilities.around_pattern(pattern).any(|entry| entry.pattern == *pattern)
    }

    /// How much is said on patterns with the same first part as this one.
    pub fn size(&self, pattern: &Pattern) -> Size {
        self.sizes.get(first_part(pattern.as_str())).copied().unwrap_or_default()
    }
}

fn first_part(pattern: &str) -> &str {
    pattern.split('/').next().unwrap_or(pattern)
}

fn sizes(record: &PolicyRecord) -> HashMap<String, Size> {
    let mut sizes: HashMap<String, Size> = HashMap::new();
    for grant in &record.grants {
        sizes.entry(first_part(&grant.pattern).to_owned()).or_default().grants += 1;
    }
    for shown in &record.visibilities {
        sizes.entry(first_part(&shown.pattern).to_owned()).or_default().visibilities += 1;
    }
    sizes
}

fn read_grant(
    record: &GrantRecord,
    named: &HashMap<&str, Actions>,
) -> Result<(Subject, (Pattern, Grant)), String> {
    let subject: Subject =
        record.subject.parse().map_err(|e: super::SubjectError| e.to_string())?;
    let pattern: Pattern =
        record.pattern.parse().map_err(|e: super::PatternError| e.to_string())?;
    let actions = role::built_in(&record.role)
        .or_else(|| named.get(record.role.as_str()).copied())
        .ok_or_else(|| format!("no role {}", oci::quoted(&record.role)))?;
    Ok((subject, (pattern, Grant { role: record.role.clone(), actions })))
}

/// Everything that the caller is: what is granted to any of them counts.
fn subjects(who: &Identity) -> impl Iterator<Item = &Subject> {
    let is_user = matches!(who.subject, Subject::User(_));
    let itself = (who.subject != ANONYMOUS).then_some(&who.subject);
    itself
        .into_iter()
        .chain(&who.member_of)
        .chain(is_user.then_some(&SIGNED_IN))
        .chain(std::iter::once(&ANONYMOUS))
}

fn shows_to(visibility: Visibility, who: &Identity) -> bool {
    match visibility {
        Visibility::Public => true,
        Visibility::Internal => matches!(who.subject, Subject::User(_)),
        Visibility::Private => false,
    }
}

impl fmt::Display for Basis<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Administrator => f.write_str("is an administrator"),
            Self::Granted { subject, role, pattern } => {
                write!(f, "{subject} has role {role} on {pattern}")
            }
            Self::Visible { visibility, pattern } => write!(f, "{pattern} is {visibility}"),
            Self::Nothing => f.write_str("no grant and no visibility gives it"),
            Self::Limited => f.write_str("the token is not for this"),
        }
    }
}

#[cfg(test)]
mod tests {
    use store::VisibilityRecord;

    use super::super::{Caller, Limit, Limits, Via};
    use super::*;

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    fn book(grants: &[(&str, &str, &str)], visibilities: &[(&str, &str)]) -> Book {
        let grants = grants.iter().map(|(subject, role, pattern)| GrantRecord {
            subject: (*subject).into(),
            role: (*role).into(),
            pattern: (*pattern).into(),
        });
        let visibilities = visibilities.iter().map(|(pattern, visibility)| VisibilityRecord {
            pattern: (*pattern).into(),
            visibility: (*visibility).into(),
        });
        let record = PolicyRecord {
            version: 1,
            roles: Vec::new(),
            grants: grants.collect(),
            visibilities: visibilities.collect(),
        };
        let (book, problems) = Book::compile(&record);
        assert!(problems.is_empty(), "{problems:?}");
        book
    }

    fn user(name: &str, member_of: &[&str]) -> Identity {
        Identity {
            member_of: member_of.iter().map(|text| text.parse().unwrap()).collect(),
            ..Caller::user(name).identity().clone()
        }
    }

    fn robot(name: &str) -> Identity {
        Identity { subject: Subject::Robot(name.into()), ..user("x", &[]) }
    }

    fn anonymous() -> Identity {
        Caller::anonymous().identity().clone()
    }

    fn may(book: &Book, who: &Identity, action: Action, repository: &str) -> bool {
        book.judge(who, &name(repository), action).allowed
    }

    #[test]
    fn nothing_said_means_no() {
        let book = book(&[], &[]);
        for action in Action::ALL {
            assert!(!may(&book, &user("ann", &[]), action, "x"));
            assert!(!may(&book, &anonymous(), action, "x"));
        }
    }

    #[test]
    fn the_nearest_grant_of_a_subject_decides() {
        let book = book(
            &[
                ("user:ann", "developer", "team/**"),
                ("user:ann", "none", "team/secret/**"),
                ("user:ann", "guest", "team/web"),
            ],
            &[],
        );
        let ann = user("ann", &[]);
        assert!(may(&book, &ann, Action::Overwrite, "team/app"));
        assert!(!may(&book, &ann, Action::Pull, "team/secret/x"));
        assert!(may(&book, &ann, Action::Pull, "team/web"));
        assert!(!may(&book, &ann, Action::Push, "team/web"));
    }

    #[test]
    fn what_several_subjects_may_is_added_up() {
        let book = book(
            &[
                ("team:web", "guest", "a/**"),
                ("group:oidc/devs", "push", "a/x"),
                ("signed-in", "delete", "b"),
                ("anonymous", "pull", "c"),
                ("user:ann", "none", "a/**"),
            ],
            &[],
        );
        let ann = user("ann", &["team:web", "group:oidc/devs"]);
        assert!(
            may(&book, &ann, Action::Pull, "a/y"),
            "a none of mine takes away only what is mine"
        );
        assert!(may(&book, &ann, Action::Push, "a/x"));
        assert!(!may(&book, &ann, Action::Overwrite, "a/x"));
        assert!(may(&book, &ann, Action::Delete, "b"));
        assert!(may(&book, &anonymous(), Action::Pull, "c"));
        assert!(!may(&book, &anonymous(), Action::Delete, "b"));
        assert!(!may(&book, &robot("ci"), Action::Delete, "b"), "robots are not signed-in");
    }

    #[test]
    fn visibility_gives_reading_and_the_nearest_wins() {
        let book = book(&[], &[("**", "public"), ("team/**", "internal"), ("team/x", "private")]);
        assert!(may(&book, &anonymous(), Action::Pull, "a"));
        assert!(!may(&book, &anonymous(), Action::Push, "a"));
        assert!(!may(&book, &anonymous(), Action::Pull, "team/a"));
        assert!(may(&book, &user("ann", &[]), Action::Pull, "team/a"));
        assert!(!may(&book, &robot("ci"), Action::Pull, "team/a"));
        assert!(!may(&book, &user("ann", &[]), Action::Pull, "team/x"));
    }

    #[test]
    fn a_limited_credential_narrows_even_an_administrator() {
        let book = book(&[], &[]);
        let limits = Limits::Only(vec![Limit::Repository(name("a"), Actions::PULL)]);
        let root = Identity { is_admin: true, limits, via: Via::Bearer, ..user("root", &[]) };
        assert!(may(&book, &root, Action::Pull, "a"));
        assert!(!may(&book, &root, Action::Push, "a"));
        assert!(!may(&book, &root, Action::Pull, "b"));
    }

    #[test]
    fn an_owner_administers_what_is_within_their_pattern() {
        let grants = [
            ("user:ann", "owner", "team/**"),
            ("user:bob", "owner", "team/**"),
            ("user:bob", "guest", "team/secret"),
            ("user:cid", "owner", "team/web/**"),
            ("user:cid", "none", "team/web/secret/**"),
            ("user:dot", "owner", "a*"),
            ("user:dot", "none", "ab*secret"),
        ];
        let book = book(&grants, &[]);
        let administers =
            |who: &str, pattern: &str| book.administers(&user(who, &[]), &pattern.parse().unwrap());
        assert!(administers("ann", "team/web/**") && administers("ann", "team/**"));
        assert!(!administers("ann", "**") && !administers("ann", "team"));
        assert!(!administers("bob", "team/**"), "a part of it is taken away");
        assert!(administers("bob", "team/web"));
        assert!(administers("cid", "team/web/app"));
        assert!(!administers("cid", "team/web/secret/x"), "nearer than the grant");
        assert!(!administers("dot", "a*secret"), "some of these are taken away");
        assert!(administers("dot", "ac*"));
    }

    #[test]
    fn what_is_not_understood_gives_nothing() {
        let grants = [
            ("planet:mars", "owner", "**"),
            ("user:mars", "astronaut", "**"),
            ("robot:ci", "pull", "team/web"),
            ("robot:ci", "pull", "team//web"),
            ("robot:cd", "pull", "team/web"),
        ];
        let grants = grants.map(|(subject, role, pattern)| GrantRecord {
            subject: subject.into(),
            role: role.into(),
            pattern: pattern.into(),
        });
        let record = PolicyRecord { grants: grants.into(), ..PolicyRecord::default() };
        let (book, problems) = Book::compile(&record);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(!may(&book, &user("mars", &[]), Action::Pull, "a"));
        // And nobody is told that all that a robot may do is theirs.
        let is_within = |name: &str| book.is_within(&Subject::Robot(name.into()), |_| true);
        assert!(!is_within("ci") && is_within("cd") && is_within("nobody"));
    }
}
