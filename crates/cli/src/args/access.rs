//! The command line of accounts and access.

mod people;
mod policy;
mod record;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::config::duration;

pub(crate) use people::{
    MemberVerb, PasswordFrom, Robot, RobotVerb, Setup, Team, TeamVerb, Token, TokenVerb, User,
    UserVerb,
};
pub(crate) use policy::{
    Apply, CanI, GrantArgs, Grants, GrantsOf, Role, RoleVerb, Setting, VisibilityArgs,
};
pub(crate) use record::{Audit, AuditFilter, AuditVerb, When};

/// The commands about accounts and access.
#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// Users: people who sign in.
    User(User),
    /// Teams: users who share what they are granted.
    Team(Team),
    /// Robots: programs that sign in, and may do what they were granted and nothing more.
    Robot(Robot),
    /// Personal access tokens: stand for a password, narrowed to scopes.
    Token(Token),
    /// Named roles, beside those that are always there.
    Role(Role),
    /// Give a subject a role on repositories.
    ///
    /// SUBJECT is user:NAME, team:NAME, robot:NAME, group:SOURCE/NAME, signed-in or anonymous.
    /// Roles that are always there: none, guest, developer, maintainer, owner, and pull, push,
    /// overwrite, delete, admin. PATTERN is a repository (team/web), everything below a namespace
    /// (team/**) or a glob (team/app-*). The nearest pattern decides for each subject.
    Grant(GrantArgs),
    /// Take a grant away.
    Revoke(GrantArgs),
    /// List who has which role where.
    Grants(Grants),
    /// Say who may read repositories without a grant; without PATTERN, list it.
    Visibility(VisibilityArgs),
    /// Whether a subject may do something, and which grant decides. Ends with 1 if not.
    #[command(name = "can-i")]
    CanI(CanI),
    /// Make accounts and access as a file says.
    Apply(Apply),
    /// Print accounts and access as a file that can be applied. Holds no secrets.
    #[command(name = "export-access")]
    ExportAccess(Plain),
    /// Read the record of who did what.
    Audit(Audit),
    /// Who one is, for the registry that is asked.
    Whoami(Plain),
    /// Make the first administrator of a registry elsewhere, with the one-time secret that its log
    /// shows. On the machine itself `user add NAME --admin` needs none.
    Setup(Setup),
}

/// Which registry is asked, and as whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct At {
    /// The configuration file of the registry on this machine. Without it:
    /// REGISTRY_CONFIGURATION_PATH, then the usual places.
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "server")]
    pub(crate) config: Option<PathBuf>,
    /// A registry elsewhere, such as https://registry.example.org. Also BERTH_SERVER.
    #[arg(long, global = true, value_name = "URL", help_heading = "A registry elsewhere")]
    pub(crate) server: Option<String>,
    /// The file with the personal token to show there. Also BERTH_TOKEN, the token itself.
    #[arg(long, global = true, value_name = "FILE", help_heading = "A registry elsewhere")]
    pub(crate) token_file: Option<PathBuf>,
    /// The name to sign in with there, with --as-password-file.
    #[arg(
        long = "as",
        global = true,
        value_name = "NAME",
        conflicts_with = "token_file",
        help_heading = "A registry elsewhere"
    )]
    pub(crate) as_name: Option<String>,
    /// The file with the password of --as.
    #[arg(long, global = true, value_name = "FILE", help_heading = "A registry elsewhere")]
    pub(crate) as_password_file: Option<PathBuf>,
    /// Authorities of its certificate, PEM, beside those of the system.
    #[arg(long, global = true, value_name = "FILE", help_heading = "A registry elsewhere")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A command without arguments of its own.
#[derive(Debug, Args)]
pub(crate) struct Plain {
    #[command(flatten)]
    pub(crate) at: At,
}

fn time(text: &str) -> Result<Duration, String> {
    match duration::parse_long(text) {
        Some(time) if time.as_secs() > 0 => Ok(time),
        _ => Err("write a time such as 90d, 12h or 30m".to_owned()),
    }
}
