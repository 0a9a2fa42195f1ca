//! Users, teams, robots and their tokens.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use registry::access::TokenScope;
use registry::accounts::command::RoleAt;

use super::{At, time};

/// `berth user`.
#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(subcommand)]
    pub(crate) verb: UserVerb,
    #[command(flatten)]
    pub(crate) at: At,
}

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserVerb {
    /// Make a user.
    Add {
        /// The name to sign in with.
        name: String,
        /// May do everything.
        #[arg(long)]
        admin: bool,
        /// May do nothing after such a time: 90d, 12h.
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<Duration>,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// List users.
    List,
    /// Show a user and what it was granted.
    Show {
        /// Whom.
        name: String,
    },
    /// Set a user's password. Everything that was issued under the old one is void.
    Passwd {
        /// Whose; over the network without it: one's own.
        name: Option<String>,
        /// The file with the old password, which is needed for one's own.
        #[arg(long, value_name = "FILE")]
        old_password_file: Option<PathBuf>,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Let a user do nothing any more.
    Disable {
        /// Whom.
        name: String,
    },
    /// Let a user sign in again.
    Enable {
        /// Whom.
        name: String,
    },
    /// Make a user an administrator, or not any more.
    Admin {
        /// Whom.
        name: String,
        /// Take it away.
        #[arg(long)]
        revoke: bool,
    },
    /// Remove a user with tokens, memberships and grants.
    Remove {
        /// Whom.
        name: String,
    },
}

/// `berth setup`.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The name to sign in with.
    pub(crate) name: String,
    /// The file with the one-time secret.
    #[arg(long, value_name = "FILE")]
    pub(crate) setup_secret_file: PathBuf,
    #[command(flatten)]
    pub(crate) at: At,
}

/// Where a new password comes from. Never from an argument: those are seen by others.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
pub(crate) struct PasswordFrom {
    /// Take the password from the first line of standard input. The default.
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Make a password and print it, this once.
    #[arg(long)]
    pub(crate) generate: bool,
}

/// `berth team`.
#[derive(Debug, Args)]
pub(crate) struct Team {
    #[command(subcommand)]
    pub(crate) verb: TeamVerb,
    #[command(flatten)]
    pub(crate) at: At,
}

/// What to do with teams.
#[derive(Debug, Subcommand)]
pub(crate) enum TeamVerb {
    /// Make a team.
    Add {
        /// Which.
        name: String,
    },
    /// Put users into a team, or take them out.
    Member {
        #[command(subcommand)]
        verb: MemberVerb,
    },
    /// List teams with their members.
    List,
    /// Remove a team with its grants.
    Remove {
        /// Which.
        name: String,
    },
}

/// What to do with a member.
#[derive(Debug, Subcommand)]
pub(crate) enum MemberVerb {
    /// Put users into a team.
    Add {
        /// Which team.
        team: String,
        /// Whom.
        #[arg(required = true)]
        users: Vec<String>,
    },
    /// Take users out of a team.
    Remove {
        /// Which team.
        team: String,
        /// Whom.
        #[arg(required = true)]
        users: Vec<String>,
    },
}

/// `berth robot`.
#[derive(Debug, Args)]
pub(crate) struct Robot {
    #[command(subcommand)]
    pub(crate) verb: RobotVerb,
    #[command(flatten)]
    pub(crate) at: At,
}

/// What to do with robots.
#[derive(Debug, Subcommand)]
pub(crate) enum RobotVerb {
    /// Make a robot and print its secret, this once. It signs in as robot$NAME.
    Add {
        /// Such as ci, or team/web+ci for one of the namespace team/web.
        name: String,
        /// May do nothing after such a time: 90d, 12h.
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<Duration>,
        /// Grant this at once, such as developer:team/web/**. May be repeated.
        #[arg(long = "grant", value_name = "ROLE:PATTERN", value_parser = role_at)]
        grants: Vec<RoleAt>,
    },
    /// Make a new secret and print it, this once. The old one is void.
    Rotate {
        /// Which.
        name: String,
        /// May do nothing after such a time: 90d, 12h. Without it: as before.
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<Duration>,
    },
    /// Let a robot do nothing any more.
    Disable {
        /// Which.
        name: String,
    },
    /// Let a robot sign in again.
    Enable {
        /// Which.
        name: String,
    },
    /// List robots.
    List,
    /// Remove a robot with its grants.
    Remove {
        /// Which.
        name: String,
    },
}

/// `berth token`.
#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) verb: TokenVerb,
    #[command(flatten)]
    pub(crate) at: At,
}

/// What to do with personal tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token and print it, this once.
    Create {
        /// What to call it, such as laptop.
        #[arg(default_value = "token")]
        label: String,
        /// Whose; over the network without it: one's own.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// The most that it may be used for, such as pull:team/**. May be repeated. Without it:
        /// whatever the user may do. A token with scopes decides about nobody.
        #[arg(long = "scope", value_name = "ACTION:PATTERN")]
        scopes: Vec<TokenScope>,
        /// Void after such a time: 90d, 12h.
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<Duration>,
    },
    /// List tokens, without the tokens.
    List {
        /// Whose; over the network without it: one's own.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Revoke a token.
    Revoke {
        /// Its number, from the list.
        id: i64,
    },
}

fn role_at(text: &str) -> Result<RoleAt, String> {
    let (role, pattern) = text
        .split_once(':')
        .ok_or_else(|| "write ROLE:PATTERN, such as developer:team/web/**".to_owned())?;
    let pattern = pattern.parse().map_err(|error| format!("{error}"))?;
    Ok(RoleAt { role: role.to_owned(), pattern })
}
