//! `berth user | team | robot | token | role | grant | …`: each is one command
//! of the accounts, carried to whoever keeps them.

mod audit;
mod door;
mod file;
mod members;
mod password;
mod remote;
mod show;

use registry::accounts::command::PageRequest;
use registry::accounts::{Answer, Command};

use crate::args::access::{
    AccessCommand, At, CanI, GrantsOf, PasswordFrom, RobotVerb, RoleVerb, Setting, Setup, Team,
    TeamVerb, TokenVerb, UserVerb,
};

use super::{runtime, say};
use door::Door;
use remote::Remote;

/// Does it; `false` if the answer is no.
pub(super) fn run(command: AccessCommand) -> Result<bool, String> {
    let runtime = runtime()?;
    let done = runtime.block_on(dispatch(command));
    // A read of standard input cannot be called off.
    runtime.shutdown_background();
    done
}

async fn dispatch(command: AccessCommand) -> Result<bool, String> {
    let (at, command) = match command {
        AccessCommand::User(user) => {
            let command = of_user(user.verb)?;
            (user.at, command)
        }
        AccessCommand::Team(Team { verb, at }) => match verb {
            TeamVerb::Member { verb } => return members::change(&at, verb).await.map(|()| true),
            TeamVerb::Add { name } => (at, Command::TeamAdd { name }),
            TeamVerb::List => (at, Command::TeamList { page: PageRequest::default() }),
            TeamVerb::Remove { name } => (at, Command::TeamRemove { name }),
        },
        AccessCommand::Robot(robot) => (robot.at, of_robot(robot.verb)),
        AccessCommand::Token(token) => (token.at, of_token(token.verb)),
        AccessCommand::Role(role) => (role.at, of_role(role.verb)),
        AccessCommand::Grant(it) => {
            let (subject, role, pattern) = (it.subject, it.role, it.pattern);
            (it.at, Command::Grant { subject, role, pattern })
        }
        AccessCommand::Revoke(it) => {
            let (subject, role, pattern) = (it.subject, it.role, it.pattern);
            (it.at, Command::Revoke { subject, role, pattern })
        }
        AccessCommand::Grants(it) => {
            let (subject, pattern) = match it.of {
                None => (None, None),
                Some(GrantsOf::Subject(subject)) => (Some(subject), None),
                Some(GrantsOf::Pattern(pattern)) => (None, Some(pattern)),
            };
            (it.at, Command::Grants { subject, pattern, page: PageRequest::default() })
        }
        AccessCommand::Visibility(it) => (it.at, of_visibility(it.pattern, it.visibility)),
        AccessCommand::CanI(question) => return can_i(question).await,
        AccessCommand::Apply(apply) => return file::apply(apply).await.map(|()| true),
        AccessCommand::ExportAccess(plain) => return file::export(&plain.at).await.map(|()| true),
        AccessCommand::Audit(audit) => return audit::run(audit).await,
        AccessCommand::Setup(setup) => return first_admin(setup).await.map(|()| true),
        AccessCommand::Whoami(plain) => (plain.at, Command::Whoami),
    };
    carry(&at, command).await.map(|()| true)
}

/// Does it and shows the answer.
async fn carry(at: &At, command: Command) -> Result<(), String> {
    let door = Door::open(at).await?;
    let done = whole(&door, command).await;
    if let Ok(answer) = &done {
        show::answer(answer, at.json);
    }
    door.close().await;
    done.map(drop)
}

/// The answer with all pages of its list.
async fn whole(door: &Door, mut command: Command) -> Result<Answer, String> {
    let mut all = door.ask(command.clone()).await?;
    while let Some(next) = next_of(&mut all) {
        match &mut command {
            Command::UserList { page }
            | Command::RobotList { page }
            | Command::TeamList { page }
            | Command::Grants { page, .. }
            | Command::Visibilities { page } => page.after = Some(next),
            _ => break,
        }
        append(&mut all, door.ask(command.clone()).await?);
    }
    Ok(all)
}

fn next_of(answer: &mut Answer) -> Option<String> {
    match answer {
        Answer::Accounts { next, .. }
        | Answer::Teams { next, .. }
        | Answer::Grants { next, .. }
        | Answer::Visibilities { next, .. } => next.take(),
        _ => None,
    }
}

fn append(all: &mut Answer, page: Answer) {
    match (all, page) {
        (Answer::Accounts { accounts, next }, Answer::Accounts { accounts: more, next: then }) => {
            accounts.extend(more);
            *next = then;
        }
        (Answer::Teams { teams, next }, Answer::Teams { teams: more, next: then }) => {
            teams.extend(more);
            *next = then;
        }
        (Answer::Grants { grants, next }, Answer::Grants { grants: more, next: then }) => {
            grants.extend(more);
            *next = then;
        }
        (
            Answer::Visibilities { visibilities, next },
            Answer::Visibilities { visibilities: more, next: then },
        ) => {
            visibilities.extend(more);
            *next = then;
        }
        _ => {}
    }
}

