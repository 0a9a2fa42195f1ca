//! `berth user | team | robot | token | role | grant | …`: each is one command
//! of the accounts, carried to whoever keeps them.

mod audit;
mod door;
mod file;
mod password;
mod remote;
mod show;

use registry::accounts::command::PageRequest;
use registry::accounts::{Answer, Command};

use crate::args::access::{
    AccessCommand, At, CanI, GrantsOf, MemberVerb, PasswordFrom, RobotVerb, RoleVerb, Setting,
    Setup, TeamVerb, TokenVerb, UserVerb,
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
    let (at, commands) = match command {
        AccessCommand::User(user) => {
            let command = of_user(user.verb)?;
            (user.at, vec![command])
        }
        AccessCommand::Team(team) => (team.at, of_team(team.verb)),
        AccessCommand::Robot(robot) => (robot.at, vec![of_robot(robot.verb)]),
        AccessCommand::Token(token) => (token.at, vec![of_token(token.verb)]),
        AccessCommand::Role(role) => (role.at, vec![of_role(role.verb)]),
        AccessCommand::Grant(it) => {
            let (subject, role, pattern) = (it.subject, it.role, it.pattern);
            (it.at, vec![Command::Grant { subject, role, pattern }])
        }
        AccessCommand::Revoke(it) => {
            let (subject, role, pattern) = (it.subject, it.role, it.pattern);
            (it.at, vec![Command::Revoke { subject, role, pattern }])
        }
        AccessCommand::Grants(it) => {
            let (subject, pattern) = match it.of {
                None => (None, None),
                Some(GrantsOf::Subject(subject)) => (Some(subject), None),
                Some(GrantsOf::Pattern(pattern)) => (None, Some(pattern)),
            };
            (it.at, vec![Command::Grants { subject, pattern, page: PageRequest::default() }])
        }
        AccessCommand::Visibility(it) => (it.at, vec![of_visibility(it.pattern, it.visibility)]),
        AccessCommand::CanI(question) => return can_i(question).await,
        AccessCommand::Apply(apply) => return file::apply(apply).await.map(|()| true),
        AccessCommand::ExportAccess(plain) => return file::export(&plain.at).await.map(|()| true),
        AccessCommand::Audit(audit) => return audit::run(audit).await,
        AccessCommand::Setup(setup) => return first_admin(setup).await.map(|()| true),
        AccessCommand::Whoami(plain) => (plain.at, vec![Command::Whoami]),
    };
    carry(&at, commands).await.map(|()| true)
}

/// Does one after the other and shows each answer.
async fn carry(at: &At, commands: Vec<Command>) -> Result<(), String> {
    let door = Door::open(at).await?;
    let mut done = Ok(());
    for command in commands {
        done = match whole(&door, command).await {
            Ok(answer) => {
                show::answer(&answer, at.json);
                Ok(())
            }
            Err(error) => Err(error),
        };
        if done.is_err() {
            break;
        }
    }
    door.close().await;
    done
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

fn of_team(verb: TeamVerb) -> Vec<Command> {
    match verb {
        TeamVerb::Add { name } => vec![Command::TeamAdd { name }],
        TeamVerb::Member { verb: MemberVerb::Add { team, users } } => users
            .into_iter()
            .map(|user| Command::TeamMemberAdd { team: team.clone(), user })
            .collect(),
        TeamVerb::Member { verb: MemberVerb::Remove { team, users } } => users
            .into_iter()
            .map(|user| Command::TeamMemberRemove { team: team.clone(), user })
            .collect(),
        TeamVerb::List => vec![Command::TeamList { page: PageRequest::default() }],
        TeamVerb::Remove { name } => vec![Command::TeamRemove { name }],
    }
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
