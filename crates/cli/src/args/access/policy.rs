//! Roles, grants, visibility, and questions about them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use registry::access::{Action, Pattern, Subject, Visibility};

use super::At;

/// `berth role`.
#[derive(Debug, Args)]
pub(crate) struct Role {
    #[command(subcommand)]
    pub(crate) verb: RoleVerb,
    #[command(flatten)]
    pub(crate) at: At,
}

/// What to do with named roles.
#[derive(Debug, Subcommand)]
pub(crate) enum RoleVerb {
    /// Make or change a role.
    Put {
        /// Which, in small letters.
        name: String,
        /// What it allows: pull, push, overwrite, delete, admin.
        #[arg(required = true, value_parser = action)]
        actions: Vec<Action>,
    },
    /// List roles, also those that are always there.
    List,
    /// Remove a role that no grant uses.
    Remove {
        /// Which.
        name: String,
    },
}

/// `berth grant` and `berth revoke`.
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// Whom: user:alice, team:web, robot:ci, group:oidc/devs, signed-in, anonymous.
    pub(crate) subject: Subject,
    /// A role.
    pub(crate) role: String,
    /// Where: team/web, team/**, team/app-*.
    pub(crate) pattern: Pattern,
    #[command(flatten)]
    pub(crate) at: At,
}

/// `berth grants`.
#[derive(Debug, Args)]
pub(crate) struct Grants {
    /// Only of this subject (user:alice, signed-in), or only about these repositories (team/**).
    #[arg(value_name = "SUBJECT | PATTERN", value_parser = grants_of)]
    pub(crate) of: Option<GrantsOf>,
    #[command(flatten)]
    pub(crate) at: At,
}

/// Which grants are wanted.
#[derive(Debug, Clone)]
pub(crate) enum GrantsOf {
    /// Those of a subject.
    Subject(Subject),
    /// Those about repositories.
    Pattern(Pattern),
}

/// `berth visibility`.
#[derive(Debug, Args)]
pub(crate) struct VisibilityArgs {
    /// Which repositories: team/web, team/**.
    #[arg(requires = "visibility")]
    pub(crate) pattern: Option<Pattern>,
    /// public (everybody may pull), internal (every user who signed in), private, or unset, so
    /// that what is above decides again.
    #[arg(value_parser = visibility)]
    pub(crate) visibility: Option<Setting>,
    #[command(flatten)]
    pub(crate) at: At,
}

/// What a visibility is set to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Setting {
    /// To this.
    To(Visibility),
    /// To nothing.
    Unset,
}

/// `berth can-i`.
#[derive(Debug, Args)]
pub(crate) struct CanI {
    /// Who: user:alice, team:web, robot:ci, group:oidc/devs, signed-in, anonymous.
    pub(crate) subject: Subject,
    /// What: pull, push, overwrite, delete, admin.
    #[arg(value_parser = action)]
    pub(crate) action: Action,
    /// Where.
    pub(crate) repository: String,
    /// Also say what was considered and which of it decided.
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) at: At,
}

/// `berth apply`.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The file, YAML or JSON; - is standard input.
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only say what would change.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Remove what the file does not name.
    #[arg(long)]
    pub(crate) prune: bool,
    #[command(flatten)]
    pub(crate) at: At,
}

fn action(text: &str) -> Result<Action, String> {
    let known = Action::ALL.map(Action::as_str).join(", ");
    Action::parse(text).ok_or_else(|| format!("write one of {known}"))
}

fn grants_of(text: &str) -> Result<GrantsOf, String> {
    if text.contains(':') || matches!(text, "anonymous" | "signed-in") {
        return text.parse().map(GrantsOf::Subject).map_err(|error| format!("{error}"));
    }
    text.parse().map(GrantsOf::Pattern).map_err(|error| format!("{error}"))
}

fn visibility(text: &str) -> Result<Setting, String> {
    match text {
        "unset" => Ok(Setting::Unset),
        _ => text.parse().map(Setting::To),
    }
}