fn of_user(verb: UserVerb) -> Result<Command, String> {
    Ok(match verb {
        UserVerb::Add { name, admin, expires, password } => Command::UserAdd {
            password: password::new(password, &name)?,
            name,
            generate: password.generate,
            admin,
            expires_in_seconds: expires.map(|time| time.as_secs()),
        },
        UserVerb::List => Command::UserList { page: PageRequest::default() },
        UserVerb::Show { name } => Command::UserShow { name },
        UserVerb::Passwd { name, old_password_file, password } => Command::UserPasswd {
            old_password: old_password_file.as_deref().map(password::in_file).transpose()?,
            password: password::new(password, name.as_deref().unwrap_or("yourself"))?,
            name,
            generate: password.generate,
        },
        UserVerb::Disable { name } => Command::UserDisable { name },
        UserVerb::Enable { name } => Command::UserEnable { name },
        UserVerb::Admin { name, revoke } => Command::UserAdmin { name, admin: !revoke },
        UserVerb::Remove { name } => Command::UserRemove { name },
    })
}

/// People write the name as robots sign in with it.
fn bare(name: String) -> String {
    name.strip_prefix("robot$").map(str::to_owned).unwrap_or(name)
}

fn of_robot(verb: RobotVerb) -> Command {
    match verb {
        RobotVerb::Add { name, expires, grants } => Command::RobotAdd {
            name: bare(name),
            expires_in_seconds: expires.map(|time| time.as_secs()),
            grants,
        },
        RobotVerb::Rotate { name, expires } => Command::RobotRotate {
            name: bare(name),
            expires_in_seconds: expires.map(|time| time.as_secs()),
        },
        RobotVerb::Disable { name } => Command::RobotDisable { name: bare(name) },
        RobotVerb::Enable { name } => Command::RobotEnable { name: bare(name) },
        RobotVerb::List => Command::RobotList { page: PageRequest::default() },
        RobotVerb::Remove { name } => Command::RobotRemove { name: bare(name) },
    }
}

fn of_token(verb: TokenVerb) -> Command {
    match verb {
        TokenVerb::Create { label, user, scopes, expires } => Command::TokenCreate {
            user,
            label,
            scopes,
            expires_in_seconds: expires.map(|time| time.as_secs()),
        },
        TokenVerb::List { user } => Command::TokenList { user },
        TokenVerb::Revoke { id } => Command::TokenRevoke { id },
    }
}

fn of_role(verb: RoleVerb) -> Command {
    match verb {
        RoleVerb::Put { name, actions } => Command::RolePut { name, actions },
        RoleVerb::List => Command::RoleList,
        RoleVerb::Remove { name } => Command::RoleRemove { name },
    }
}

fn of_visibility(pattern: Option<registry::access::Pattern>, setting: Option<Setting>) -> Command {
    let Some(pattern) = pattern else {
        return Command::Visibilities { page: PageRequest::default() };
    };
    let visibility = match setting {
        Some(Setting::To(visibility)) => Some(visibility),
        Some(Setting::Unset) | None => None,
    };
    Command::Visibility { pattern, visibility }
}

async fn can_i(question: CanI) -> Result<bool, String> {
    let CanI { subject, action, repository, explain, at } = question;
    let command = Command::CanI { subject: Some(subject), action, repository };
    let answer = Door::ask_once(&at, command).await?;
    if at.json {
        show::answer(&answer, true);
    } else {
        show::decision(&answer, explain);
    }
    Ok(matches!(answer, Answer::Decision { allowed: true, .. }))
}

async fn first_admin(setup: Setup) -> Result<(), String> {
    let Setup { name, setup_secret_file, at } = setup;
    let Some(server) = door::server_of(&at) else {
        return Err("name the registry with --server URL; on its own machine use `berth user add \
                    NAME --admin`"
            .to_owned());
    };
    let secret = password::in_file(&setup_secret_file)?;
    let from = PasswordFrom { password_stdin: false, generate: false };
    let password = password::new(from, &name)?.unwrap_or_default();
    let remote = Remote::anonymous(&server, &at)?;
    let answer = remote.send(server::setup_request(&secret, &name, &password)).await?;
    show::answer(&answer, at.json);
    Ok(())
}

/// What was made for somebody who reads it elsewhere goes to standard output;
/// words about it to standard error.
fn note(text: &str) {
    super::complain(text);
}

/// A line of the answer.
fn print(text: &str) {
    say(text);
}
